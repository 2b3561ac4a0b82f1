"""Advantages: rewards over the other rows', values that are believed as far as they should be, and their size."""

from itertools import product

import jax.numpy as jnp
import numpy as np

from jaxmem.agents.advantages import (
    Judged,
    calibrated,
    judged_together,
    normalized,
    over_step_mean,
    relative_rewards,
)


def returns(reward: np.ndarray, discount: np.ndarray) -> np.ndarray:
    """Discounted returns [T, B], by the loop."""
    ahead, result = np.zeros(reward.shape[1]), np.zeros(reward.shape)
    for t in reversed(range(len(reward))):
        ahead = result[t] = reward[t] + discount[t] * ahead
    return result


def relative(reward: np.ndarray, lengths: list[int], cut: list[int], discount: float) -> tuple[np.ndarray, float]:
    """`relative_rewards` of rows with some lengths, of which those in `cut` were ended by a time limit."""
    steps = np.arange(len(reward))[:, None]
    mask, last = steps < lengths, steps == np.array(lengths) - 1
    terminated = last & ~np.isin(np.arange(len(lengths)), cut)
    discounts = discount * (mask & ~terminated)
    rewards, unit = relative_rewards(
        jnp.asarray(reward, jnp.float32),
        jnp.asarray(discounts, jnp.float32),
        jnp.asarray(terminated),
        jnp.asarray(mask),
        discount,
    )
    return np.asarray(rewards), float(unit)


def test_returns_of_relative_rewards_are_returns_over_what_the_others_got():
    rng = np.random.default_rng(0)
    lengths, discount = [5, 3, 5, 2], 0.9
    mask = np.arange(5)[:, None] < lengths
    reward = np.where(mask, rng.normal(size=(5, 4)) + 3, 0)
    got, unit = relative(reward, lengths, cut=[3], discount=discount)
    everywhere = np.full(reward.shape, discount)
    whole = returns(reward, everywhere)
    ahead = np.zeros((5, 4))
    for row in range(4):
        others = np.delete(np.arange(4), row)
        for t in range(lengths[row]):
            ahead[t, row] = whole[t, row] - whole[t, others].mean()
    # A time limit says nothing of what would have come: the others are taken off up to there.
    others = np.delete(whole, 3, axis=1)[2].mean()
    for t in range(2):
        ahead[t, 3] += discount ** (2 - t) * others
    terminated = np.arange(5)[:, None] == np.array([4, 2, 4, -1])
    np.testing.assert_allclose(returns(got * unit, discount * (mask & ~terminated))[mask], ahead[mask], atol=1e-5)
    np.testing.assert_allclose(unit, np.sqrt(np.mean(ahead[mask] ** 2)), rtol=1e-5)
    assert not got[~mask].any()


def test_what_all_rows_get_alike_is_worth_nothing():
    got, unit = relative(np.broadcast_to(np.array([[0.1], [0.7], [-100.3]]), (3, 7)), [3] * 7, [], 0.99)
    np.testing.assert_array_equal(got, 0)
    assert unit == 0
    got, _ = relative(np.zeros((3, 4)), [3] * 4, [], 1.0)
    np.testing.assert_array_equal(got, 0)


def test_one_step_in_thousands_is_not_lost_among_what_all_rows_get():
    """Who cannot walk yet is behind in all of 1500 steps, but for the first ones of a few rows."""
    reward = np.full((1500, 128), -1 / 1500)
    reward[0, 0] = 0
    got, unit = relative(reward, [1500] * 128, [], 1.0)
    assert 0 < unit < 1e-5
    np.testing.assert_allclose(got[0] * unit, np.where(np.arange(128) == 0, 1, -1 / 127) / 1500, rtol=1e-4)
    np.testing.assert_array_equal(got[1:], 0)


def test_a_single_row_keeps_its_rewards():
    got, unit = relative(np.array([[1.0], [2.0]]), [2], [], 1.0)
    np.testing.assert_allclose(got * unit, [[1], [2]], rtol=1e-6)


def test_rewards_over_the_other_rows_bias_nothing_where_who_errs_is_out_at_once():
    """Two rows, by enumeration: stopping pays 1 and ends; going on pays nothing, then 3."""
    p = np.array([0.3, 0.7])
    score = np.eye(2) - p
    expected = np.zeros(2)
    for actions in product(range(2), repeat=2):
        reward = np.array([[1.0 * (a == 0) for a in actions], [3.0 * (a == 1) for a in actions]])
        got, unit = relative(reward, [1 + a for a in actions], [], 1.0)
        chance = p[actions[0]] * p[actions[1]]
        expected += chance * sum(score[a] * unit * got[:, row].sum() for row, a in enumerate(actions)) / 2
    worth = np.array([1.0, 3.0])
    np.testing.assert_allclose(expected, p * (worth - p @ worth), atol=1e-5)


def test_kinds_of_reward_count_as_paid_or_alike():
    advantage = jnp.array([[[1.0, -2.0, 7.0]]])
    kinds = Judged(advantage, advantage, jnp.array([0.5, 1.0, 0.0]), jnp.array([3.0, 4.0, 0.0]))
    paid = judged_together(kinds, alike=False)
    np.testing.assert_allclose(paid.advantage, [[(3 * 1 - 4 * 2) / 5]], rtol=1e-6)
    np.testing.assert_allclose([paid.unit, paid.trust], [5, (9 * 0.5 + 16) / 25], rtol=1e-6)
    # Of what is never paid nothing counts.
    alike = judged_together(kinds, alike=True)
    np.testing.assert_allclose(alike.advantage, [[(1 - 2) / np.sqrt(2)]], rtol=1e-6)
    np.testing.assert_allclose(alike.trust, 0.75, rtol=1e-6)
    np.testing.assert_array_equal(alike.target, advantage)


def test_values_are_believed_as_far_as_returns_bear_them_out():
    """The slope of returns over values by least squares, each less its step's mean; and no further than 0 or 1."""
    rng = np.random.default_rng(0)
    mask = np.ones((5, 6), bool)
    mask[3, 2:], mask[4] = False, False
    value = rng.normal(size=(6, 6)) + 10 * rng.normal(size=(6, 1))
    noise = rng.normal(size=(5, 6))
    mean = np.array([value[t, mask[t]].mean() for t in range(4)])
    off = np.concatenate([(value[t] - mean[t])[mask[t]] for t in range(4)])

    def trusted(target: np.ndarray) -> tuple[np.ndarray, float]:
        values, trust = calibrated(jnp.asarray(value, jnp.float32), jnp.asarray(target, jnp.float32), jnp.asarray(mask))
        return np.asarray(values), float(trust)

    target = 0.4 * value[:5] + 3 + 0.1 * noise
    got = np.concatenate([(target[t] - target[t, mask[t]].mean())[mask[t]] for t in range(4)])
    slope = off @ got / (off @ off)
    values, trust = trusted(target)
    np.testing.assert_allclose(trust, slope, rtol=1e-4)
    for t in range(4):
        np.testing.assert_allclose(values[t, mask[t]], (mean[t] + slope * (value[t] - mean[t]))[mask[t]], atol=1e-4)
    np.testing.assert_allclose(values[4:], value[4:], rtol=1e-6)

    values, trust = trusted(2 * value[:5])
    assert trust == 1
    np.testing.assert_allclose(values, value, rtol=1e-6)
    values, trust = trusted(-value[:5])
    assert trust == 0
    np.testing.assert_allclose(values[0], mean[0], rtol=1e-5)


def test_without_another_row_nothing_is_better_than_the_step_baseline():
    assert not np.asarray(over_step_mean(jnp.ones((3, 1)), jnp.ones((3, 1), bool))).any()


def test_the_step_baseline_biases_nothing():
    """Two rows, one step, two actions with probabilities p: the expected gradient, by enumeration."""
    p, reward = np.array([0.3, 0.7]), np.array([1.0, -2.0])
    score = np.eye(2) - p  # Of log p with respect to the logits, by action.
    expected = np.zeros(2)
    for a, b in np.ndindex(2, 2):
        advantage = over_step_mean(jnp.array([[reward[a], reward[b]]]), jnp.ones((1, 2), bool))[0]
        expected += p[a] * p[b] * (score[a] * float(advantage[0]) + score[b] * float(advantage[1])) / 2
    np.testing.assert_allclose(expected, p * (reward - p @ reward), atol=1e-6)


def test_small_advantages_are_not_blown_up():
    mask = jnp.asarray([[True, True], [True, False]])
    advantage = jnp.asarray([[0.1, 0.3], [0.2, 7.0]])
    deviation = np.sqrt(0.02 / 3)
    np.testing.assert_allclose(normalized(advantage, mask)[0], [-0.1 / deviation, 0.1 / deviation], rtol=1e-4)
    np.testing.assert_allclose(normalized(advantage, mask, 0.05)[0], [-0.1 / deviation, 0.1 / deviation], rtol=1e-4)
    np.testing.assert_allclose(normalized(advantage, mask, 0.5)[0], [-0.2, 0.2], rtol=1e-5)
