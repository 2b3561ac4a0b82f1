"""Pictures of what an ablation found."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from jaxmem.ablation import Ablation, Factor, Quantity
from jaxmem.analysis.legends import legend_below, legend_height, line_style
from jaxmem.sweep.results import Record, median

# Lines in a panel that can still be told apart; a whole grid has more.
_MOST_LINES = 12
# What is drawn on a logarithmic axis is not drawn below this.
_SMALLEST = 1e-8


def draw_training(ablation: Ablation, curves: Sequence[Record], path: Path) -> list[str]:
    """Draw each quantity over training: a row of panels a task, a line a cell.

    Lines are medians over the seeds, bands go from the lowest seed to the highest. Where a task has more cells than can
    be told apart, those are drawn that differ from the base in one factor at most.

    Args:
        ablation: what the curves are of.
        curves: rows of `Results.curves_csv`.
        path: of the picture.

    Returns:
        Notes on what is not drawn.
    """
    names = [factor.name for factor in ablation.factors]
    cells = {tuple(row[name] for name in names): row for row in curves}
    task = ablation.factor("task")
    tasks = [level for level in task.levels if any(cell[task.name] == level for cell in cells.values())]
    most = max(sum(cell[task.name] == level for cell in cells.values()) for level in tasks)
    notes = []
    if most > _MOST_LINES:
        kept = {key: cell for key, cell in cells.items() if ablation.distance(cell) <= 1}
        notes.append(
            f"{path.name} has {len(kept)} of {len(cells)} cells, those of --one-factor: choose levels for others"
        )
        cells = kept
    labels = list(dict.fromkeys(map(ablation.label, cells.values())))
    width = 4.2 * len(ablation.quantities)
    height = 2.8 * len(tasks) + 0.6 + legend_height(labels, width)
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(len(tasks), len(ablation.quantities), squeeze=False)
    for (row, level), (column, quantity) in itertools.product(enumerate(tasks), enumerate(ablation.quantities)):
        axes = panels[row, column]
        for key, cell in cells.items():
            if cell[task.name] == level:
                own = [point for point in curves if tuple(point[name] for name in names) == key]
                label = ablation.label(cell)
                _draw_line(axes, own, quantity, label, line_style(labels.index(label)))
        _finish(axes, quantity, f"{task.name} {level}", bottom=row == len(tasks) - 1)
    seeds = max(int(point["seed"]) for point in curves) + 1
    if seeds > 1:
        figure.suptitle(f"median of {seeds} seeds, from the lowest to the highest", fontsize="medium")
    legend_below(figure, labels)
    figure.savefig(path, dpi=120)
    return notes


def _draw_line(axes: Axes, points: Sequence[Record], quantity: Quantity, label: str, style: dict[str, Any]) -> None:
    by_steps: dict[int, list[float]] = {}
    for point in points:
        if point[quantity.name]:
            by_steps.setdefault(int(point["env_steps"]), []).append(float(point[quantity.name]))
    steps = sorted(by_steps)
    low, middle, high = (np.array([choose(by_steps[step]) for step in steps]) for choose in (min, np.median, max))
    if quantity.log and steps:
        low, middle, high = (np.maximum(values, _SMALLEST) for values in (low, middle, high))
        axes.set_yscale("log")
    axes.plot(steps, middle, label=label, **style)
    axes.fill_between(steps, low, high, color=style["color"], alpha=0.2, linewidth=0)


def _finish(axes: Axes, quantity: Quantity, task: str, bottom: bool) -> None:
    axes.set_title(task, fontsize="medium")
    axes.set_ylabel(quantity.title)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(EngFormatter())
    if bottom:
        axes.set_xlabel("environment steps")
    axes.grid(alpha=0.3)


def draw_solved(ablation: Ablation, seeds: Sequence[Record], path: Path) -> list[str]:
    """Draw which share of the seeds has solved the task: a row of panels a task, a cell of a panel for each cell.

    In a cell is how many seeds have solved it, and the median of the steps that they took, in millions. Grey cells
    were not trained.

    Args:
        ablation: what the results are of.
        seeds: rows of `Results.seeds_csv`.
        path: of the picture.

    Returns:
        Notes, of which there are none.
    """
    task, panel, across = (ablation.factor(role) for role in ("task", "panels", "x"))
    down = [factor for factor in ablation.factors if factor.role == "y"]
    rows, columns, xs = (_levels(factor, seeds) for factor in (task, panel, across))
    seen = {tuple(record[factor.name] for factor in down) for record in seeds}
    ys = [levels for levels in itertools.product(*(factor.levels for factor in down)) if levels in seen]
    figure = Figure(
        figsize=(2.2 + len(columns) * (0.5 + 0.95 * len(xs)), 1.2 + len(rows) * (0.9 + 0.42 * len(ys))),
        layout="constrained",
    )
    panels = figure.subplots(len(rows), len(columns), squeeze=False, sharex=True, sharey=True)
    for (row, level), (column, panel_level) in itertools.product(enumerate(rows), enumerate(columns)):
        axes = panels[row, column]
        share = np.full((len(ys), len(xs)), np.nan)
        for (i, y), (j, x) in itertools.product(enumerate(ys), enumerate(xs)):
            wanted = {task.name: level, panel.name: panel_level, across.name: x}
            wanted |= dict(zip([factor.name for factor in down], y, strict=True))
            own = [record for record in seeds if all(record[name] == value for name, value in wanted.items())]
            if own:
                solved = [record for record in own if record["steps"]]
                share[i, j] = len(solved) / len(own)
                steps = f"\n{median(solved, 'steps') / 1e6:.2g} M" if solved else ""
                shade = "white" if share[i, j] > 0.6 else "black"
                axes.text(j, i, f"{len(solved)}/{len(own)}{steps}", ha="center", va="center", color=shade, fontsize=7)
        axes.set_facecolor("0.85")
        axes.imshow(share, cmap="Greens", vmin=0, vmax=1, aspect="auto")
        axes.set_title(f"{task.name} {level}, {panel_level}", fontsize="small")
        axes.set_xticks(range(len(xs)), xs, fontsize="small")
        axes.set_yticks(range(len(ys)), [", ".join(y) for y in ys], fontsize="small")
    figure.supxlabel(across.name, fontsize="medium")
    figure.supylabel(", ".join(factor.name for factor in down), fontsize="medium")
    figure.suptitle("seeds that solve it, and median steps", fontsize="medium")
    figure.savefig(path, dpi=120)
    return []


def _levels(factor: Factor, records: Sequence[Record]) -> list[str]:
    """The levels that there are records of."""
    return [level for level in factor.levels if any(record[factor.name] == level for record in records)]
