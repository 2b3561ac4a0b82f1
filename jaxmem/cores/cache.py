"""What transformers remember: a ring of keys and values for each layer, written in place."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Cache(NamedTuple):
    """Keys and values of one layer, [B, heads, head_dim, length]; step p is in slot p % length.

    Slots come last because that is how XLA's matrix products with a single query want both of them:
    any other order costs a transposed copy of the whole cache at every step.
    """

    keys: jax.Array
    values: jax.Array


class TransformerState(NamedTuple):
    """What a transformer remembers.

    Attributes:
        layers: one `Cache` a layer. A new episode does not clear it: what `index` does not cover is masked.
        index: int32 [B], the steps of the current episode so far.
    """

    layers: tuple[Cache, ...]
    index: jax.Array


def empty(shape: tuple[int, int, int, int], layers: int, dtype: Any) -> TransformerState:
    """Caches of `shape` [B, heads, head_dim, length] filled with zeros, and an index of 0."""
    # Each array is its own: a donated state may not hold one buffer twice.
    caches = tuple(Cache(jnp.zeros(shape, dtype), jnp.zeros(shape, dtype)) for _ in range(layers))
    return TransformerState(caches, jnp.zeros(shape[:1], jnp.int32))


def put(cache: Cache, slot: jax.Array, keys: jax.Array, values: jax.Array) -> Cache:
    """The ring with one step's keys and values [B, 1, heads, head_dim] in `slot` [B] of each row."""
    rows = jnp.arange(slot.shape[0])
    return Cache(
        cache.keys.at[rows, :, :, slot].set(keys[:, 0]),
        cache.values.at[rows, :, :, slot].set(values[:, 0]),
    )


def put_chunk(cache: Cache, index: jax.Array, keys: jax.Array, values: jax.Array) -> Cache:
    """The ring after a chunk's keys and values [B, T, heads, head_dim], where the episodes have `index` [B] steps."""
    return Cache(_write_back(cache.keys, keys, index), _write_back(cache.values, values, index))


def by_slot(cache: Cache) -> tuple[jax.Array, jax.Array]:
    """Keys and values as attention takes them, [B, length, heads, head_dim]."""
    return cache.keys.transpose(0, 3, 1, 2), cache.values.transpose(0, 3, 1, 2)


def by_time(cache: Cache, index: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`by_slot`, the oldest step first, where the episodes have `index` [B] steps."""
    order = (index[:, None] + jnp.arange(cache.keys.shape[-1])) % cache.keys.shape[-1]
    keys, values = (jnp.take_along_axis(x, order[:, :, None, None], axis=1) for x in by_slot(cache))
    return keys, values


def cached_times(index: jax.Array, length: int) -> jax.Array:
    """When each slot of a ring was written, counted from the next step: index [B] -> int32 [B, length] < 0.

    A slot that the episode has not reached gets a time before the episode began.
    """
    return -1 - (index[:, None] - 1 - jnp.arange(length)) % length


def episode_positions(before: jax.Array, start: jax.Array) -> jax.Array:
    """Steps since each row's episode began: before [B], start [T, B] -> int32 [B, T]."""
    steps = jnp.arange(start.shape[0])
    began = jnp.where(start.T, steps, -before[:, None])
    return steps - jax.lax.cummax(began, axis=1)


def _write_back(cached: jax.Array, chunk: jax.Array, index: jax.Array) -> jax.Array:
    time = chunk.shape[1] + cached_times(index, cached.shape[-1])
    taken = jnp.take_along_axis(chunk, jnp.maximum(time, 0)[:, :, None, None], axis=1)
    return jnp.where((time >= 0)[:, None, None], taken.transpose(0, 2, 3, 1), cached)
