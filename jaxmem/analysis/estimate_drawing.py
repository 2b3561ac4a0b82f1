"""A picture of what a memory length and a credit-assignment length were estimated from."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from jaxmem.analysis.credit_estimate import PairedReturns
from jaxmem.analysis.legends import line_style
from jaxmem.analysis.window_estimate import WindowReturns

# Windows from the first to the horizon that spread over more than this are drawn by their logarithm.
_WIDE = 20


def draw_estimates(window_returns: WindowReturns, paired_returns: PairedReturns, path: Path) -> None:
    """Draw two panels at `path`: return by the number of steps remembered, and how far the own action gets ahead.

    The second is of the time with the largest credit length, the first of several. Bands are 95 % intervals.
    """
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_windows(left, window_returns)
    _draw_pairs(right, paired_returns)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


def _draw_windows(axes: Axes, returns: WindowReturns) -> None:
    windows, style = returns.windows, line_style(0)
    axes.plot(windows, returns.mean[:-1], marker=".", label="latest steps alone", **style)
    axes.fill_between(
        windows, returns.band.low[:-1], returns.band.high[:-1], color=style["color"], alpha=0.2, linewidth=0
    )
    axes.axhline(returns.mean[-1], color="black", linestyle=":", label="whole history")
    low, high = returns.memory_range
    axes.axvspan(low - 0.25, high + 0.25, color="khaki", alpha=0.6, zorder=0, label=f"memory length {span(low, high)}")
    if returns.horizon / windows[0] > _WIDE:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="steps remembered", ylabel="greedy return", title="memory")


def _draw_pairs(axes: Axes, paired: PairedReturns) -> None:
    index = int(np.argmax(paired.credit_lengths))
    time = paired.times[index]
    steps = np.arange(1, paired.returns.shape[-1] - time + 1)
    for action in np.flatnonzero(paired.pairs[index]):
        # Dashes of their own too: often several lines are one.
        style = line_style(11 * int(action))
        axes.plot(steps, paired.difference[index, action, : len(steps)], label=f"to action {action}", **style)
        low, high = (end[index, action, : len(steps)] for end in paired.band)
        axes.fill_between(steps, low, high, color=style["color"], alpha=0.2, linewidth=0)
    axes.axhline(0, color="black", linewidth=0.8)
    low, high = int(paired.earliest[index]), int(paired.credit_lengths[index])
    if high:
        axes.axvspan(
            low - 0.25, high + 0.25, color="khaki", alpha=0.6, zorder=0, label=f"credit length {span(low, high)}"
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="steps n", ylabel="n-step return of the own action less others'", title=f"credit at time {time}")


def span(low: int, high: int) -> str:
    """A range of lengths in words."""
    return str(high) if low == high else f"{low} to {high}"
