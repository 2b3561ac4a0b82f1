"""Reductions over padded batches and over actions."""

import chex
import jax
import jax.numpy as jnp


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean of `values` where `mask` is true; 0 where nothing is.

    Args:
        values: float array of any shape. Entries that are masked out may be anything, NaN included.
        mask: bool array of the same shape.

    Returns:
        A float scalar.
    """
    chex.assert_equal_shape([values, mask])
    chex.assert_type(mask, bool)
    count = jnp.maximum(jnp.sum(mask), 1)
    return jnp.sum(jnp.where(mask, values, 0)) / count


def taken(q: jax.Array, action: jax.Array) -> jax.Array:
    """The values of the actions that were taken: q float [..., A], action int [...] -> [...]."""
    return jnp.take_along_axis(q, action[..., None], axis=-1)[..., 0]
