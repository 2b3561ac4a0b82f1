"""A ring of whole episodes: one state, pure functions."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from jaxmem.replay.episodes import Episodes

# In `Episodes` the batch axis comes after time where there is time; in the ring it comes first everywhere,
# so that one episode is one contiguous row.
_BATCH_AXIS = Episodes(obs=1, action=1, log_prob=1, deviated=1, reward=1, length=0, terminated=0)  # type: ignore[arg-type]


@struct.dataclass
class Replay:
    """The last `capacity` episodes.

    Attributes:
        data: `Episodes` with leading axis `capacity` on every array ([capacity, T+1, ...], [capacity, T], [capacity]).
        index: int32 scalar, the row that the next episode is written to.
        size: int32 scalar, how many rows hold an episode.
    """

    data: Episodes
    index: jax.Array
    size: jax.Array

    @property
    def capacity(self) -> int:
        """The most episodes it holds."""
        return self.data.length.shape[0]


def init(example: Episodes, capacity: int) -> Replay:
    """An empty ring for episodes shaped like `example` (arrays or `jax.ShapeDtypeStruct`s; any batch size).

    Raises:
        ValueError: if `capacity` is not positive.
    """
    if capacity < 1:
        raise ValueError(f"replay capacity is {capacity}: allowed is an integer >= 1")

    def empty(leaf: jax.Array, axis: int) -> jax.Array:
        return jnp.zeros((capacity, *leaf.shape[:axis], *leaf.shape[axis + 1 :]), leaf.dtype)

    zero = jnp.zeros((), jnp.int32)
    return Replay(data=jax.tree.map(empty, example, _BATCH_AXIS), index=zero, size=zero)


def add(replay: Replay, episodes: Episodes) -> Replay:
    """Write a batch of B episodes over the oldest rows.

    Raises:
        ValueError: if the batch is larger than the ring.
    """
    batch = episodes.length.shape[0]
    if batch > replay.capacity:
        raise ValueError(f"a batch of {batch} episodes does not fit a replay of {replay.capacity}")
    rows = (replay.index + jnp.arange(batch)) % replay.capacity
    data = jax.tree.map(
        lambda store, leaf, axis: store.at[rows].set(jnp.moveaxis(leaf, axis, 0)),
        replay.data,
        episodes,
        _BATCH_AXIS,
    )
    return Replay(
        data=data,
        index=(replay.index + batch) % replay.capacity,
        size=jnp.minimum(replay.size + batch, replay.capacity),
    )


def sample(replay: Replay, key: jax.Array, batch_size: int) -> Episodes:
    """Draw `batch_size` episodes uniformly, with replacement, from those stored; there must be at least one."""
    return take(replay, uniform_rows(replay, key, batch_size))


def uniform_rows(replay: Replay, key: jax.Array, batch_size: int) -> jax.Array:
    """Rows of `batch_size` episodes, int32 [B]: see `sample`."""
    return jax.random.randint(key, (batch_size,), 0, replay.size)


def take(replay: Replay, rows: jax.Array) -> Episodes:
    """The episodes in `rows`, int32 [B]."""
    return jax.tree.map(lambda store, axis: jnp.moveaxis(store[rows], 0, axis), replay.data, _BATCH_AXIS)


def nbytes(tree: Any) -> int:
    """Bytes that the arrays of a tree take (works on `jax.ShapeDtypeStruct`s too)."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
