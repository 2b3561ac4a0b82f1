"""Learning curves: an estimate over seeds and tasks with a confidence band."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from jaxmem.analysis.legends import fits_inside, legend_below, legend_height, line_style
from jaxmem.analysis.statistics import ESTIMATES, Interval, interval
from jaxmem.config import ConfigError

Rows = Sequence[dict[str, Any]]

ESTIMATE_NAMES = {"mean": "mean", "iqm": "interquartile mean"}

COUNTERS = {"env_steps": "environment steps", "updates": "updates"}
"""Columns that say how far training is, and their names for people."""

# Whatever else the evaluations report comes after these.
_FIRST = ("eval/return", "eval/success")
_NOT_DRAWN = ("eval/length",)
# Points of a curve that was put together from runs with evaluations of their own.
_MOST_POINTS = 400


@dataclass(frozen=True)
class Curve:
    """One metric over training.

    Attributes:
        label: what the legend calls it.
        env_steps: float [N].
        scores: float [seeds, N], one array a task.
    """

    label: str
    env_steps: np.ndarray
    scores: tuple[np.ndarray, ...]

    @property
    def mean(self) -> np.ndarray:
        """Mean over seeds and tasks, [N]."""
        return self.estimate("mean")

    @property
    def seeds(self) -> tuple[int, ...]:
        """How many there are of each task."""
        return tuple(len(task) for task in self.scores)

    @property
    def end(self) -> tuple[np.ndarray, ...]:
        """The seeds' scores at the curve's end: float [seeds], one array a task."""
        return tuple(task[:, -1] for task in self.scores)

    def estimate(self, name: str) -> np.ndarray:
        """The estimate called `name` in `statistics.ESTIMATES`, [N]."""
        return ESTIMATES[name](*self.scores)

    def band(self, name: str = "mean") -> Interval:
        """Stratified bootstrap interval of an estimate, [N] each; nan where a task has a single seed."""
        return interval(self.scores, ESTIMATES[name])


def curve_of(rows: Rows, metric: str, label: str, counter: str = "env_steps") -> Curve:
    """A metric of one run.

    Evaluations happen after the same number of episodes in every seed, so that the n-th rows belong together.

    Args:
        rows: one an evaluation and seed, seeds innermost, as `metrics.csv` has them.
        metric: name of a column.
        label: what the legend calls it.
        counter: the column that says how far training is.

    Raises:
        ConfigError: if there are no rows, or none has the metric.
    """
    if not rows:
        raise ConfigError(f"{label}: its metrics have no rows yet")
    if metric not in rows[0]:
        known = ", ".join(name for name in rows[0] if "/" in name)
        raise ConfigError(f"{label}: its metrics have no column {metric!r}: known are {known}")
    seeds = max(row["seed"] for row in rows) + 1
    whole = rows[: len(rows) // seeds * seeds]
    table = np.array([[row[counter], row[metric]] for row in whole]).reshape(-1, seeds, 2)
    return Curve(label, table[:, :, 0].mean(axis=1), (table[:, :, 1].T,))


def join(tasks: Sequence[Sequence[Curve]], label: str, until: float) -> Curve:
    """Runs of one task, or of several, as one curve: seeds side by side, tasks as strata.

    Where they were not evaluated after the same steps, they are interpolated in between, and a run that ended before
    `until` keeps its last score.

    Args:
        tasks: for each task the curves of its runs, each of a single task.
        label: what the legend calls it.
        until: the step at which the curve ends.
    """
    runs = [run for task in tasks for run in task]
    steps = runs[0].env_steps
    if not all(np.array_equal(run.env_steps, steps) for run in runs):
        steps = np.unique(np.concatenate([run.env_steps for run in runs]))
        begin = max(run.env_steps[0] for run in runs)
        steps = np.append(steps[(steps >= begin) & (steps < until)], until)
        steps = steps[np.unique(np.linspace(0, len(steps) - 1, _MOST_POINTS).astype(int))]

    def seeds(run: Curve) -> list[np.ndarray]:
        return [np.interp(steps, run.env_steps, seed) for seed in run.scores[0]]

    return Curve(label, steps, tuple(np.array([seed for run in task for seed in seeds(run)]) for task in tasks))


@dataclass(frozen=True)
class Panel:
    """Curves that are drawn together.

    Attributes:
        task: where they come from.
        metric: name of the column.
        curves: one a line.
    """

    task: str
    metric: str
    curves: Sequence[Curve]


def draw_curves(runs: Mapping[str, Rows], path: Path, counter: str = "env_steps") -> None:
    """Draw what the evaluations of runs (rows by label) report into one picture at `path`, a panel for each metric.

    Metrics that not all the runs have are left out, and so is success where no environment reports it.
    """
    panels = []
    for metric in shared_metrics(runs.values())[0]:
        panels.append(Panel("", metric, [curve_of(rows, metric, label, counter) for label, rows in runs.items()]))
    draw_panels([panels], path, along=COUNTERS[counter])


def draw_panels(
    rows: Sequence[Sequence[Panel]], path: Path, estimate: str = "mean", along: str = COUNTERS["env_steps"]
) -> None:
    """Draw panels in rows, one a task: legends within the panels of a single row if they are small, else one below.

    `along` says what the curves are drawn over.
    """
    single, columns = len(rows) == 1, max(map(len, rows))
    curves = [curve for row in rows for panel in row for curve in panel.curves]
    labels = list(dict.fromkeys(curve.label for curve in curves))
    below = not single or not fits_inside(labels)
    width = 5.5 * columns
    height = (4.0 if single else 2.8 * len(rows) + 0.8) + (legend_height(labels, width) if below else 0)
    figure = Figure(figsize=(width, height), layout="constrained")
    sample = _sample(curves, estimate)
    # The plain case says it all in the titles of its panels.
    plain = single and estimate == "mean" and all(len(curve.scores) == 1 for curve in curves)
    if sample and not plain:
        figure.suptitle(sample, fontsize="medium")
    for line, (row, axes_row) in enumerate(zip(rows, figure.subplots(len(rows), columns, squeeze=False), strict=True)):
        for axes in axes_row[len(row) :]:
            axes.axis("off")
        for panel, axes in zip(row, axes_row, strict=False):
            for curve in panel.curves:
                _draw_curve(axes, curve, estimate, line_style(labels.index(curve.label)))
            name = metric_title(panel.metric)
            said = _sample(panel.curves, estimate)
            axes.set_title(f"{name} ({said})" if plain and said else name if plain else panel.task)
            axes.set_ylabel("" if plain else name)
            axes.xaxis.set_major_locator(MaxNLocator(7))
            axes.xaxis.set_major_formatter(EngFormatter())
            if line == len(rows) - 1:
                axes.set_xlabel(along)
            axes.grid(alpha=0.3)
            if not below:
                axes.legend()
    if below:
        legend_below(figure, labels)
    figure.savefig(path, dpi=120)


def _draw_curve(axes: Axes, curve: Curve, estimate: str, style: dict[str, Any]) -> None:
    axes.plot(curve.env_steps, curve.estimate(estimate), label=curve.label, **style)
    axes.fill_between(curve.env_steps, *curve.band(estimate), color=style["color"], alpha=0.2, linewidth=0)


def _sample(curves: Sequence[Curve], estimate: str) -> str:
    """What the lines are estimates of; nothing where there is but one seed of one task."""
    seeds = sorted({number for curve in curves for number in curve.seeds})
    tasks = max(len(curve.scores) for curve in curves)
    if seeds[-1] == 1 and tasks == 1:
        return ""
    of = f"{' and '.join(map(str, seeds))} seeds" + (f" on each of {tasks} tasks" if tasks > 1 else "")
    return f"{ESTIMATE_NAMES[estimate]} of {of}, 95 % CI"


def metric_title(metric: str) -> str:
    """A column's name for people."""
    return metric.replace("eval/", "greedy ")


def shared_metrics(runs: Iterable[Rows]) -> tuple[list[str], list[str]]:
    """The metrics of evaluations that all runs have, in the order of panels, and those that only some have."""
    having = []
    for rows in runs:
        # Where there are no rows, `curve_of` says so.
        names = [name for name in (rows[0] if rows else _FIRST) if name.startswith("eval/") and name not in _NOT_DRAWN]
        having.append([name for name in names if not rows or any(row[name] == row[name] for row in rows)])
    every = dict.fromkeys(name for names in having for name in names)
    shared = [name for name in every if all(name in names for names in having)]
    shared.sort(key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    return shared, [name for name in every if name not in shared]
