"""The folder that a run writes: `runs/<experiment>/<id>/`."""

import contextlib
import csv
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jaxmem
from jaxmem.config import ConfigError, replace
from jaxmem.training.options import LoopOptions, RunConfig

Row = dict[str, Any]


class Configuration(Protocol):
    """A configuration, of whatever kind of run."""

    def to_json(self) -> dict[str, Any]:
        """The configuration as JSON values."""
        ...


LOCK = ".lock"
COUNTERS = ("seed", "env_steps", "episodes", "updates")


@dataclass(frozen=True)
class RunFolder:
    """Paths and files of one run.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints are."""
        return self.path / "checkpoints"

    @property
    def config_file(self) -> Path:
        """The configuration as JSON."""
        return self.path / "config.json"

    @property
    def metrics_file(self) -> Path:
        """One row an evaluation and seed."""
        return self.path / "metrics.csv"

    @property
    def curve(self) -> Path:
        """The learning curve as a picture."""
        return self.path / "curve.png"

    @staticmethod
    def create(path: Path, experiment: str, preset: str, config: Configuration) -> "RunFolder":
        """Make the folder of a new run and write its configuration.

        Raises:
            ConfigError: if it holds a run already or cannot be written.
        """
        folder = RunFolder(path)
        try:
            if folder.config_file.exists():
                raise ConfigError(f"run folder {path} holds a run already: choose another, or --resume it")
            path.mkdir(parents=True, exist_ok=True)
            record = {
                "jaxmem": jaxmem.__version__,
                "experiment": experiment,
                "preset": preset,
                "config": config.to_json(),
            }
            write_atomically(folder.config_file, json.dumps(record, indent=2) + "\n")
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(f"run folder {path} cannot be written: {reason}") from error
        return folder

    @staticmethod
    def open(path: Path) -> "RunFolder":
        """The folder of an existing run; raises `ConfigError` if there is none at `path`."""
        folder = RunFolder(path)
        if not path.is_dir():
            raise ConfigError(f"no run folder at {path}: allowed is a folder that `jaxmem run` wrote")
        if not folder.config_file.is_file():
            raise ConfigError(f"{path} is not a run folder: it has no config.json")
        return folder

    def read_record(self) -> dict[str, Any]:
        """What `config.json` holds: jaxmem's version, experiment, preset and config as JSON values."""
        record = read_json(self.config_file)
        if not isinstance(record, dict) or not isinstance(record.get("config"), dict):
            raise ConfigError(f"{self.config_file} is not the configuration of a run")
        return record

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in this folder; raises `ConfigError` if one does already."""
        with locked(self.path, "run folder"):
            yield

    def label(self) -> str:
        """Experiment and core, as a legend calls the run."""
        record = self.read_record()
        self._of_agent(record["config"])
        try:
            return f"{record['experiment']} {record['config']['core']['name']}"
        except (KeyError, TypeError) as error:
            raise ConfigError(f"{self.config_file} is not the configuration of a run") from error

    def read_config(self) -> RunConfig:
        """The run's configuration."""
        return RunConfig.from_json(self._of_agent(self.read_record()["config"]))

    def _of_agent(self, config: dict[str, Any]) -> dict[str, Any]:
        """A configuration as it is; raises `ConfigError` for one of a sequence model, which studies train."""
        if "learn" in config and "agent" not in config:
            raise ConfigError(
                f"{self.path} is the run of a sequence model, part of a study: allowed is one of an agent"
            )
        return config

    def read_loop(self) -> LoopOptions:
        """The run's training loop; unlike the whole configuration, it needs no environment that is registered."""
        try:
            return replace(LoopOptions(), **self.read_record()["config"]["loop"])
        except (KeyError, TypeError) as error:
            raise ConfigError(f"{self.config_file} is not the configuration of a run") from error

    def read_metrics(self) -> list[Row]:
        """The rows of `metrics.csv`, counters as integers, the rest floats; `ConfigError` if they cannot be read."""
        try:
            content = self.metrics_file.read_text(encoding="utf-8")
            # A run that was killed while it wrote may have left half a line.
            whole = content[: content.rfind("\n") + 1]
            return [
                {name: int(value) if name in COUNTERS else float(value or "nan") for name, value in row.items()}
                for row in csv.DictReader(whole.splitlines())
            ]
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ConfigError(f"{self.metrics_file} cannot be read: {error}") from error

    def write_metrics(self, rows: list[Row]) -> None:
        """Write `metrics.csv` anew, atomically; an integer stays one."""
        lines = [",".join(rows[0]) + "\n"] if rows else []
        write_atomically(self.metrics_file, "".join(lines + [_line(row) for row in rows]))

    def append_metrics(self, rows: list[Row]) -> None:
        """Add rows to the end of `metrics.csv`, which must have its header."""
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write("".join(_line(row) for row in rows))
            file.flush()
            os.fsync(file.fileno())


def read_json(path: Path) -> Any:
    """What a JSON file holds; raises `ConfigError` if it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


@contextlib.contextmanager
def locked(folder: Path, kind: str) -> Iterator[None]:
    """Keep other processes from a folder, `kind` in words; raises `ConfigError` if one uses it already."""
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{kind} {folder} is in use by another process") from error
        yield


def _line(row: Row) -> str:
    return ",".join(_cell(value) for value in row.values()) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    return "" if value != value else f"{value:.7g}"


def write_atomically(path: Path, content: str) -> None:
    """Write a text file so that a reader, or a crash, sees the old content or the new and nothing between."""
    temporary = path.with_name(path.name + ".part")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
