"""The folder that a study writes: a run's folder for each model, and what all of them reach."""

import contextlib
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jaxmem
from jaxmem.analysis.tables import write_csv
from jaxmem.config import ConfigError
from jaxmem.offline.options import OfflineConfig
from jaxmem.training.folder import RunFolder, locked, read_json, write_atomically

_RECORD = "study.json"
_PLAYED = "played.csv"


@dataclass(frozen=True)
class Played:
    """How one seed's episodes went at one length.

    Attributes:
        steps: the most steps of an episode; None stands for the task as it was trained on.
        seed: which seed.
        outcome: means over the episodes, by name.
    """

    steps: int | None
    seed: int
    outcome: Mapping[str, float]


@dataclass(frozen=True)
class StudyFolder:
    """Paths and files of one study.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def results_csv(self) -> Path:
        """One row a model, length and seed."""
        return self.path / "results.csv"

    @property
    def table_csv(self) -> Path:
        """One row a model: means over the seeds by length."""
        return self.path / "table.csv"

    @property
    def table_markdown(self) -> Path:
        """The same for people, beside what was published."""
        return self.path / "table.md"

    @property
    def picture(self) -> Path:
        """Success by length."""
        return self.path / "lengths.png"

    def run(self, model: str) -> RunFolder:
        """Where a model is trained."""
        return RunFolder(self.path / model)

    @staticmethod
    def is_study(path: Path) -> bool:
        """Whether a study was begun in a folder."""
        return (path / _RECORD).is_file()

    @staticmethod
    def create(path: Path, study: str, preset: str, configs: Mapping[str, OfflineConfig]) -> "StudyFolder":
        """Make the folder of a new study, with those of its models.

        Raises:
            ConfigError: if it holds something already, or cannot be written.
        """
        folder = StudyFolder(path)
        if path.exists() and any(path.iterdir()):
            raise ConfigError(f"study folder {path} holds something already: choose another --id, or --resume it")
        try:
            path.mkdir(parents=True, exist_ok=True)
            for model, config in configs.items():
                RunFolder.create(path / model, study, preset, config)
            # Last, since what it names is there then.
            record = {"jaxmem": jaxmem.__version__, "study": study, "preset": preset, "models": list(configs)}
            write_atomically(path / _RECORD, json.dumps(record, indent=2) + "\n")
        except OSError as error:
            raise ConfigError(f"study folder {path} cannot be written: {error.strerror or error}") from error
        return folder

    def read_record(self) -> dict[str, Any]:
        """What study, preset and models it is of; raises `ConfigError` if it cannot be read."""
        path = self.path / _RECORD
        record = read_json(path)
        kinds = {"study": str, "preset": str, "models": list}
        if (
            not isinstance(record, dict)
            or not all(isinstance(record.get(name), kind) for name, kind in kinds.items())
            or not record["models"]
            or not all(isinstance(model, str) for model in record["models"])
        ):
            raise ConfigError(f"{path} is not the record of a study")
        return record

    def configs(self) -> dict[str, OfflineConfig]:
        """The models' configurations."""
        models = self.read_record()["models"]
        return {model: OfflineConfig.from_json(self.run(model).read_record()["config"]) for model in models}

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from working in this folder; raises `ConfigError` if one does already."""
        with locked(self.path, "study folder"):
            yield

    def write_played(self, model: str, played: list[Played]) -> None:
        """Write how a model's episodes went."""
        names = list(played[0].outcome)
        rows = [
            ["" if one.steps is None else str(one.steps), str(one.seed)]
            + [f"{one.outcome[name]:.7g}" for name in names]
            for one in played
        ]
        write_csv(self.run(model).path / _PLAYED, ["steps", "seed", *names], rows)

    def read_played(self, model: str) -> list[Played]:
        """How a model's episodes went as far as they were played; nothing where none were."""
        path = self.run(model).path / _PLAYED
        if not path.is_file():
            return []
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return [_played(row) for row in csv.DictReader(file)]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from error


def _played(row: dict[str, str]) -> Played:
    steps, seed = row.pop("steps"), row.pop("seed")
    return Played(int(steps) if steps else None, int(seed), {name: float(value) for name, value in row.items()})
