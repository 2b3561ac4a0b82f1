"""Learning curves: mean over seeds with a confidence band."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from jaxmem.config import ConfigError

Rows = Sequence[dict[str, Any]]

# Whatever else the evaluations report comes after these.
_FIRST = ("eval/return", "eval/success")
_NOT_DRAWN = ("eval/length",)


@dataclass(frozen=True)
class Curve:
    """One metric of one run over training.

    Attributes:
        label: what the legend calls it.
        env_steps: float [N], mean over the seeds.
        values: float [seeds, N].
    """

    label: str
    env_steps: np.ndarray
    values: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean over the seeds, [N]."""
        return self.values.mean(axis=0)

    def band(self, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Bootstrap confidence interval of the mean over the seeds: low and high, [N] each."""
        if len(self.values) < 2:
            return self.mean, self.mean
        result = stats.bootstrap(
            (self.values,), np.mean, axis=0, confidence_level=confidence, method="percentile", rng=0, n_resamples=1000
        )
        interval = result.confidence_interval
        return interval.low, interval.high


def curve_of(rows: Rows, metric: str, label: str) -> Curve:
    """A metric of one run.

    Evaluations happen after the same number of episodes in every seed, so that the n-th rows belong together.

    Args:
        rows: one an evaluation and seed, seeds innermost, as `metrics.csv` has them.
        metric: name of a column.
        label: what the legend calls it.

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
    table = np.array([[row["env_steps"], row[metric]] for row in whole]).reshape(-1, seeds, 2)
    return Curve(label, table[:, :, 0].mean(axis=1), table[:, :, 1].T)


def draw_curves(runs: Mapping[str, Rows], path: Path) -> None:
    """Draw what the evaluations of runs (rows by label) report into one picture at `path`, a panel for each metric.

    Metrics that not all the runs have are left out, and so is success where no environment reports it.
    """
    panels = []
    for metric in _metrics(runs.values()):
        curves = [curve_of(rows, metric, label) for label, rows in runs.items()]
        if not all(np.isnan(curve.values).all() for curve in curves):
            panels.append((metric.replace("eval/", "greedy "), curves))
    figure = Figure(figsize=(5.5 * len(panels), 4), layout="constrained")
    for axes, (title, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for curve in curves:
            line = axes.plot(curve.env_steps, curve.mean, label=curve.label)[0]
            axes.fill_between(curve.env_steps, *curve.band(), color=line.get_color(), alpha=0.2, linewidth=0)
        seeds = sorted({len(curve.values) for curve in curves})
        several = f" (mean of {' and '.join(map(str, seeds))} seeds, 95 % CI)" if seeds[-1] > 1 else ""
        axes.set(xlabel="environment steps", title=title + several)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)


def _metrics(runs: Iterable[Rows]) -> list[str]:
    # Where there are no rows, `curve_of` says so.
    common = [[name for name in (rows[0] if rows else _FIRST) if name.startswith("eval/")] for rows in runs]
    shared = [name for name in common[0] if all(name in names for names in common) and name not in _NOT_DRAWN]
    return sorted(shared, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
