"""Adaptive attention span (Sukhbaatar et al. 2019): how far back each head looks is learned."""

import functools
from typing import Any

import jax
import jax.numpy as jnp


def soft_mask(span: jax.Array, ramp: int, distance: Any) -> jax.Array:
    """1 up to a distance of `span`, then down to 0 over `ramp` further steps (equation 5 of the paper)."""
    return jnp.clip((ramp + span - distance) / ramp, 0.0, 1.0)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def bounded(share: jax.Array, penalty: float) -> jax.Array:
    """`share` clipped to [0, 1]; its gradient is that of a loss with `penalty` times the mean of `share` added.

    The penalty on spans belongs to the loss, but the cores know no losses, and the agents no spans: here it joins the
    gradient on its way back. Outside of [0, 1] only gradients that lead back pass, so that no share drifts away, and
    none is stuck.

    Two exceptions to what holds elsewhere follow. The penalty is in no reported loss, and its gradient is added once
    for each differentiated call, whatever the loss is scaled by: a loss over two chunks has it twice, and half a loss
    has it whole. And what passes is decided for each call, not for the sum: the gradient of a share outside of [0, 1]
    depends on how a sequence is cut into chunks, and that of steps differs from that of `unroll`.

    Args:
        share: float32, of any shape.
        penalty: weight of the mean.
    """
    del penalty
    return jnp.clip(share, 0.0, 1.0)


def _forward(share: jax.Array, penalty: float) -> tuple[jax.Array, jax.Array]:
    return bounded(share, penalty), share


def _backward(penalty: float, share: jax.Array, gradient: jax.Array) -> tuple[jax.Array]:
    gradient = gradient + penalty / share.size
    inwards = ((share > 0) | (gradient < 0)) & ((share < 1) | (gradient > 0))
    return (jnp.where(inwards, gradient, 0.0),)


bounded.defvjp(_forward, _backward)
