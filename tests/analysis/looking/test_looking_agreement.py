"""Agreement of maps: what was planted is found, and what was not is not."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from jaxmem.analysis.looking.agreement import (
    STATISTICS,
    agreement,
    beside_shuffled,
    mean_of_frames,
    rank_correlation,
    top_overlap,
)

EPISODE = np.repeat(np.arange(8), 10)


def random_maps(seed: int, count: int = len(EPISODE)) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 7, 6))


def test_rank_correlation_is_that_of_scipy():
    rng = np.random.default_rng(0)
    # Few values: most are tied.
    a, b = rng.integers(0, 4, (2, 5, 4, 3))
    spearman: Any = stats.spearmanr
    expected = [spearman(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(rank_correlation(a, b), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(rank_correlation(a, np.exp(a)), 1, rtol=0, atol=1e-12)
    # What differs by rounding alone is the same, and so is a map of zeros.
    constant = np.ones((2, 4, 3)) + 1e-8 * rng.random((2, 4, 3))
    constant[1] = 0
    np.testing.assert_array_equal(rank_correlation(constant, b[:2]), [0, 0])


def test_small_places_keep_their_order_and_what_is_closer_than_a_step_has_none():
    rng = np.random.default_rng(2)
    # As saliency of a few places: differences of what was said, squared.
    said = 10.0 ** rng.uniform(-5, 0, (4, 8, 8))
    said[:, 0, 0] = 1
    other = rng.random((4, 8, 8))
    spearman: Any = stats.spearmanr
    expected = [spearman(x.ravel(), y.ravel()).statistic for x, y in zip(said, other, strict=True)]
    np.testing.assert_allclose(rank_correlation(said**2, other), expected, rtol=0, atol=0.01)
    # Numbers below 0 have an order, too.
    signs = np.where(rng.random(said.shape) < 0.5, 1, -1)
    expected = [spearman(x.ravel(), y.ravel()).statistic for x, y in zip(signs * said, other, strict=True)]
    np.testing.assert_allclose(rank_correlation(signs * said**2, other), expected, rtol=0, atol=0.01)
    # Places whose roots are a tenth of a step apart.
    said[:, 2:] = 1e-7 * rng.random((4, 6, 8))
    tied = said.copy()
    tied[:, 2:] = 0
    np.testing.assert_allclose(rank_correlation(said**2, other), rank_correlation(tied, other), rtol=0, atol=0.01)
    np.testing.assert_allclose(top_overlap(said**2, tied, 0.1), 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(top_overlap(said**2, tied, 0.5), top_overlap(tied, tied, 0.5), rtol=0, atol=1e-12)


def test_overlap_counts_common_cells_of_the_top():
    a, b = np.arange(20.0).reshape(2, 2, 5), np.zeros((2, 2, 5))
    # Of 10 cells 3 are the top: the last ones of a; of b the last two of them in the first frame, none in the second.
    b[0].flat[[8, 9, 0]] = 1, 2, 3
    b[1].flat[[0, 1, 2]] = 1
    np.testing.assert_allclose(top_overlap(a, b, 0.3), [2 / 3, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(top_overlap(a, a, 0.25), 1, rtol=0, atol=1e-12)


def test_ties_of_the_top_are_drawn_by_lot():
    constant = np.ones((1, 5, 4))
    np.testing.assert_allclose(top_overlap(constant, constant, 0.1), 2 / 20, rtol=0, atol=1e-12)
    np.testing.assert_allclose(top_overlap(constant, random_maps(0, 1)[:, :5, :4], 0.1), 2 / 20, rtol=0, atol=1e-12)
    # One cell is above all others, which tie for the second place.
    peak = np.zeros((1, 5, 4))
    peak[0, 2, 2] = 1
    rng, count = np.random.default_rng(1), 20000
    lots = [np.argsort(rng.random((count, 20)) - 2 * peak.ravel(), axis=1)[:, :2] for _ in range(2)]
    drawn = np.mean([len(set(x) & set(y)) / 2 for x, y in zip(*lots, strict=True)])
    assert top_overlap(peak, peak, 0.1)[0] == pytest.approx(drawn, abs=0.005)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_planted_match_is_found(statistic):
    maps = random_maps(1)
    found = agreement(maps, maps**2, EPISODE, statistic)
    assert found.value == pytest.approx(1)
    assert found.difference == pytest.approx(1 - found.null)
    assert found.difference_interval.low > 0.5
    assert found.difference_interval.low <= found.difference + 1e-9 <= found.difference_interval.high + 2e-9
    assert found.p == pytest.approx(1 / 1001)
    assert (found.frames, found.episodes) == (80, 8)
    # Mixed up, the same maps say nothing.
    other = agreement(maps, np.roll(maps, 23, axis=0), EPISODE, statistic)
    assert abs(other.difference) < 0.05
    assert other.p > 0.01


@pytest.mark.parametrize("statistic", STATISTICS)
def test_independent_maps_do_not_agree(statistic):
    found = agreement(random_maps(2), random_maps(3), EPISODE, statistic)
    assert abs(found.difference) < 0.04
    assert found.difference_interval.low < 0 < found.difference_interval.high
    assert found.p > 0.05
    chance = {"rank correlation": 0, "top overlap": 5 / 42}[statistic]
    assert found.value == pytest.approx(chance, abs=0.04)
    assert found.null == pytest.approx(chance, abs=0.02)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_maps_that_do_not_follow_the_frames_have_nothing_above_the_null(statistic):
    still = np.repeat(random_maps(4, 1), len(EPISODE), axis=0)
    found = agreement(still, still, EPISODE, statistic)
    assert found.value == pytest.approx(1)
    assert found.difference == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(found.difference_interval, 0, rtol=0, atol=1e-12)
    assert found.p == 1


def test_null_and_interval_are_those_of_a_loop():
    rng = np.random.default_rng(5)
    episode = np.array([4, 4, 4, 7, 7, 9, 9, 9, 9, 11, 11, 12])
    pairs = rng.normal(size=(12, 12))
    found = beside_shuffled(pairs, episode)
    others = [pairs[i, j] for i in range(12) for j in range(12) if i != j]
    assert found.null == pytest.approx(np.mean(others))
    assert found.ratio == pytest.approx(np.mean(np.diag(pairs)) / np.mean(others))
    differences = []
    for _ in range(4000):
        frames = np.concatenate([np.flatnonzero(episode == e) for e in rng.choice([4, 7, 9, 11, 12], 5)])
        block = pairs[np.ix_(frames, frames)]
        different = frames[:, None] != frames
        differences.append(pairs[frames, frames].mean() - block[different].mean())
    np.testing.assert_allclose(found.difference_interval, np.percentile(differences, [2.5, 97.5]), rtol=0, atol=0.05)


def test_few_frames_cannot_be_told_from_chance():
    for count, orders in ((2, 2), (3, 6), (4, 24)):
        assert beside_shuffled(np.eye(count), np.arange(count)).p == pytest.approx(1 / orders, abs=0.05)


@pytest.mark.parametrize("episodes", [1, 4])
def test_few_episodes_have_no_interval(episodes):
    found = beside_shuffled(np.eye(4), np.arange(4) % episodes)
    assert found.difference == 1
    assert np.isnan(found.difference_interval).all()
    mean, bounds = mean_of_frames(np.array([1.0, 3.0]), np.array([2, 2]))
    assert mean == 2
    assert np.isnan(bounds).all()


def test_mean_of_frames_varies_with_the_episodes():
    values, episode = np.array([0.0, 0, 0, 10, 0, 0, 0, 0]), np.array([0, 0, 0, 1, 2, 3, 4, 4])
    mean, bounds = mean_of_frames(values, episode)
    assert mean == 1.25
    # Of five draws, up to three are the episode that is unlike the others.
    assert bounds.low == 0
    assert 3 < bounds.high < 8
