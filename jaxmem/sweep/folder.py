"""The folder that a sweep writes: `runs/sweeps/<id>/`."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jaxmem
from jaxmem.config import ConfigError, describe, flat
from jaxmem.experiment import Choice
from jaxmem.training.folder import LOCK, RunFolder, locked, read_json, write_atomically

_RECORD = "sweep.json"


def cell_name(choice: Choice) -> str:
    """What the folder of one run of a sweep is called."""
    return choice.cell or "-".join(
        [choice.experiment, choice.preset, choice.config.core.name, choice.config.agent.name]
    )


@dataclass(frozen=True)
class SweepFolder:
    """Paths and files of one sweep.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def record_file(self) -> Path:
        """What was asked for, and the configurations that this is."""
        return self.path / _RECORD

    @property
    def table_csv(self) -> Path:
        """One row a cell."""
        return self.path / "table.csv"

    @property
    def table_markdown(self) -> Path:
        """The same for people."""
        return self.path / "table.md"

    def run(self, choice: Choice) -> RunFolder:
        """Where a cell is trained."""
        return RunFolder(self.path / cell_name(choice))

    def is_sweep(self) -> bool:
        """Whether a sweep was begun here."""
        return self.record_file.is_file()

    def runs(self) -> list[RunFolder]:
        """Where the cells are or will be, in order; raises `ConfigError` if this cannot be read."""
        return [RunFolder(self.path / cell["folder"]) for cell in self._read()["cells"]]

    @contextlib.contextmanager
    def opened(self, asked: Mapping[str, Any], choices: Sequence[Choice], grows: bool = False) -> Iterator[None]:
        """Begin the sweep or go on with it, alone; the folder is made if it is missing.

        Args:
            asked: the command, as JSON values.
            choices: the cells that follow from it.
            grows: whether they may be others than before, which stay; those of one name must be the same.

        Raises:
            ConfigError: if the folder is in use, holds something else or the sweep of another command, or cannot be
                written.
        """
        cells = [
            {"folder": cell_name(item), "experiment": item.experiment, "preset": item.preset}
            | {"config": item.config.to_json()}
            for item in choices
        ]
        # As it will be read back, for comparison.
        record = json.loads(json.dumps({"jaxmem": jaxmem.__version__, "asked": asked, "cells": cells}))
        with contextlib.ExitStack() as opened:
            try:
                self._check_free()
                self.path.mkdir(parents=True, exist_ok=True)
                opened.enter_context(locked(self.path, "sweep folder"))
                old = self._read() if self.is_sweep() else None
                if old is not None:
                    self._check_same(old, record, grows)
                    record = _joined(old, record)
                if record != old:
                    write_atomically(self.record_file, json.dumps(record, indent=2) + "\n")
            except OSError as error:
                reason = error.strerror or error
                raise ConfigError(f"sweep folder {self.path} cannot be written: {reason}") from error
            yield

    def _check_free(self) -> None:
        # A sweep that was killed at its very beginning may have left the lock and half a record.
        ours = (LOCK, _RECORD, _RECORD + ".part")
        if self.is_sweep() or not self.path.exists():
            return
        others = sorted(path.name for path in self.path.iterdir() if path.name not in ours)
        if others:
            raise ConfigError(f"{self.path} is not a sweep folder: it holds {others[0]!r}, choose another --id")

    def _check_same(self, found: dict[str, Any], record: dict[str, Any], grows: bool) -> None:
        for name, value in record["asked"].items():
            if found["asked"].get(name) != value:
                raise ConfigError(
                    f"sweep folder {self.path} is of another command: {name} were {_words(found['asked'].get(name))}, "
                    f"now {_words(value)}; choose another --id"
                )
        before_and_now = zip(found["cells"], record["cells"], strict=False)
        if grows:
            known = {cell["folder"]: cell for cell in found["cells"]}
            before_and_now = ((known[cell["folder"]], cell) for cell in record["cells"] if cell["folder"] in known)
        for old, new in before_and_now:
            for name in {**flat(old), **flat(new)}:
                before, now = (flat(cell).get(name) for cell in (old, new))
                if before != now:
                    raise ConfigError(
                        f"sweep folder {self.path} was begun with another configuration: in {old['folder']}, "
                        f"{name} was {describe(before)}, now {describe(now)}; choose another --id"
                    )

    def _read(self) -> dict[str, Any]:
        record = read_json(self.record_file)
        try:
            if not (isinstance(record["asked"], dict) and all(isinstance(c["folder"], str) for c in record["cells"])):
                raise ConfigError(f"{self.record_file} is not the record of a sweep")
        except (KeyError, TypeError) as error:
            raise ConfigError(f"{self.record_file} cannot be read: {error}") from error
        return record


def _joined(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The record with the cells of both, the old ones first."""
    known = [cell["folder"] for cell in old["cells"]]
    return old | {"cells": old["cells"] + [cell for cell in new["cells"] if cell["folder"] not in known]}


def _words(value: Any) -> str:
    return " ".join(value) if value else "none"
