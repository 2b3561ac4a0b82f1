"""Statistics against numbers worked out by hand."""

import itertools
import warnings

import numpy as np
import pytest

from jaxmem.analysis.statistics import improvement, interquartile_mean, interval, mean


def test_means():
    # Each task counts the same, however many seeds it has.
    assert mean(np.array([0.0, 1.0]), np.array([2.0, 3.0, 4.0, 7.0])) == (0.5 + 4.0) / 2
    curves = np.array([[0.0, 1.0], [4.0, 9.0]])
    np.testing.assert_array_equal(mean(curves, curves), [2.0, 5.0])
    np.testing.assert_array_equal(mean(curves, axis=1), [0.5, 6.5])


def test_interquartile_mean():
    # Of eight numbers the two lowest and the two highest are cut.
    runs = np.array([100.0, 3.0, 0.0, 5.0, -7.0, 4.0, 6.0, 50.0])
    assert interquartile_mean(runs) == (3 + 4 + 5 + 6) / 4
    # Runs of all tasks are sorted together.
    assert interquartile_mean(runs[:3], runs[3:]) == 4.5
    # Of five, one at each end; of three, none.
    assert interquartile_mean(np.array([1.0, 2.0, 3.0, 4.0, 90.0])) == 3.0
    assert interquartile_mean(np.array([1.0, 2.0, 9.0])) == 4.0
    assert np.isnan(interquartile_mean(np.array([1.0, 2.0, 3.0, np.nan])))


def test_improvement_counts_pairs():
    x, y = np.array([1.0, 2.0, 2.0]), np.array([0.0, 2.0])
    won = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in itertools.product(x, y))
    assert improvement(x, y) == won / 6 == pytest.approx((3 + 2 * 0.5) / 6)
    assert improvement(x, y) + improvement(y, x) == pytest.approx(1.0)
    # On a second task x always loses; tasks count the same, pairs of different tasks do not count.
    better = np.array([5.0])
    assert improvement(x, x, y, better) == pytest.approx((won / 6 + 0.0) / 2)
    assert np.isnan(improvement(np.array([np.nan]), y))


def test_intervals_are_those_of_the_stratified_bootstrap():
    """With two seeds a task, all resamples can be listed."""
    one, other = np.array([0.0, 1.0]), np.array([10.0, 30.0])
    # A task's mean is 0, 0.5 or 1 with probability 1/4, 1/2, 1/4; that of both lies from 5 to 15.5.
    low, high = interval([one, other], mean)
    assert (low, high) == (5.0, 15.5)
    # Drawn from all seeds at once, it would reach from 0 to 30. Points of a curve have an interval each.
    low, high = interval([np.stack([one, one + 1], 1), np.stack([other, other], 1)], mean)
    np.testing.assert_array_equal([low, high], [[5.0, 5.5], [15.5, 16.0]])


def test_intervals_cover_the_mean_about_as_often_as_they_say():
    samples = np.random.default_rng(1).normal(3.0, 2.0, (20, 300))
    low, high = interval([samples], mean)
    covered = np.mean((low <= 3.0) & (high >= 3.0))
    # Percentile intervals of 20 samples are a little short; three standard errors of 300 trials are 0.04.
    assert 0.88 < covered < 0.97
    half_width = np.mean(high - low) / 2
    assert half_width == pytest.approx(1.96 * 2.0 / np.sqrt(20), rel=0.1)


@pytest.mark.parametrize(("seeds", "share"), [(3, 0.76), (5, 0.84), (10, 0.90)])
def test_intervals_of_few_seeds_are_as_narrow_as_documented(seeds, share):
    samples = np.random.default_rng(2).normal(3.0, 2.0, (seeds, 1000))
    low, high = interval([samples], mean)
    # Three standard errors of 1000 trials.
    assert np.mean((low <= 3.0) & (high >= 3.0)) == pytest.approx(share, abs=0.04)


def test_a_single_seed_has_no_interval_and_equal_ones_the_point():
    assert np.isnan(interval([np.array([1.0, 2.0]), np.array([3.0])], mean)).all()
    low, high = interval([np.ones((1, 4))], mean)
    assert low.shape == high.shape == (4,)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert interval([np.ones(5), np.ones(3)], mean) == (1.0, 1.0)
        assert interval([np.ones(5), np.ones(5)], improvement) == (0.5, 0.5)
        assert np.isnan(interval([np.array([np.nan, 1.0, 2.0])], interquartile_mean)).all()
