"""Runs compared: curves by task, probabilities of improvement, scores against length."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from jaxmem.analysis.curves import Curve, Panel, metric_title, shared_metrics
from jaxmem.analysis.groups import Group, Line, merged_fields
from jaxmem.analysis.statistics import ENOUGH_SEEDS, ESTIMATES, Interval, improvement, interval
from jaxmem.config import ConfigError

SUCCESS, RETURN = "eval/success", "eval/return"


@dataclass(frozen=True)
class Pair:
    """How probably one algorithm is better than another.

    Attributes:
        better: the one that is asked about.
        than: the other.
        tasks: on how many tasks both were run.
        probability: P(better > than), ties counting half, averaged over tasks.
        interval: its stratified bootstrap interval.
    """

    better: str
    than: str
    tasks: int
    probability: float
    interval: Interval


@dataclass(frozen=True)
class Lengths:
    """One algorithm's scores on tasks that differ in length.

    Attributes:
        algorithm: its name.
        lengths: float [N], ascending.
        seeds: how many at each.
        scores: float [N], the estimate over the seeds.
        low, high: float [N], its interval, or what else `lengths_of` was asked for.
    """

    algorithm: str
    lengths: np.ndarray
    seeds: Sequence[int]
    scores: np.ndarray
    low: np.ndarray
    high: np.ndarray


def panels_by_task(groups: Sequence[Group]) -> tuple[list[list[Panel]], list[str]]:
    """A row of panels for each task, a panel for each metric, and notes on what is not drawn."""
    tasks = list(dict.fromkeys(group.task for group in groups))
    rows, notes = [], []
    for task in tasks:
        members = [group for group in groups if group.task == task]
        lines = [Line(group.algorithm if len(tasks) > 1 else group.label, [group]) for group in members]
        row, left_out = _panels(lines, task)
        rows.append(row)
        notes += left_out
    return rows, notes


def panels_of_all(groups: Sequence[Group]) -> tuple[list[list[Panel]], list[str]]:
    """One row of panels, with a line for each algorithm over the tasks that all have run, and notes on the others.

    Raises:
        ConfigError: if there is no such task.
    """
    algorithms = list(dict.fromkeys(group.algorithm for group in groups))
    by_task = _by_task(groups)
    common = [task for task, found in by_task.items() if len(found) == len(algorithms)]
    if not common:
        raise ConfigError(f"--aggregate: no task was run with each of {', '.join(algorithms)}")
    notes = [
        f"not drawn: {task}, which was not run with {', '.join(name for name in algorithms if name not in found)}"
        for task, found in by_task.items()
        if task not in common
    ]
    lines = [Line(name, [by_task[task][name] for task in common]) for name in algorithms]
    row, left_out = _panels(lines, f"{len(common)} tasks" if len(common) > 1 else common[0])
    unscaled = [metric_title(panel.metric) for panel in row if panel.metric != SUCCESS]
    if len(common) > 1 and unscaled:
        notes.append(f"{', '.join(unscaled)} as they are, unscaled: a task with greater ones counts for more")
    return [row], notes + left_out


def _panels(lines: Sequence[Line], task: str) -> tuple[list[Panel], list[str]]:
    runs = [run for line in lines for group in line.groups for run in group.runs]
    shared, others = shared_metrics(run.rows for run in runs)
    panels = [Panel(task, metric, [line.curve(metric) for line in lines]) for metric in shared]
    return panels, [f"not drawn: {task}, {metric_title(name)}, which not all of these runs report" for name in others]


def choose_metric(groups: Sequence[Group], metric: str | None) -> str:
    """The column that runs are compared by: success where all report it, else the return; or the one that is named.

    Raises:
        ConfigError: if not all of them report it.
    """
    shared, others = shared_metrics(run.rows for group in groups for run in group.runs)
    if metric is None:
        return SUCCESS if SUCCESS in shared else RETURN
    if f"eval/{metric}" not in shared:
        known = ", ".join(name.removeprefix("eval/") for name in shared)
        reason = "which not all of these runs report" if f"eval/{metric}" in others else "which none of them reports"
        raise ConfigError(f"--metric is {metric!r}, {reason}: allowed is one of {known}")
    return f"eval/{metric}"


def pairs(groups: Sequence[Group], metric: str) -> list[Pair]:
    """Every pair of algorithms that have a task in common, compared by the seeds' scores at the end."""
    ends = {(group.task, group.algorithm): _end(group, metric) for group in groups}
    by_task = _by_task(groups)
    found = []
    for x, y in combinations(dict.fromkeys(group.algorithm for group in groups), 2):
        tasks = [task for task, algorithms in by_task.items() if x in algorithms and y in algorithms]
        if tasks:
            scores = [ends[task, x] for task in tasks] + [ends[task, y] for task in tasks]
            probability = float(improvement(*scores))
            found.append(Pair(x, y, len(tasks), probability, interval(scores, improvement)))
    return found


def by_length(groups: Sequence[Group], metric: str, estimate: str) -> dict[str, list[Lengths]]:
    """For each family of tasks with several lengths, the algorithms' scores at the end of training, by length."""
    found = {}
    for family in dict.fromkeys(group.family for group in groups):
        members = [group for group in groups if group.family == family and group.length is not None]
        if len({group.length for group in members}) > 1:
            names = dict.fromkeys(group.algorithm for group in members)

            def bootstrap(scores: np.ndarray) -> Interval:
                return interval([scores], ESTIMATES[estimate])

            found[family] = [lengths_of(name, members, metric, estimate, bootstrap) for name in names]
    return found


def lengths_of(
    algorithm: str,
    groups: Sequence[Group],
    metric: str,
    estimate: str,
    spread: Callable[[np.ndarray], Interval],
) -> Lengths:
    """Scores of one algorithm at the end of training, by length.

    Args:
        algorithm: whose groups are taken.
        groups: of tasks that have a length.
        metric: the score's column.
        estimate: name of an estimate over the seeds.
        spread: from the seeds' scores, float [seeds], to what is drawn around the estimate.
    """
    own = sorted((group for group in groups if group.algorithm == algorithm), key=lambda group: group.length or 0.0)
    ends = [_end(group, metric) for group in own]
    bounds = [spread(end) for end in ends]
    return Lengths(
        algorithm,
        np.array([group.length for group in own]),
        [len(end) for end in ends],
        np.array([ESTIMATES[estimate](end) for end in ends]),
        np.array([bound.low for bound in bounds]),
        np.array([bound.high for bound in bounds]),
    )


def _end(group: Group, metric: str) -> np.ndarray:
    """Scores of the seeds at the end of a group's curve, float [seeds]."""
    return Line(group.label, [group]).curve(metric).end[0]


def _by_task(groups: Sequence[Group]) -> dict[str, dict[str, Group]]:
    found: dict[str, dict[str, Group]] = {}
    for group in groups:
        found.setdefault(group.task, {})[group.algorithm] = group
    return found


def notes_on(groups: Sequence[Group]) -> list[str]:
    """What a reader of the pictures should know: groups of a single seed, unfinished runs, and what no name tells."""
    single = [group.label for group in groups if group.seeds == 1]
    unfinished = [group.label for group in groups if not all(run.finished for run in group.runs)]
    notes = []
    if any(1 < group.seeds < ENOUGH_SEEDS for group in groups):
        notes.append(f"intervals of fewer than {ENOUGH_SEEDS} seeds are too narrow: see `jaxmem.analysis.statistics`")
    if single:
        notes.append(f"no interval, since there is a single seed: {', '.join(single)}")
    if unfinished and len(groups) > 1:
        notes.append(f"unfinished, compared as far as they are: {', '.join(unfinished)}")
    twice = [group.label for group in groups if group.apart]
    if twice:
        notes.append(f"drawn apart, since runs of one seed are no two samples: {', '.join(twice)}")
    merged = merged_fields(groups)
    if merged:
        notes.append(f"not in the lines' names, since presets set it for each task: {', '.join(merged)}")
    return notes


def at_end(curve: Curve, estimate: str) -> tuple[float, Interval]:
    """Estimate and interval at a curve's end."""
    return float(ESTIMATES[estimate](*curve.end)), interval(curve.end, ESTIMATES[estimate])
