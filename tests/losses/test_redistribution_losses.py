"""Rewards as differences of predicted returns, and as sums of what earlier steps contributed."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.losses import return_differences, synthetic_rewards

RNG = np.random.default_rng(0)
STEPS, LENGTHS = 7, np.array([7, 4, 1])
MASK = np.arange(STEPS) < LENGTHS[:, None]


def test_differences_keep_the_return_whatever_is_predicted():
    prediction, reward = RNG.normal(scale=10, size=(2, 3, STEPS))
    found = jax.vmap(return_differences)(jnp.float32(prediction), jnp.float32(reward), jnp.asarray(MASK))
    np.testing.assert_allclose(found.sum(axis=1), (reward * MASK).sum(axis=1), atol=1e-5)
    assert (np.asarray(found)[~MASK] == 0).all()
    for row, length in enumerate(LENGTHS):
        before = np.diff(prediction[row, : length - 1], prepend=0)
        np.testing.assert_allclose(found[row, : length - 1], before, atol=1e-5)


def test_a_right_prediction_pays_a_step_by_what_it_changed():
    prediction = jnp.array([0.5, 0.5, 1.0, 1.0, 1.0])
    reward, mask = jnp.zeros(5).at[4].set(1.0), jnp.ones(5, bool)
    np.testing.assert_array_equal(return_differences(prediction, reward, mask), [0.5, 0, 0.5, 0, 0])


def test_no_gradient_goes_through_redistributed_rewards():
    mask = jnp.asarray(MASK[1])
    reward = jnp.ones(STEPS)
    gradient = jax.grad(lambda p: jnp.sum(jnp.square(return_differences(p, reward, mask))))(jnp.arange(1.0, 8.0))
    np.testing.assert_array_equal(gradient, np.zeros(STEPS))


def test_a_reward_is_explained_by_earlier_steps_alone():
    contribution, gate, baseline = jnp.float32(RNG.normal(size=(3, STEPS)))
    found = synthetic_rewards(contribution, gate, baseline)
    expected = [gate[t] * np.sum(contribution[:t]) + baseline[t] for t in range(STEPS)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
