"""What publications report, to be drawn beside runs of one's own."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxmem.analysis.comparison import Lengths, lengths_of
from jaxmem.analysis.groups import Group
from jaxmem.analysis.legends import fits_inside, legend_below, line_style
from jaxmem.analysis.statistics import Interval
from jaxmem.config import ConfigError


@dataclass(frozen=True)
class Report:
    """Returns of one published system, as far as its text tells them.

    Attributes:
        system: what it is.
        returns: by length, the lowest and highest that fits what is said; -inf where no bound is said.
    """

    system: Literal["transformer", "LSTM"]
    returns: Mapping[int, tuple[float, float]]


@dataclass(frozen=True)
class Publication:
    """A publication's report of one task.

    Attributes:
        source: authors, year and where.
        env_id: the environment.
        guess: return of the best policy that goes without the cue.
        reports: one a system.
    """

    source: str
    env_id: str
    guess: float
    reports: Sequence[Report]


# Figure 6 and its text say that both systems solve the short mazes, and that from a credit length of 250 on neither
# does: the transformer's return stays about that of guessing. The figure's points are not given as numbers: what is
# written here are bounds of what is said, 0.9 for solved and 0.1 around 0.5. Lengths that are left open are left out.
NI_2023 = Publication(
    source="Ni et al. 2023, arXiv:2307.03864",
    env_id="ActiveTMaze-v0",
    guess=0.5,
    reports=(
        Report("transformer", {20: (0.9, 1.0), 50: (0.9, 1.0), 250: (0.4, 0.6), 500: (0.4, 0.6)}),
        Report("LSTM", {20: (0.9, 1.0), 50: (0.9, 1.0), 250: (-math.inf, 0.5), 500: (-math.inf, 0.5)}),
    ),
)


def beside(publication: Publication, groups: Sequence[Group]) -> list[Lengths]:
    """Returns by length of one's own finished runs: mean of the seeds, from the lowest to the highest, at their ends.

    Raises:
        ConfigError: if there is no finished run of the publication's task.
    """
    own = [
        group
        for group in groups
        if group.runs[0].config.get("env.id") == publication.env_id
        and group.length is not None
        and all(run.finished for run in group.runs)
    ]
    if not own:
        raise ConfigError(f"--published: none of these runs is a finished one of {publication.env_id}")
    names = dict.fromkeys(group.algorithm for group in own)
    return [lengths_of(name, own, "eval/return", "mean", _range) for name in names]


def _range(scores: np.ndarray) -> Interval:
    return Interval(scores.min(), scores.max())


def draw_beside(publication: Publication, lines: Sequence[Lengths], path: Path) -> None:
    """Draw returns against length: one's own as lines with bands, published ones as bars of what is known of them."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    names = [line.algorithm for line in lines]
    for number, line in enumerate(lines):
        style = line_style(number)
        axes.plot(line.lengths, line.scores, marker="o", label=line.algorithm, **style)
        axes.fill_between(line.lengths, line.low, line.high, color=style["color"], alpha=0.2, linewidth=0)
    for number, report in enumerate(publication.reports):
        names.append(f"{report.system}, {publication.source}")
        _draw_report(axes, report, names[-1], shift=1.03 ** (2 * number - len(publication.reports) + 1))
    axes.axhline(publication.guess, color="0.6", linestyle="--", linewidth=1, zorder=0)
    axes.set_xscale("log")
    every = sorted(
        {int(x) for line in lines for x in line.lengths} | {x for r in publication.reports for x in r.returns}
    )
    axes.set_xticks(every, [str(length) for length in every])
    axes.minorticks_off()
    seeds = sorted({number for line in lines for number in line.seeds})
    of = f"mean of {' and '.join(map(str, seeds))} seeds, lowest to highest" if seeds[-1] > 1 else "single seeds"
    axes.set(xlabel="corridor length", ylabel="greedy return at the end", title=f"{publication.env_id}: {of}")
    axes.grid(alpha=0.3)
    if fits_inside(names):
        axes.legend()
    else:
        legend_below(figure, names)
    figure.savefig(path, dpi=120)


def _draw_report(axes: Axes, report: Report, label: str, shift: float) -> None:
    """A bar from bound to bound; an arrow downwards from a bound that has none below it."""
    color = {"transformer": "0.25", "LSTM": "0.55"}[report.system]
    bars = [(length * shift, *bounds) for length, bounds in report.returns.items() if math.isfinite(bounds[0])]
    places, lows, highs = np.array(bars).T
    axes.vlines(places, lows, highs, color, linewidth=5, label=label)
    for length, (low, high) in report.returns.items():
        if not math.isfinite(low):
            axes.errorbar(length * shift, high, yerr=0.12, uplims=True, color=color, linewidth=2)
