"""Rewards for the learner: squeezed, and sorted by size."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem.losses import by_size, clip_rewards


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("off", [-10, -0.5, 0, 3]),
        ("abs_one", [-1, -0.5, 0, 1]),
        ("sign", [-1, -1, 0, 1]),
        ("soft_asymmetric", [-1.5 * np.tanh(2), -1.5 * np.tanh(0.1), 0, 5 * np.tanh(0.6)]),
    ],
)
def test_rewards_are_squeezed(mode, expected):
    np.testing.assert_allclose(clip_rewards(jnp.array([-10.0, -0.5, 0.0, 3.0]), mode), expected, rtol=1e-6)


def test_rewards_are_sorted_by_their_size():
    reward = jnp.array([[0.0, -0.02, 0.3], [-0.29, 5.0, -3.0]])
    sorted_ = np.asarray(by_size(reward, (0.03, 0.3, 3.0)))
    assert sorted_.shape == (2, 3, 4)
    np.testing.assert_array_equal(sorted_.sum(-1), reward)
    np.testing.assert_array_equal(sorted_[0, :, 0], [0.0, np.float32(-0.02), 0])
    np.testing.assert_array_equal(np.argmax(np.abs(sorted_[1]), axis=-1), [1, 3, 3])
    assert np.argmax(sorted_[0, 2]) == 2
