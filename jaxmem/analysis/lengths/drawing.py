"""A picture of what a task asks: returns over steps, errors over windows, what a discount leaves."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxmem.analysis.legends import line_style
from jaxmem.analysis.lengths.measure import Lengths, gaps
from jaxmem.analysis.lengths.shared import spread_by_window
from jaxmem.analysis.lengths.witness import CreditWitness

_POINTS = 13


def draw_lengths(lengths: Lengths, path: Path, title: str = "") -> None:
    """Draw three panels at `path`.

    * n-step returns of every action after the history whose credit assignment takes longest.
    * How wrong a guess of action values can be that sees the last n observations, and the memory lengths.
    * What hangs on that history's decision, for discounts of various horizons.
    """
    figure = Figure(figsize=(15, 4.2), layout="constrained")
    if title:
        figure.suptitle(title)
    panels = figure.subplots(1, 3)
    credit = lengths.credit_assignment.witness
    assert isinstance(credit, CreditWitness)
    _draw_returns(panels[0], lengths, credit)
    _draw_errors(panels[1], lengths)
    _draw_gaps(panels[2], lengths)
    for axes in panels:
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


def _draw_returns(axes: Axes, lengths: Lengths, credit: CreditWitness) -> None:
    steps = np.arange(credit.returns.shape[1])
    for action, returns in enumerate(credit.returns):
        best = action in credit.best
        # Dashes of their own too: often several lines are one.
        label = f"action {action}" + (", best" if best else "")
        axes.plot(steps, returns, label=label, linewidth=2.5 if best else 1.5, **line_style(11 * action))
    axes.axvline(lengths.credit_assignment.high, color="black", linestyle=":", label=f"c = {lengths.credit_assignment}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    after = "at the beginning" if credit.layer == 0 else f"after {credit.layer} steps"
    axes.set(xlabel="steps n", ylabel="n-step return", title=f"credit: {after}")


def _draw_errors(axes: Axes, lengths: Lengths) -> None:
    errors = spread_by_window(lengths.graph, lengths.values.q)
    if errors is None:
        axes.text(0.5, 0.5, "too many pairs of histories", ha="center", transform=axes.transAxes)
    else:
        axes.step(np.arange(len(errors)), errors, where="mid", color="C0", label="largest error of values")
    marks = {"m": lengths.memory, "l_value": lengths.value_memory, "l_mem": lengths.policy_memory}
    for number, (name, length) in enumerate(marks.items(), start=1):
        axes.axvline(length.high, label=f"{name} = {length}", **line_style(11 * number))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="observations n that are seen", ylabel="error of action values", title="memory")


def _draw_gaps(axes: Axes, lengths: Lengths) -> None:
    spans = np.geomspace(5, max(50, 20 * lengths.horizon), _POINTS)
    discounts = (1 - 1 / spans).tolist()
    found = gaps(lengths, discounts)
    axes.plot(spans, found, marker=".", color="C0", label="by discount")
    if lengths.discount < 1:
        axes.axvline(1 / (1 - lengths.discount), color="C1", linestyle="--", label=f"discount {lengths.discount:g}")
    axes.axvline(lengths.horizon, color="black", linestyle=":", label=f"T = {lengths.horizon}")
    axes.set_xscale("log")
    axes.set(
        xlabel="1 / (1 - discount), steps", ylabel="value lost by another action", title="what hangs on that decision"
    )
