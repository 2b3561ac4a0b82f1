"""Ablations: a recipe beside what it is without each of its parts; what `jaxmem ablation NAME` looks up."""

import functools
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from jaxmem.config import ConfigError, lookup
from jaxmem.experiment import Choice, pick, run_file, shipped_files
from jaxmem.training.folder import Row

Cell = Mapping[str, str]
"""A level of each factor."""

_BETWEEN = "_"


@dataclass(frozen=True)
class Factor:
    """Something that is varied.

    Attributes:
        name: the command line calls its levels by the plural, `--lengths`.
        levels: what it can be.
        base: the level at which it is while others are varied, one at a time.
        role: "task": crossed with all others, even one factor at a time, and a row of panels each. The others are
            in "panels" of a row, or along the axes "x" and "y" of each panel, in the picture of what was solved.
    """

    name: str
    levels: tuple[str, ...]
    base: str
    role: Literal["task", "panels", "x", "y"]

    @property
    def option(self) -> str:
        """What the command line calls its levels."""
        return f"--{self.name}s"

    def chosen(self, levels: Sequence[str] | None) -> list[str]:
        """Its own levels among those that are asked for, each once; all where none are.

        Raises:
            ConfigError: for a level that it has not.
        """
        for level in levels or ():
            if level not in self.levels:
                raise ConfigError(f"{self.option} is {level!r}: allowed are {', '.join(self.levels)}")
        return [level for level in self.levels if levels is None or level in levels]


@dataclass(frozen=True)
class Quantity:
    """Something that tells how a run goes: a column of `metrics.csv`, or the ratio of two.

    Attributes:
        name: column of the results.
        title: what a picture calls it.
        column: of `metrics.csv`.
        per: another one that it is divided by; none for the column itself.
        log: whether it is drawn on a logarithmic axis.
    """

    name: str
    title: str
    column: str
    per: str = ""
    log: bool = False

    def of(self, row: Row) -> float:
        """Its value in a row; nan where the cell is empty, or there is nothing to divide by.

        Raises:
            ConfigError: if there is no such column.
        """
        value = lookup(row, self.column, "column of metrics.csv")
        if not self.per:
            return value
        divisor = lookup(row, self.per, "column of metrics.csv")
        return value / divisor if divisor else math.nan


@dataclass(frozen=True)
class Ablation:
    """A grid of configurations.

    Attributes:
        name: what the command line calls it.
        description: one line for `jaxmem list ablations`.
        factors: what is varied; one of them in each role, and more along y if there are. ConfigError else.
        quantities: what is followed over training.
        make: from the levels of a cell to its configuration.
        steps: environment steps after which a seed that has not solved the task is given up.
        seeds: of each cell, side by side in one program.
    """

    name: str
    description: str
    factors: tuple[Factor, ...]
    quantities: tuple[Quantity, ...]
    make: Callable[[Cell], Choice]
    steps: int = 5_000_000
    seeds: int = 3

    def __post_init__(self) -> None:
        roles = [factor.role for factor in self.factors]
        for role in ("task", "panels", "x"):
            if roles.count(role) != 1:
                raise ConfigError(
                    f"ablation {self.name} has {roles.count(role)} factors in the role {role}: allowed is 1"
                )
        if "y" not in roles:
            raise ConfigError(f"ablation {self.name} has no factor in the role y: allowed is 1 or more")

    def factor(self, role: str) -> Factor:
        """The factor in a role."""
        return next(factor for factor in self.factors if factor.role == role)

    def cells(self, chosen: Mapping[str, Sequence[str] | None], one_factor: bool = False) -> list[Cell]:
        """Cells of the grid, the first factor varying slowest.

        Args:
            chosen: by the factors' names, levels that are wanted; all of a factor that is missing or None.
            one_factor: only those that differ from the base in one factor at most, tasks not counted.

        Raises:
            ConfigError: for an unknown level, or if nothing is left.
        """
        levels = [factor.chosen(chosen.get(factor.name)) for factor in self.factors]
        names = [factor.name for factor in self.factors]
        cells: list[Cell] = [dict(zip(names, combination, strict=True)) for combination in itertools.product(*levels)]
        if one_factor:
            cells = [cell for cell in cells if self.distance(cell) <= 1]
        if not cells:
            raise ConfigError(f"no cell of {self.name} has these levels: without --one-factor there are others")
        return cells

    def distance(self, cell: Cell) -> int:
        """In how many factors a cell differs from the base, tasks not counted."""
        return sum(cell[factor.name] != factor.base for factor in self.factors if factor.role != "task")

    def choice(self, cell: Cell) -> Choice:
        """The configuration of a cell under the cell's name, with the usual number of seeds."""
        choice = self.make(cell)
        name = _BETWEEN.join(cell[factor.name] for factor in self.factors)
        return replace(choice, cell=name, config=replace(choice.config, seeds=self.seeds))

    def cell_of(self, name: str) -> Cell:
        """The cell of a name that `choice` gave."""
        return dict(zip([factor.name for factor in self.factors], name.split(_BETWEEN), strict=True))

    def label(self, cell: Cell) -> str:
        """What tells a cell from others of its task: all levels of the base, of another cell what is not the base's."""
        factors = [factor for factor in self.factors if factor.role != "task"]
        changed = [f"{factor.name} {cell[factor.name]}" for factor in factors if cell[factor.name] != factor.base]
        return ", ".join(changed) or "base: " + ", ".join(f"{factor.name} {factor.base}" for factor in factors)


def from_file(path: Path) -> dict[str, Ablation]:
    """The ablations that a Python file defines, its list `ABLATIONS`, by name; none if it has no such list.

    Raises:
        ConfigError: if the file is missing or fails, or a level cannot be part of a name.
    """
    found: list[Ablation] = getattr(run_file(path), "ABLATIONS", [])
    for level in (level for item in found for factor in item.factors for level in factor.levels):
        if not re.fullmatch(r"[A-Za-z0-9.+-]+", level):
            raise ConfigError(f"a level in {path} is {level!r}: allowed are letters, digits and . + -")
    return {item.name: item for item in found}


@functools.cache
def shipped() -> dict[str, Ablation]:
    """All shipped ablations by name."""
    return {name: item for path in shipped_files() for name, item in from_file(path).items()}


def find(name: str) -> Ablation:
    """The ablation called `name`; `file.py` (if it defines one) or `file.py:name` takes a user's own.

    Raises:
        ConfigError: if there is none.
    """
    return pick(name, shipped, from_file, "ablation")
