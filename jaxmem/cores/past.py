"""Layer inputs of an episode's last rows, in a ring: the segment-level cache of Transformer-XL (Dai et al. 2019).

A segment has P rows, and the ring [B, C + P, D] has room for them and for the last C of those before: nothing that can
still be seen is overwritten while a segment is under way, and nothing has to be moved when it ends. Row r of an
episode, whose segment n has the rows n P to n P + P - 1, is in slot r % (C + P).
"""

import jax
import jax.numpy as jnp


def in_order(ring: jax.Array, begin: jax.Array, held: int) -> jax.Array:
    """The ring [B, C + P, D] as [the last C rows, oldest first | those of the segment under way].

    Args:
        ring: the ring.
        begin: int32 [B], the episode's rows before the segment under way.
        held: C.
    """
    return _rolled(ring, held - begin)


def as_ring(rows: jax.Array, begin: jax.Array, held: int) -> jax.Array:
    """The ring that `in_order` makes `rows` [B, C + P, D] of."""
    return _rolled(rows, begin - held)


def put(ring: jax.Array, row: jax.Array, x: jax.Array) -> jax.Array:
    """The ring with x [B, R, D] as rows `row` [B] and after."""
    slots = (row[:, None] + jnp.arange(x.shape[1])) % ring.shape[1]
    return ring.at[jnp.arange(row.shape[0])[:, None], slots].set(x)


def _rolled(x: jax.Array, by: jax.Array) -> jax.Array:
    """x [B, S, D], each row moved by `by` [B] along S."""
    source = (jnp.arange(x.shape[1]) - by[:, None]) % x.shape[1]
    return jnp.take_along_axis(x, source[..., None], axis=1)
