"""What a sweep found, one row a cell."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxmem.analysis.statistics import interquartile_mean, interval, mean
from jaxmem.analysis.tables import figure, write_table
from jaxmem.experiment import Choice
from jaxmem.sweep.folder import SweepFolder
from jaxmem.training.folder import Row
from jaxmem.training.options import LoopOptions

COLUMNS = (
    "experiment",
    "preset",
    "core",
    "agent",
    "seeds",
    "env steps",
    "greedy return",
    "CI low",
    "CI high",
    "IQM",
    "success",
    "seeds solved",
    "state",
)
DONE, FAILED, OPEN = "done", "failed", "open"


class Outcome(NamedTuple):
    """How far a cell is.

    Attributes:
        choice: the cell.
        rows: those of its finished run, read back from the disk, so that they do not depend on who wrote them.
        state: "done", "failed" or "open".
    """

    choice: Choice
    rows: Sequence[Row] | None
    state: str


def write_outcomes(folder: SweepFolder, outcomes: Sequence[Outcome]) -> None:
    """Write the table of a sweep, as CSV and Markdown."""
    write_table(folder.table_csv, folder.table_markdown, COLUMNS, [_row_of(outcome) for outcome in outcomes])


def _row_of(outcome: Outcome) -> list[str]:
    """A cell's row, as text.

    Returns:
        The columns of `COLUMNS`: means over the seeds at their last evaluation, the 95 % bootstrap interval of the
        return's mean; how many seeds' last evaluation reaches the loop's bounds. What does not apply is empty.
    """
    choice, rows, state = outcome
    config = choice.config
    names = [choice.experiment, choice.preset, config.core.name, config.agent.name, str(config.seeds)]
    if not rows:
        return [*names, *[""] * (len(COLUMNS) - len(names) - 1), state]
    last = rows[-config.seeds :]
    returns = np.array([row["eval/return"] for row in last])
    steps = np.mean([row["env_steps"] for row in last])
    success = np.mean([row["eval/success"] for row in last]) if "eval/success" in last[0] else math.nan
    figures = [mean(returns), *interval([returns], mean), interquartile_mean(returns), success]
    return [*names, f"{steps:.0f}", *(figure(float(x)) for x in figures), _solved(config.loop, last), state]


def _solved(loop: LoopOptions, last: Sequence[Row]) -> str:
    if loop.stop_return is None and loop.stop_success is None:
        return ""
    return str(sum(loop.is_solved([row]) for row in last))
