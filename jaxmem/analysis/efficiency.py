"""Sample efficiency: what algorithms reach over the same environment steps, and after how many, against one of them.

The question of Ni et al. 2023 (arXiv:2307.03864), section 5.3: whether transformers need more steps than LSTMs.

All algorithms of a task are compared over the steps that all of their runs have. A run that has stopped early because
it was solved keeps its last score; one whose budget is spent ends the comparison for all, since nobody knows how it
would go on. As in curves, the steps of a run are the mean over its seeds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxmem.analysis.curves import Curve, curve_of, join
from jaxmem.analysis.groups import Group, RunData
from jaxmem.analysis.statistics import ESTIMATES, interval
from jaxmem.config import ConfigError

WAY = 0.9
"""The score to be reached, where none is given: this share of the way from the reference's first score to its last."""
# Instead of the steps of a seed that never gets there, to see which figures depend on them.
_NEVER = 1e9


class Measured(NamedTuple):
    """A figure with its 95 % bootstrap interval over the seeds.

    Attributes:
        value: the figure; nan where nothing is known.
        low, high: bounds of the interval; nan where there is none.
        signs: of these three, ">=" or "<=" where it is but a bound, since seeds never got to the score; else "".
    """

    value: float
    low: float
    high: float
    signs: tuple[str, str, str] = ("", "", "")


@dataclass(frozen=True)
class Efficiency:
    """One algorithm on one task.

    Attributes:
        algorithm: its name.
        seeds: how many.
        final: score at the end of the common steps.
        mean: mean score over the common steps, the area under the curve divided by their number.
        reached: how many seeds ever get to the score.
        steps: median over the seeds of the steps after which they first do; a seed that never does counts with the
            end of the curve. None where there is no score to be reached.
        difference: of the mean scores, less the reference's; None of the reference itself.
        ratio: of the median steps, by the reference's; None as for `steps` and `difference`.
    """

    algorithm: str
    seeds: int
    final: Measured
    mean: Measured
    reached: int
    steps: Measured | None
    difference: Measured | None
    ratio: Measured | None


@dataclass(frozen=True)
class Comparison:
    """All algorithms on one task.

    Attributes:
        task: its name.
        reference: the algorithm that the others are compared with.
        env_steps: the end of the steps that all runs have.
        score: what is to be reached; None where none is given and the reference does not improve.
        algorithms: in order, the reference among them.
    """

    task: str
    reference: str
    env_steps: float
    score: float | None
    algorithms: Sequence[Efficiency]


def find_reference(groups: Sequence[Group], name: str) -> str:
    """The algorithm that `name` stands for: its own name, or that of its core if no other one has it.

    Raises:
        ConfigError: if there is none, or several.
    """
    cores = {group.algorithm: group.runs[0].config["core.name"] for group in groups}
    found = [name] if name in cores else [algorithm for algorithm, core in cores.items() if core == name]
    if len(found) != 1:
        reason = "the core of several algorithms" if found else "which none of these runs is of"
        raise ConfigError(f"--against is {name!r}, {reason}: allowed is one of {', '.join(found or cores)}")
    return found[0]


def compare(
    groups: Sequence[Group], metric: str, reference: str, estimate: str, score: float | None = None
) -> tuple[list[Comparison], list[str]]:
    """The tasks that the reference and others were run on, and notes on what is left out.

    Args:
        groups: runs, put together.
        metric: the score's column.
        reference: an algorithm's name.
        estimate: name of an estimate over the seeds, for scores; steps have the median.
        score: what is to be reached; None takes `WAY` for each task.

    Raises:
        ConfigError: if there is no such task.
    """
    found, notes = [], []
    for task in dict.fromkeys(group.task for group in groups):
        members = [group for group in groups if group.task == task]
        names = [group.algorithm for group in members]
        if reference not in names or len(names) == 1:
            what = f"{reference} alone" if reference in names else f"nothing of {reference}"
            notes.append(f"not against {reference}: {task}, of which there is {what}")
            continue
        found.append(compare_curves(task, names, _curves(members, metric), reference, estimate, score))
        if found[-1].score is None:
            notes.append(f"no score to be reached on {task}, where {reference} does not improve: --reach gives one")
    if not found:
        raise ConfigError(f"--against is {reference!r}: no task was run with it and another algorithm")
    return found, notes


def compare_curves(
    task: str, names: Sequence[str], curves: Curve, reference: str, estimate: str, score: float | None
) -> Comparison:
    """One task by its curves.

    Args:
        task: its name.
        names: the algorithms.
        curves: over the common steps; in place of tasks it has algorithms, one array of scores [seeds, N] each.
        reference: one of the names.
        estimate: see `compare`.
        score: see `compare`.
    """
    over_seeds = ESTIMATES[estimate]
    scores = dict(zip(names, curves.scores, strict=True))
    if score is None:
        first, last = over_seeds(scores[reference])[[0, -1]]
        score = float(first + WAY * (last - first)) if last > first else None
    means = {name: mean_score(curves.env_steps, own) for name, own in scores.items()}
    steps = {} if score is None else {n: steps_to(curves.env_steps, own, score) for n, own in scores.items()}
    end = float(curves.env_steps[-1])

    def less(one: np.ndarray, other: np.ndarray, axis: int = 0) -> np.ndarray:
        return over_seeds(one, axis=axis) - over_seeds(other, axis=axis)

    def measured(name: str) -> Efficiency:
        alone = name == reference
        own = steps.get(name)
        return Efficiency(
            algorithm=name,
            seeds=len(scores[name]),
            final=_measured(over_seeds, scores[name][:, -1]),
            mean=_measured(over_seeds, means[name]),
            reached=0 if own is None else int(np.isfinite(own).sum()),
            steps=None if own is None else _bounded(_median, end, own),
            difference=None if alone else _measured(less, means[name], means[reference]),
            ratio=None if alone or own is None else _bounded(_ratio, end, own, steps[reference]),
        )

    return Comparison(task, reference, end, score, list(map(measured, names)))


def mean_score(env_steps: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Mean over the steps [N] of scores [seeds, N], straight between evaluations: [seeds]."""
    if len(env_steps) == 1:
        return scores[:, 0]
    return np.trapezoid(scores, env_steps, axis=1) / (env_steps[-1] - env_steps[0])


def steps_to(env_steps: np.ndarray, scores: np.ndarray, score: float) -> np.ndarray:
    """Steps after which each seed of scores [seeds, N] is first at `score`, straight between evaluations: [seeds].

    Those of a seed that is there at its first evaluation are that one's, those of one that never is are inf.
    """

    def first(seed: np.ndarray) -> float:
        there = np.flatnonzero(seed >= score)
        if len(there) == 0:
            return np.inf
        at = there[0]
        around = slice(max(at - 1, 0), at + 1)
        return float(np.interp(score, seed[around], env_steps[around]))

    return np.array([first(seed) for seed in scores])


def _curves(groups: Sequence[Group], metric: str) -> Curve:
    """Algorithms over common steps, in place of tasks."""
    tasks = [[curve_of(run.rows, metric, group.label) for run in group.runs] for group in groups]
    runs = [run for group in groups for run in group.runs]
    ends = [float(curve.env_steps[-1]) for task in tasks for curve in task]
    until = min((end for run, end in zip(runs, ends, strict=True) if not _is_solved(run)), default=max(ends))
    return join(tasks, groups[0].task, until)


def _is_solved(run: RunData) -> bool:
    """Whether it has stopped early."""
    return run.finished and run.folder.read_loop().is_solved(run.rows[-run.config.get("seeds", 1) :])


def _median(steps: np.ndarray, axis: int = 0) -> np.ndarray:
    return np.median(steps, axis=axis)


def _ratio(steps: np.ndarray, others: np.ndarray, axis: int = 0) -> np.ndarray:
    # All seeds of the other may be there at once, after 0 steps.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.median(steps, axis=axis) / np.median(others, axis=axis)


def _measured(estimate: Callable[..., np.ndarray], *scores: np.ndarray) -> Measured:
    low, high = interval(scores, estimate)
    return Measured(float(estimate(*scores)), float(low), float(high))


def _bounded(estimate: Callable[..., np.ndarray], end: float, *steps: np.ndarray) -> Measured:
    """An estimate of steps, of which those that are inf are at least `end`.

    They are taken for `end`. What is higher if they were never is at least as high as it seems, what is lower at most;
    of what depends on such steps both ways, nothing is known.
    """

    def taken(*ends: float) -> np.ndarray:
        known = [np.where(np.isinf(own), instead, own) for own, instead in zip(steps, ends, strict=True)]
        return np.array(_measured(estimate, *known)[:3])

    at_end = [end] * len(steps)
    found = taken(*at_end)
    others = [taken(*at_end[:place], _NEVER * end, *at_end[place + 1 :]) for place in range(len(steps))]
    higher, lower = np.any(np.greater(others, found), axis=0), np.any(np.less(others, found), axis=0)
    value, low, high = np.where(higher & lower, np.nan, found).tolist()
    signs = np.select([higher & lower, higher, lower], ["", ">=", "<="], "").tolist()
    return Measured(value, low, high, (signs[0], signs[1], signs[2]))
