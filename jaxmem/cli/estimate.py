"""`jaxmem measure --run`: lengths of a task, estimated from a run that was trained on it."""

import argparse

from rich.console import Console
from rich.table import Table

from jaxmem.analysis.estimate_drawing import draw_estimates, span
from jaxmem.analysis.estimates import Estimates, estimate
from jaxmem.training.folder import RunFolder


def print_estimates(console: Console, options: argparse.Namespace) -> int:
    """Estimate, print and draw; returns the exit status."""
    folder = RunFolder.open(options.run)
    windows, times = (
        None if given is None else tuple(sorted(set(given))) for given in (options.windows, options.times)
    )
    found = estimate(folder, options.episodes, windows, times, options.seed)
    console.print(_windows(found))
    low, high = found.window_returns.memory_range
    console.print(f"memory length of what this agent uses: {span(low, high)}\n")
    console.print(_times(found))
    low, high = found.paired_returns.credit_range
    console.print(f"credit-assignment length: {span(low, high)}")
    path = options.out or options.run / "lengths.png"
    draw_estimates(found.window_returns, found.paired_returns, path)
    console.print(f"picture: {path}", markup=False)
    return 0


def _windows(found: Estimates) -> Table:
    table = Table(title="greedy episodes with the latest steps alone", title_justify="left")
    for column in ("steps", "return", "95 % interval", "less than with all", "behaviour differs by"):
        table.add_column(column, justify="right")
    returns, distances = found.window_returns, found.window_distances
    for row, window in enumerate(returns.windows):
        table.add_row(
            str(window),
            f"{returns.mean[row]:.4g}",
            f"{returns.band.low[row]:.4g} to {returns.band.high[row]:.4g}",
            "yes" if returns.worse[row] else "no",
            f"{distances.mean[row]:.3g}",
        )
    band = returns.band
    table.add_row("all", f"{returns.mean[-1]:.4g}", f"{band.low[-1]:.4g} to {band.high[-1]:.4g}", "", "")
    return table


def _times(found: Estimates) -> Table:
    paired = found.paired_returns
    table = Table(title="own action against each other one, the agent's own way afterwards", title_justify="left")
    for column in ("after steps", "ahead from n", "another action is better"):
        table.add_column(column, justify="right")
    for row, time in enumerate(paired.times):
        length, low = int(paired.credit_lengths[row]), int(paired.earliest[row])
        table.add_row(
            str(time), span(low, length) if length else "none is behind", "yes" if paired.improvable[row] else "no"
        )
    return table
