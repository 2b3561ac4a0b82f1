"""Returns of twin critics against a recursion in NumPy, and squashed Gaussians against numbers of their own."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmem.losses import clipped_double_returns, squashed_normal
from jaxmem.replay import Episodes

HORIZON, DISCOUNT = 6, 0.9


def reference(reward, q, bonus, length, terminated, lambda_, n_step):
    """Returns of the steps that were taken, from the definition: an episode that goes on mixes, one that ends does not.

    reward: [length]; q [2, length + 1] and bonus [length + 1] at the observations, the last one included.
    """
    value = q.min(axis=0)

    def from_step(t: int, steps: int) -> float:
        """The return of step t that bootstraps after `steps` steps at the latest."""
        last = t == length - 1
        if last and terminated:
            return reward[t]
        ahead = value[t + 1]
        if not last and steps > 1:
            ahead = (1 - lambda_) * value[t + 1] + lambda_ * from_step(t + 1, steps - 1)
        return reward[t] + DISCOUNT * (bonus[t + 1] + ahead)

    return [from_step(t, n_step or length) for t in range(length)]


@jax.jit
def compiled(episodes: Episodes, q: jax.Array, bonus: jax.Array, lambda_: Any) -> jax.Array:
    def one(r, discount, q, bonus, continues):
        return clipped_double_returns(r, discount, q, bonus, continues, lambda_)

    arguments = (episodes.reward, episodes.discounts(DISCOUNT), q[:, 1:], bonus[1:], episodes.continues)
    return jax.vmap(one, in_axes=(1, 1, 2, 1, 1), out_axes=1)(*arguments)


def episodes_of(lengths, terminated, rng) -> tuple[Episodes, np.ndarray, np.ndarray]:
    """Random episodes with zeros in their padding, and random values, padding included."""
    rows = len(lengths)
    reward = rng.normal(size=(HORIZON, rows)) * (np.arange(HORIZON)[:, None] < np.asarray(lengths))
    episodes = Episodes(
        obs=jnp.zeros((HORIZON + 1, rows, 1)),
        action=jnp.zeros((HORIZON, rows, 1)),
        log_prob=jnp.zeros((HORIZON, rows)),
        deviated=jnp.zeros((HORIZON, rows), bool),
        reward=jnp.asarray(reward, jnp.float32),
        length=jnp.asarray(lengths, jnp.int32),
        terminated=jnp.asarray(terminated),
    )
    return episodes, rng.normal(size=(2, HORIZON + 1, rows)), rng.normal(size=(HORIZON + 1, rows))


@settings(max_examples=50, deadline=None)
@given(
    ends=st.lists(st.tuples(st.integers(1, HORIZON), st.booleans()), min_size=4, max_size=4),
    lambda_=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 1000),
)
def test_returns_end_where_episodes_terminate_and_go_on_past_time_limits(ends, lambda_, seed):
    lengths, terminated = zip(*ends, strict=True)
    episodes, q, bonus = episodes_of(lengths, terminated, np.random.default_rng(seed))
    got = np.asarray(compiled(episodes, jnp.float32(q), jnp.float32(bonus), jnp.float32(lambda_)))
    for row, (length, ended) in enumerate(ends):
        reward = np.asarray(episodes.reward, np.float64)[:length, row]
        seen = slice(0, length + 1)
        expected = reference(reward, q[:, seen, row], bonus[seen, row], length, ended, lambda_, None)
        np.testing.assert_allclose(got[:length, row], expected, rtol=1e-5, atol=1e-5)


def test_what_is_in_the_padding_changes_nothing():
    episodes, q, bonus = episodes_of([3, 2], [False, True], np.random.default_rng(0))
    got = compiled(episodes, jnp.float32(q), jnp.float32(bonus), jnp.float32(0.7))
    padded = np.arange(HORIZON + 1)[:, None] > np.asarray([3, 1])
    other = compiled(episodes, jnp.float32(np.where(padded, 1e3, q)), jnp.float32(bonus), jnp.float32(0.7))
    np.testing.assert_array_equal(got[:3, 0], other[:3, 0])
    np.testing.assert_array_equal(got[:2, 1], other[:2, 1])


def test_n_steps_are_the_n_step_return():
    episodes, q, bonus = episodes_of([HORIZON], [False], np.random.default_rng(1))
    arguments = (episodes.reward, episodes.discounts(DISCOUNT), q[:, 1:], bonus[1:], episodes.continues)
    r, discount, q_t, bonus_t, continues = (jnp.asarray(x)[..., 0] for x in arguments)
    got = clipped_double_returns(r, discount, jnp.float32(q_t), jnp.float32(bonus_t), continues, 1.0, 3)
    expected = reference(np.asarray(r, np.float64), q[..., 0], bonus[:, 0], HORIZON, False, 1.0, 3)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_no_gradient_flows_through_returns():
    def total(q):
        ones = jnp.ones(3)
        return clipped_double_returns(ones, ones, q, ones, jnp.ones(3, bool), 0.5).sum()

    np.testing.assert_array_equal(jax.grad(total)(jnp.ones((2, 3))), 0)


def test_wrong_shapes_are_refused():
    ones, on = jnp.ones(3), jnp.ones(3, bool)
    with pytest.raises(AssertionError):
        clipped_double_returns(ones, ones, jnp.ones(3), ones, on)
    with pytest.raises(AssertionError):
        clipped_double_returns(ones, ones, jnp.ones((2, 4)), ones, on)


def test_density_of_a_squashed_normal():
    """Of two independent numbers it is the product; the density of tanh(u) is the normal's over the slope."""
    mean, log_std = jnp.array([[0.3, -1.0]] * 500), jnp.array([[-0.5, 0.2]] * 500)
    action, log_prob = squashed_normal(mean, log_std, jax.random.key(0))
    a, m, s = (np.asarray(x, np.float64) for x in (action, mean, jnp.exp(log_std)))
    inside = np.abs(a).max(axis=-1) < 0.999
    u = np.arctanh(a[inside])
    normal = np.exp(-0.5 * ((u - m[inside]) / s[inside]) ** 2) / (s[inside] * np.sqrt(2 * np.pi))
    density = np.prod(normal / (1 - a[inside] ** 2), axis=-1)
    np.testing.assert_allclose(np.asarray(log_prob)[inside], np.log(density), atol=2e-2)
    assert inside.mean() > 0.9
    assert np.abs(a).max() <= 1


def test_density_stays_finite_where_actions_are_at_their_bounds():
    grad = jax.grad(lambda mean: squashed_normal(mean, jnp.zeros(1), jax.random.key(0))[1])(jnp.full(1, 40.0))
    action, log_prob = squashed_normal(jnp.full(1, 40.0), jnp.zeros(1), jax.random.key(0))
    assert float(action[0]) == 1
    assert np.isfinite(log_prob)
    assert np.isfinite(grad).all()
