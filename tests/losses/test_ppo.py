"""PPO's losses against what they are said to be."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.losses import clipped_ratio_loss, clipped_value_loss


def test_a_ratio_gains_nothing_beyond_the_clip_but_loses():
    ratio = jnp.array([0.5, 0.9, 1.0, 1.1, 1.5] * 2)
    advantage = jnp.array([2.0] * 5 + [-2.0] * 5)
    loss, slope = jax.value_and_grad(lambda r: clipped_ratio_loss(r, advantage, 0.2).sum())(ratio)
    expected = [-1.0, -1.8, -2.0, -2.2, -2.4, 1.6, 1.8, 2.0, 2.2, 3.0]
    np.testing.assert_allclose(clipped_ratio_loss(ratio, advantage, 0.2), expected, rtol=1e-6)
    np.testing.assert_allclose(loss, sum(expected), rtol=1e-6)
    np.testing.assert_array_equal(slope, [-2, -2, -2, -2, 0, 0, 2, 2, 2, 2])


def test_with_a_worst_ratio_the_loss_has_an_end():
    ratio, advantage = jnp.array([0.5, 1.3, 5.0] * 2), jnp.array([2.0] * 3 + [-2.0] * 3)
    loss, slope = jax.value_and_grad(lambda r: clipped_ratio_loss(r, advantage, 0.2, 1.4).sum())(ratio)
    expected = [-1.0, -2.4, -2.4, 1.6, 2.6, 2.8]
    np.testing.assert_allclose(loss, sum(expected), rtol=1e-6)
    np.testing.assert_array_equal(slope, [-2, 0, 0, 0, 2, 0])


def test_values_gain_nothing_beyond_the_clip_but_lose():
    value, old, target = jnp.array([1.0, 1.0, 0.0]), jnp.array([0.0, 0.9, 0.5]), jnp.array([2.0, 2.0, 2.0])
    np.testing.assert_allclose(clipped_value_loss(value, old, target, None), [0.5, 0.5, 2.0], rtol=1e-6)
    # The first has left its old value for the target, and is held to 0.2; the third has left it for the other side.
    np.testing.assert_allclose(clipped_value_loss(value, old, target, 0.2), [0.5 * 1.8**2, 0.5, 2.0], rtol=1e-6)
    slope = jax.grad(lambda v: clipped_value_loss(v, old, target, 0.2).sum())(value)
    np.testing.assert_allclose(slope, [0, -1, -2], rtol=1e-6)
