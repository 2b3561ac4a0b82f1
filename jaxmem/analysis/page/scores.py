"""Tables of runs and of what they reach."""

import math
from collections.abc import Sequence

import numpy as np

from jaxmem.analysis.comparison import RETURN, SUCCESS, at_end
from jaxmem.analysis.curves import Curve, Panel, curve_of, metric_title, shared_metrics
from jaxmem.analysis.page.document import Html, element, table
from jaxmem.analysis.page.runs import PageRun
from jaxmem.analysis.tables import figure
from jaxmem.training.progress import duration


def overview(runs: Sequence[PageRun]) -> Html:
    """One row a run: what it is, how far it came and what it reached, as means over its seeds."""
    metrics = [RETURN, *([SUCCESS] if any(_reports(run, SUCCESS) for run in runs) else [])]
    columns = ["run", "status", "environment", "core", "agent", "seeds", "parameters", "steps a seed", "wall time"]
    columns += [f"{when} {metric.removeprefix('eval/')}" for metric in metrics for when in ("last", "highest")]
    rows = []
    for run in runs:
        length = curve_of(run.data.rows, RETURN, run.name).env_steps[-1]
        state = "finished" if run.data.finished else "unfinished"
        row = [element("a", run.name, href=f"#{anchor(runs, run)}"), element("span", state, class_=state)]
        row += [str(run.field(name)) for name in ("env.id", "core.name", "agent.name", "seeds")]
        row += ["" if run.parameters is None else f"{run.parameters:,}", f"{length:,.0f}"]
        row += [duration(run.data.rows[-1]["wall_s"])]
        for metric in metrics:
            row += _last_and_highest(run, metric)
        rows.append(row)
    return table("Greedy episodes, means over the seeds of a run", columns, rows)


def anchor(runs: Sequence[PageRun], run: PageRun) -> str:
    """What links to a run's configuration lead to."""
    return f"run-{runs.index(run)}"


def _reports(run: PageRun, metric: str) -> bool:
    return metric in shared_metrics([run.data.rows])[0]


def _last_and_highest(run: PageRun, metric: str) -> list[str]:
    if not _reports(run, metric):
        return ["", ""]
    means = curve_of(run.data.rows, metric, run.name).mean
    return [figure(float(means[-1])), figure(float(np.nanmax(means)) if np.isfinite(means).any() else math.nan)]


def finals(rows: Sequence[Sequence[Panel]]) -> Html:
    """What each line comes to on each task, with the interval over the seeds, a pair of columns a metric."""
    metrics = list(dict.fromkeys(panel.metric for row in rows for panel in row))
    cells: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for panel in row:
            for curve in panel.curves:
                counted = ["+".join(map(str, curve.seeds)), f"{curve.env_steps[-1]:,.0f}"]
                line = cells.setdefault((panel.task, curve.label), counted + [""] * (2 * len(metrics)))
                at = 2 + 2 * metrics.index(panel.metric)
                line[at : at + 2] = _at_end(curve)
    columns = ["line", "task", "seeds", "steps a seed"]
    columns += [name for metric in metrics for name in (metric_title(metric), "95 % interval")]
    lines = [[label, task, *line] for (task, label), line in cells.items()]
    return table("At the end of the curves: mean over the seeds, and its bootstrap interval", columns, lines)


def _at_end(curve: Curve) -> list[str]:
    value, (low, high) = at_end(curve, "mean")
    return [figure(value), "" if math.isnan(low) else f"{figure(float(low))} to {figure(float(high))}"]
