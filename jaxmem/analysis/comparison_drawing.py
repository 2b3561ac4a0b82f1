"""Pictures of comparisons, beside the curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from jaxmem.analysis.comparison import Lengths, Pair
from jaxmem.analysis.curves import ESTIMATE_NAMES, metric_title
from jaxmem.analysis.efficiency import Comparison, Measured
from jaxmem.analysis.legends import fits_inside, legend_below, line_style

_MARKERS = {"": "o", ">=": ">", "<=": "<"}


def draw_improvement(pairs: Sequence[Pair], metric: str, path: Path) -> None:
    """Draw probabilities of improvement with their intervals, a line a pair."""
    names = [f"{pair.better} > {pair.than}" for pair in pairs]
    figure = Figure(figsize=(4.5 + 0.09 * max(map(len, names)), 1.4 + 0.4 * len(pairs)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(pairs))
    axes.axvline(0.5, color="0.6", linestyle="--", linewidth=1)
    axes.hlines(places, *np.array([pair.interval for pair in pairs], float).T, linewidth=7, alpha=0.35)
    axes.plot([pair.probability for pair in pairs], places, "o")
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    tasks = sorted({pair.tasks for pair in pairs})
    over = f"mean over {' and '.join(map(str, tasks))} tasks, " if tasks[-1] > 1 else ""
    axes.set(xlim=(-0.02, 1.02), xlabel=f"probability of improvement ({over}95 % CI)")
    axes.set_title(f"{metric_title(metric)} at the end, ties count half", fontsize="medium")
    axes.margins(y=0.5 / len(pairs))
    axes.grid(alpha=0.3, axis="x")
    figure.savefig(path, dpi=120)


def draw_lengths(families: Mapping[str, Sequence[Lengths]], metric: str, estimate: str, path: Path) -> None:
    """Draw scores against length, a panel a family of tasks, a line an algorithm."""
    figure = Figure(figsize=(5.5 * len(families), 4), layout="constrained")
    names = list(dict.fromkeys(line.algorithm for lines in families.values() for line in lines))
    for axes, (family, lines) in zip(
        figure.subplots(1, len(families), squeeze=False)[0], families.items(), strict=True
    ):
        for line in lines:
            style = line_style(names.index(line.algorithm))
            axes.plot(line.lengths, line.scores, marker="o", label=line.algorithm, **style)
            axes.fill_between(line.lengths, line.low, line.high, color=style["color"], alpha=0.2, linewidth=0)
        every = sorted({length for line in lines for length in line.lengths})
        if every[-1] > 10 * every[0] > 0:
            axes.set_xscale("log")
        axes.set_xticks(every, [f"{length:g}" for length in every])
        axes.minorticks_off()
        axes.set(xlabel="length", ylabel=f"{metric_title(metric)} at the end", title=family)
        axes.grid(alpha=0.3)
        if fits_inside(names):
            axes.legend()
    if not fits_inside(names):
        legend_below(figure, names)
    seeds = sorted({number for lines in families.values() for line in lines for number in line.seeds})
    if seeds[-1] > 1:
        of = f"{ESTIMATE_NAMES[estimate]} of {' and '.join(map(str, seeds))} seeds, 95 % CI"
        figure.suptitle(of, fontsize="medium")
    figure.savefig(path, dpi=120)


def draw_efficiency(comparisons: Sequence[Comparison], metric: str, path: Path) -> None:
    """Draw what algorithms reach against the reference, a row of panels a task, a line an algorithm."""
    others = [[item for item in one.algorithms if item.algorithm != one.reference] for one in comparisons]
    longest = max(len(item.algorithm) for items in others for item in items)
    heights = [1.2 + 0.4 * len(items) for items in others]
    figure = Figure(figsize=(8 + 0.09 * longest, sum(heights)), layout="constrained")
    panels = figure.subplots(len(others), 2, squeeze=False, sharey="row", height_ratios=heights)
    for (left, right), one, items in zip(panels, comparisons, others, strict=True):
        _draw_measured(left, [item.difference for item in items], 0.0)
        left.set_yticks(range(len(items)), [item.algorithm for item in items])
        left.set_ylim(len(items) - 0.5, -0.5)
        left.set(
            xlabel=f"mean {metric_title(metric)}: difference from {one.reference}",
            title=f"{one.task}, {one.env_steps:.0f} steps",
        )
        if one.score is None:
            right.set_axis_off()
            continue
        right.set_xscale("log", base=2)
        right.xaxis.set_major_locator(LogLocator(base=2, numticks=8))
        right.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        right.minorticks_off()
        _draw_measured(right, [item.ratio for item in items], 1.0)
        right.set(xlabel=f"median steps to {one.score:.4g}: ratio to {one.reference}")
    figure.suptitle("arrows: bounds, as seeds never get there; 95 % CI", fontsize="medium")
    figure.savefig(path, dpi=120)


def _draw_measured(axes: Axes, found: Sequence[Measured | None], even: float) -> None:
    """Figures with their intervals, one below the other; `even` is that of what makes no difference."""
    axes.axvline(even, color="0.6", linestyle="--", linewidth=1)
    for place, one in enumerate(found):
        if one is not None:
            axes.hlines(place, one.low, one.high, "C0", linewidth=7, alpha=0.35)
            axes.plot([one.value], [place], _MARKERS[one.signs[0]], color="C0")
            for bound, sign in zip((one.low, one.high), one.signs[1:], strict=True):
                if sign:
                    axes.plot([bound], [place], _MARKERS[sign], color="C0", markersize=4)
    axes.grid(alpha=0.3, axis="x")
