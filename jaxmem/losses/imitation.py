"""How far a model's outputs are from actions that were recorded."""

import chex
import jax
import jax.numpy as jnp


def action_log_loss(logits_t: jax.Array, a_t: jax.Array) -> jax.Array:
    """Cross-entropy of discrete actions in nats: logits float [T, A], actions int [T] -> [T]."""
    chex.assert_rank([logits_t, a_t], [2, 1])
    chex.assert_type([logits_t, a_t], [float, int])
    return -jnp.take_along_axis(jax.nn.log_softmax(logits_t), a_t[:, None], axis=-1)[:, 0]


def action_square_loss(output_t: jax.Array, a_t: jax.Array) -> jax.Array:
    """Mean square error of continuous actions: outputs and actions float [T, A] -> [T]."""
    chex.assert_rank([output_t, a_t], [2, 2])
    chex.assert_type([output_t, a_t], float)
    return jnp.mean(jnp.square(output_t - a_t), axis=-1)
