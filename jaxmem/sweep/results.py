"""What an ablation found: a row a cell and seed, and the curves of all of them."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jaxmem.ablation import Ablation
from jaxmem.analysis.tables import figure, write_table
from jaxmem.config import ConfigError
from jaxmem.sweep.folder import SweepFolder
from jaxmem.training.folder import Row, RunFolder, write_atomically
from jaxmem.training.options import LoopOptions
from jaxmem.training.train import finished_rows

Record = dict[str, str]
"""A line of a csv file."""


def steps_to_solution(loop: LoopOptions, rows: Sequence[Row]) -> int | None:
    """Environment steps after which a seed, in all its evaluations, first counts as solved; None if it never does."""
    reached = 0
    for row in rows:
        reached = reached + 1 if loop.is_solved([row]) else 0
        if reached == loop.stop_evals:
            return row["env_steps"]
    return None


@dataclass
class Results:
    """Files that tell of all finished cells in an ablation's folder, whichever command has trained them.

    Attributes:
        folder: the ablation's.
        ablation: what it is of.
    """

    folder: SweepFolder
    ablation: Ablation
    _known: dict[str, list[Row]] = field(default_factory=dict)

    @property
    def seeds_csv(self) -> Path:
        """One row a cell and seed."""
        return self.folder.path / "results.csv"

    @property
    def curves_csv(self) -> Path:
        """One row a cell, seed and evaluation."""
        return self.folder.path / "curves.csv"

    def write(self) -> None:
        """Write all files anew, each atomically; raises `OSError` where the disk does not take them."""
        seeds, curves = [], []
        for run in self.folder.runs():
            rows = self._rows(run)
            if rows is not None:
                seeds += self._of_seeds(run, rows)
                curves += self._of_curves(run, rows)
        _write_csv(self.seeds_csv, seeds)
        _write_csv(self.curves_csv, curves)
        write_table(self.folder.table_csv, self.folder.table_markdown, *self._of_cells(seeds))

    def read(self) -> tuple[list[Record], list[Record]]:
        """The rows of both files; raises `ConfigError` if no cell is finished yet, or they cannot be read."""
        try:
            files = [path.read_text(encoding="utf-8") for path in (self.seeds_csv, self.curves_csv)]
        except (OSError, ValueError) as error:
            raise ConfigError(f"no results of the ablation {self.ablation.name} in {self.folder.path}") from error
        seeds, curves = (list(csv.DictReader(file.splitlines())) for file in files)
        if not seeds:
            raise ConfigError(f"no cell in {self.folder.path} is finished yet")
        return seeds, curves

    def _rows(self, run: RunFolder) -> list[Row] | None:
        name = run.path.name
        if name not in self._known:
            try:
                rows = finished_rows(run)
            except ConfigError:
                # Training it says what is wrong.
                rows = None
            if rows is None:
                return None
            self._known[name] = rows
        return self._known[name]

    def _of_seeds(self, run: RunFolder, rows: list[Row]) -> list[Record]:
        loop, cell = run.read_loop(), self.ablation.cell_of(run.path.name)
        found = []
        for seed in sorted({row["seed"] for row in rows}):
            own = [row for row in rows if row["seed"] == seed]
            steps = steps_to_solution(loop, own)
            ends = {quantity.name: figure(quantity.of(own[-1])) for quantity in self.ablation.quantities}
            counted = {"solved": str(int(steps is not None)), "steps": "" if steps is None else str(steps)}
            counted["env_steps"] = str(own[-1]["env_steps"])
            found.append({**cell, "seed": str(seed), **counted, **ends})
        return found

    def _of_curves(self, run: RunFolder, rows: list[Row]) -> list[Record]:
        cell = self.ablation.cell_of(run.path.name)
        return [
            {**cell, "seed": str(row["seed"]), "env_steps": str(row["env_steps"])}
            | {quantity.name: figure(quantity.of(row)) for quantity in self.ablation.quantities}
            for row in rows
        ]

    def _of_cells(self, seeds: list[Record]) -> tuple[list[str], list[list[str]]]:
        """A row a cell: seeds solved, the median of their steps, and of all seeds that of each quantity."""
        factors = [factor.name for factor in self.ablation.factors]
        names = [quantity.name for quantity in self.ablation.quantities]
        cells: dict[tuple[str, ...], list[Record]] = {}
        for record in seeds:
            cells.setdefault(tuple(record[name] for name in factors), []).append(record)
        table = []
        for cell, records in cells.items():
            solved = [record for record in records if record["steps"]]
            medians = [figure(median(records, name)) for name in names]
            table.append([*cell, f"{len(solved)} of {len(records)}", figure(median(solved, "steps")), *medians])
        return [*factors, "seeds solved", "steps", *names], table


def median(records: Sequence[Record], name: str) -> float:
    """The median of a column over the records that have it; nan where none has."""
    values = [float(record[name]) for record in records if record[name]]
    return float(np.median(values)) if values else math.nan


def _write_csv(path: Path, records: Sequence[Record]) -> None:
    lines = io.StringIO()
    if records:
        writer = csv.DictWriter(lines, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    write_atomically(path, lines.getvalue())
