"""A memory of bits: what is handed on is rounded to -1 and 1."""

import jax
import jax.numpy as jnp


def as_bits(x: jax.Array) -> jax.Array:
    """The signs of x, -1 or 1 (0 counts as -1), with the gradient of tanh: the straight-through estimator.

    Bengio et al. 2013 (arXiv:1308.3432). Rounding takes away what small errors have added since the last time, so that
    a memory that is copied often does not drift. Two ways to compute x that differ in the last digit may round one of
    its numbers apart, where it is near 0: `unroll` and `step` are then equal but for that.
    """
    soft = jnp.tanh(x)
    return soft + jax.lax.stop_gradient(jnp.where(x > 0, 1, -1).astype(x.dtype) - soft)
