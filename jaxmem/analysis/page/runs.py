"""What a page needs to know about each run, read from its folder."""

import contextlib
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxmem.analysis.groups import RunData
from jaxmem.analysis.page.look import Look
from jaxmem.config import ConfigError
from jaxmem.training.checkpoint import Checkpoints
from jaxmem.training.folder import RunFolder

_COLUMNS = ("seed", "env_steps", "wall_s", "eval/return")
_PARAMETERS = re.compile(r"\.agent\.params\b.* \w+\[([\d, ]*)\]")


@dataclass(frozen=True)
class PageRun:
    """A run on a page.

    Attributes:
        name: what the page calls it: its folder, without what all runs' folders have in common.
        data: configuration and rows.
        version: of the library that made it.
        parameters: how many a seed's agent has; None where no checkpoint tells.
        look: what `jaxmem look` left; None where it was not run.
        command: the command that repeats it; None where the experiment is not known.
    """

    name: str
    data: RunData
    version: str
    parameters: int | None
    look: Look | None
    command: str | None = None

    @property
    def folder(self) -> RunFolder:
        """Where it is."""
        return self.data.folder

    def field(self, name: str) -> Any:
        """A field of its configuration by its dotted name; "" where it has none."""
        return self.data.config.get(name, "")


def page_runs(runs: Sequence[RunData], commands: Sequence[str | None]) -> list[PageRun]:
    """Runs as a page shows them, with the command that repeats each.

    Raises:
        ConfigError: if the metrics of one are damaged, or what `jaxmem look` left.
    """
    found = []
    for run, name, command in zip(runs, _names(runs), commands, strict=True):
        _check_rows(run)
        version = str(run.folder.read_record().get("jaxmem", ""))
        found.append(PageRun(name, run, version, _parameters(run), Look.read(run.folder.path), command))
    return found


def _names(runs: Sequence[RunData]) -> list[str]:
    paths = [run.folder.path.resolve() for run in runs]
    if len(paths) == 1:
        return [f"{paths[0].parent.name}/{paths[0].name}"]
    # Of folders inside of each other, the outer one would be called ".".
    common = os.path.commonpath([path.parent for path in paths])
    return [os.path.relpath(path, common) for path in paths]


def _check_rows(run: RunData) -> None:
    """Raise `ConfigError` for rows that are not one an evaluation and seed."""
    missing = [name for name in _COLUMNS if name not in run.rows[0]]
    if missing:
        raise ConfigError(f"{run.folder.metrics_file} is damaged: it has no column {missing[0]!r}")
    seeds = len({row["seed"] for row in run.rows})
    if any(row["seed"] != number % seeds for number, row in enumerate(run.rows)):
        raise ConfigError(f"{run.folder.metrics_file} is damaged: its rows are not one an evaluation and seed")


def _parameters(run: RunData) -> int | None:
    """Parameters of one seed, counted in the last checkpoint, since building the program could take simulators."""
    if not run.folder.checkpoints.is_dir():
        return None
    try:
        with contextlib.closing(Checkpoints(run.folder.checkpoints, keep=None)) as checkpoints:
            signature = checkpoints.signature(checkpoints.choose("latest"))
    except ConfigError:
        return None
    shapes = [found[1] for line in signature if (found := _PARAMETERS.fullmatch(line))]
    # The first axis of each is that of the seeds.
    return sum(math.prod(int(size) for size in shape.split(",")[1:]) for shape in shapes)
