"""Whether two maps of a frame agree, and whether they would as well if frames were mixed up.

A map that always lies on the middle of the frame agrees with any other that does, whatever is in the frame. So each
agreement is held against that of one frame's map with the other map of another frame, taken from all episodes. What
there is above that follows the frames.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import stats

from jaxmem.analysis.statistics import CONFIDENCE, Interval

SHARE = 0.1
"""Which part of a frame's cells is its top."""
FEWEST = 5
"""Episodes below which there is no interval: resamples of fewer are too alike."""
_RESAMPLES = 2000
_DRAWS = 1000


class Agreement(NamedTuple):
    """A mean over frames, beside the same with frames mixed up.

    Attributes:
        value: mean over the frames.
        null: mean over all pairs of two different frames.
        difference: value - null.
        difference_interval: 95 % bootstrap interval over episodes, somewhat narrow where there are ten or fewer; nan
            where there are fewer than `FEWEST`.
        ratio: value / null.
        ratio_interval: the same of the ratio.
        p: share of random orders of the frames whose mean is as high; the true order counts as one of them. Frames that
            follow each other are alike, which this does not know: the interval does.
        frames: how many there are.
        episodes: how many they are from.
    """

    value: float
    null: float
    difference: float
    difference_interval: Interval
    ratio: float
    ratio_interval: Interval
    p: float
    frames: int
    episodes: int


def rank_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each frame's maps [T, h, w], ties averaged: float64 [T].

    Where a map is the same everywhere it has no order that could agree with another: 0.
    """
    return np.sum(_ranks(a) * _ranks(b), axis=1)


def top_overlap(a: np.ndarray, b: np.ndarray, share: float = SHARE) -> np.ndarray:
    """Which part of the k highest cells of each frame's maps [T, h, w] they have in common: float64 [T].

    k is the `share` of the cells, rounded up. Among cells that tie for the last places, lots are drawn, for each map on
    its own; this is the mean over all lots. So two maps that are the same everywhere overlap as much as chance has it,
    k in all cells, and not fully.
    """
    return np.sum(_tops(a, share) * _tops(b, share), axis=1)


def top_count(cells: int, share: float = SHARE) -> int:
    """How many of so many cells are a `share`, rounded up."""
    return int(np.ceil(share * cells - 1e-9))


def levels(maps: np.ndarray) -> np.ndarray:
    """Maps [T, h, w] in whole steps, float64 [T, cells]: what is closer than a step is the same.

    A step is a millionth of the root of the highest place. Saliency is a square, and spans many orders of magnitude: of
    its root, small places keep their order, down to a part in 10^12 of the highest one. How exact the network's outputs
    are is not known here: `saliency` leaves out what may be their rounding. Numbers below 0 are counted as far below as
    their size is above.
    """
    flat = np.asarray(maps, np.float64).reshape(len(maps), -1)
    highest = np.abs(flat).max(axis=1, keepdims=True)
    shares = np.divide(flat, highest, out=np.zeros_like(flat), where=highest > 0)
    return np.round(1e6 * np.sign(shares) * np.sqrt(np.abs(shares)))


def _ranks(maps: np.ndarray) -> np.ndarray:
    """Ranks as vectors of the length 1 around 0, [T, cells]; zeros where all are the same."""
    ranks = stats.rankdata(levels(maps), axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    return np.divide(ranks, length, out=np.zeros_like(ranks), where=length > 0)


def _tops(maps: np.ndarray, share: float = SHARE) -> np.ndarray:
    """Chances of the cells to be among the k highest, over the root of k: [T, cells]."""
    flat = levels(maps)
    k = top_count(flat.shape[1], share)
    last = -np.partition(-flat, k - 1, axis=1)[:, k - 1 : k]
    above, tied = flat > last, flat == last
    left = k - above.sum(axis=1, keepdims=True)
    return (above + tied * left / tied.sum(axis=1, keepdims=True)) / np.sqrt(k)


STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rank correlation": _ranks,
    "top overlap": _tops,
}
"""By name, what makes of maps [T, h, w] vectors [T, h * w] whose inner products are the statistic."""


def agreement(a: np.ndarray, b: np.ndarray, episode: np.ndarray, statistic: str, seed: int = 0) -> Agreement:
    """How two maps of T frames agree, [T, h, w] each.

    Args:
        a: maps of one kind.
        b: maps of another, of the same frames.
        episode: int [T], which episode a frame is from.
        statistic: one of `STATISTICS`.
        seed: of the resamples and the orders.
    """
    vectors = STATISTICS[statistic]
    return beside_shuffled(vectors(a) @ vectors(b).T, episode, seed)


def beside_shuffled(pairs: np.ndarray, episode: np.ndarray, seed: int = 0) -> Agreement:
    """The mean of a statistic over frames, beside that over pairs of different frames.

    Args:
        pairs: [T, T], the statistic of each frame's one thing with each frame's other; on the diagonal of its own.
        episode: int [T], which episode a frame is from.
        seed: of the resamples and the orders.
    """
    rng = np.random.default_rng(seed)
    pairs = np.asarray(pairs, np.float64)
    count = len(pairs)
    own = np.diag(pairs)
    numbers, member = np.unique(episode, return_inverse=True)
    belongs = np.eye(len(numbers))[member]
    sizes = belongs.sum(axis=0)
    own_sums = own @ belongs
    sums = belongs.T @ (pairs - np.diag(own)) @ belongs
    counts = np.outer(sizes, sizes) - np.diag(sizes)

    def estimates(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Value and null of episodes that count so many times each, [..., episodes]."""
        with np.errstate(invalid="ignore", divide="ignore"):
            null = np.sum((weights @ sums) * weights, axis=-1) / np.sum((weights @ counts) * weights, axis=-1)
        return weights @ own_sums / (weights @ sizes), null

    value, null = estimates(np.ones(len(numbers)))
    resampled = estimates(_resampled(len(numbers), rng))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio, ratios = value / null, resampled[0] / resampled[1]
    few = len(numbers) < FEWEST
    return Agreement(
        value=float(value),
        null=float(null),
        difference=float(value - null),
        difference_interval=_percentiles(resampled[0] - resampled[1], few),
        ratio=float(ratio),
        ratio_interval=_percentiles(ratios, few),
        p=_p_value(pairs, rng),
        frames=count,
        episodes=len(numbers),
    )


def mean_of_frames(values: np.ndarray, episode: np.ndarray, seed: int = 0) -> tuple[float, Interval]:
    """Mean of T frames' values, float [T], and its 95 % bootstrap interval over episodes, int [T]."""
    numbers, member = np.unique(episode, return_inverse=True)
    sums, sizes = np.bincount(member, values), np.bincount(member)
    weights = _resampled(len(numbers), np.random.default_rng(seed))
    return float(np.mean(values)), _percentiles(weights @ sums / (weights @ sizes), len(numbers) < FEWEST)


def _resampled(count: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of `count` episodes is in each resample: [resamples, count]."""
    return rng.multinomial(count, np.full(count, 1 / count), _RESAMPLES)


def _p_value(pairs: np.ndarray, rng: np.random.Generator) -> float:
    count = len(pairs)
    if count < 2:
        return float("nan")
    observed = np.mean(np.diag(pairs))
    orders = rng.permuted(np.tile(np.arange(count), (_DRAWS, 1)), axis=1)
    shuffled = pairs[np.arange(count), orders].mean(axis=1)
    # Sums in another order differ in their last bits.
    as_high = np.sum(shuffled >= observed - 1e-9 * (1 + abs(observed)))
    return float((1 + as_high) / (1 + _DRAWS))


def _percentiles(values: np.ndarray, few: bool) -> Interval:
    known = values[np.isfinite(values)]
    if few or not len(known):
        return Interval(float("nan"), float("nan"))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(known, [tail, 100 - tail])
    return Interval(float(low), float(high))
