"""Pictures of comparisons, beside the curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxmem.analysis.comparison import Lengths, Pair
from jaxmem.analysis.curves import ESTIMATE_NAMES, metric_title
from jaxmem.analysis.legends import fits_inside, legend_below, line_style


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
