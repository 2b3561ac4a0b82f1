"""Imitation losses against numbers worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem.losses import action_log_loss, action_square_loss


def test_log_loss_is_the_cross_entropy_in_nats():
    logits = jnp.array([[0.0, 0.0], [np.log(3.0), 0.0], [0.0, 100.0]])
    loss = action_log_loss(logits, jnp.array([0, 1, 1]))
    np.testing.assert_allclose(loss, [np.log(2), np.log(4), 0.0], atol=1e-6)
    grads = jax.grad(lambda logits: action_log_loss(logits, jnp.array([0, 1, 1])).sum())(logits)
    np.testing.assert_allclose(grads[1], [0.75, -0.75], rtol=1e-6)


def test_square_loss_is_the_mean_over_an_actions_numbers():
    loss = action_square_loss(jnp.array([[1.0, 2.0], [0.0, 0.0]]), jnp.array([[0.0, 0.0], [0.5, -0.5]]))
    np.testing.assert_allclose(loss, [2.5, 0.25])


def test_wrong_shapes_and_dtypes_are_refused():
    with pytest.raises(AssertionError):
        action_log_loss(jnp.zeros((3, 2, 1)), jnp.zeros(3, int))
    with pytest.raises(AssertionError):
        action_log_loss(jnp.zeros((3, 2)), jnp.zeros(3))
    with pytest.raises(AssertionError):
        action_square_loss(jnp.zeros((3, 2)), jnp.zeros(3))
