"""Attention of a sliding window by distance (Dai et al. 2019), in blocks of queries: its cost is linear in time."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.cores.attention import by_groups_of_rows
from jaxmem.cores.dropout import drop
from jaxmem.cores.span import soft_mask

_MASKED = -1e30


class Terms(NamedTuple):
    """What scores a pair of steps besides the query and the key.

    Attributes:
        table: [D, N, H], projected encodings of the distances 0, 1, ... D - 1; D covers all that are seen.
        content_bias: [N, H], u in the paper, added to queries that meet keys.
        distance_bias: [N, H], v in the paper, added to queries that meet the table.
        span: float32 [N], how many steps each head looks back, or None: the whole window.
        ramp: over how many further steps a span fades out.
    """

    table: jax.Array
    content_bias: jax.Array
    distance_bias: jax.Array
    span: jax.Array | None
    ramp: int


class Cut(NamedTuple):
    """What steps hear of other segments of their episode: equal to what is heard otherwise, but for the gradient.

    Attributes:
        keys: [B, P + T, N, H].
        values: [B, P + T, N, H].
        age: int32 [B, T], steps since the segment of each step began.
    """

    keys: jax.Array
    values: jax.Array
    age: jax.Array


class Heard(NamedTuple):
    """What a chunk's steps may attend to, in order of time: those before the chunk, if any, and the chunk's own.

    Attributes:
        keys: [B, P + T, N, H]; P is the window, or 0.
        values: [B, P + T, N, H].
        cut: what takes their place across borders of segments; None where there are none.
    """

    keys: jax.Array
    values: jax.Array
    cut: Cut | None = None


def attend(
    queries: jax.Array,
    heard: Heard,
    terms: Terms,
    position: jax.Array,
    window: int,
    rate: float = 0.0,
    rng: jax.Array | None = None,
) -> jax.Array:
    """Attention of each of T steps to the last `window` steps of its episode, itself included.

    The score of query i and key j is ((q_i + u) k_j + (q_i + v) r_(i - j)) / sqrt(H), Dai et al. 2019, section 3.3.

    Args:
        queries: [B, T, N, H].
        heard: keys and values.
        terms: table of distances, biases and spans.
        position: int32 [B, T], steps since each row's episode began.
        window: how far attention reaches.
        rate: dropout of attention weights, as in `drop`.
        rng: key for dropout; None switches it off.

    Returns:
        [B, T, N, H] in the queries' dtype.
    """
    time, heads = queries.shape[1:3]
    blocks = _Blocks(time, heard.keys.shape[1], window)

    def rows(inputs: tuple[jax.Array, Heard, jax.Array], key: jax.Array | None) -> jax.Array:
        q, heard, position = inputs
        weights = drop(_weights(blocks, q, heard, terms, position), rate, key).astype(q.dtype)
        if heard.cut is None:
            attended = _mix(weights, blocks.of_keys(heard.values))
        else:
            own = blocks.within(heard.cut.age)
            attended = _mix(jnp.where(own, weights, 0), blocks.of_keys(heard.values))
            attended += _mix(jnp.where(own, 0, weights), blocks.of_keys(heard.cut.values))
        return attended.reshape(attended.shape[0], -1, *attended.shape[3:])[:, :time]

    return by_groups_of_rows(rows, (queries, heard, position), rng, heads * blocks.pairs)


def attention_weights(queries: jax.Array, heard: Heard, terms: Terms, position: jax.Array, window: int) -> jax.Array:
    """The weights that `attend` gives the values, without dropout: to be looked at, hence all at once.

    Returns:
        float32 [B, N, T, P + T]; every last axis sums to 1.
    """
    batch, time, heads, _ = queries.shape
    blocks = _Blocks(time, heard.keys.shape[1], window)
    weights = _weights(blocks, queries, heard, terms, position)
    begin = np.arange(blocks.count)[:, None, None] * blocks.size
    query, key = begin + np.arange(blocks.size)[:, None], begin + np.arange(weights.shape[-1])
    whole = jnp.zeros((batch, heads, query.max() + 1, key.max() + 1)).at[:, :, query, key].set(weights.swapaxes(1, 2))
    return whole[:, :, :time, blocks.padding : blocks.padding + heard.keys.shape[1]]


def attend_from_one(
    queries: jax.Array,
    keys: jax.Array,
    values: jax.Array,
    distance: jax.Array,
    terms: Terms,
    position: jax.Array,
    rate: float = 0.0,
    rng: jax.Array | None = None,
) -> jax.Array:
    """`attend` for a single step and keys in any order.

    Args:
        queries: [B, 1, N, H].
        keys: [B, S, N, H].
        values: [B, S, N, H].
        distance: int32 [B, S], how many steps ago each key was.
        terms: as for `attend`.
        position: int32 [B].
        rate: as for `attend`.
        rng: as for `attend`.

    Returns:
        [B, 1, N, H] in the queries' dtype.
    """
    content = product("bqnh,bsnh->bnqs", queries + terms.content_bias, keys)
    by_distance = product("bqnh,dnh->bnqd", queries + terms.distance_bias, terms.table)
    distance = distance[:, None, None]
    scores = content + jnp.take_along_axis(by_distance, distance, axis=-1)
    weights = _normalised(scores, queries.shape[-1], distance, distance <= position[:, None, None, None], terms)
    return jnp.einsum("bnqs,bsnh->bqnh", drop(weights, rate, rng).astype(values.dtype), values)


class _Blocks:
    """T queries in blocks of a window's length, each with the keys of the block before and its own.

    A sequence no longer than the window is one block. Axes: [B, count, size, ...], keys [B, count, past + size, ...].
    """

    def __init__(self, time: int, keys: int, window: int) -> None:
        self.size = min(time, window)
        self.count = math.ceil(time / self.size)
        # The first of several blocks needs keys before it, as the others have them.
        self.padding = window if self.count > 1 and keys == time else 0
        self.past = keys - time + self.padding
        self._behind = self.count * self.size - time
        self.pairs = self.count * self.size * (self.past + self.size)

    def distance(self) -> np.ndarray:
        """Steps from each key back to it of each query, int [size, past + size]; below 0 in the future."""
        return self.past + np.arange(self.size)[:, None] - np.arange(self.past + self.size)

    def within(self, most: jax.Array) -> jax.Array:
        """Which keys are at most so many steps back as `most` [B, T] says: bool [B, count, 1, size, past + size]."""
        distance = jnp.asarray(self.distance())
        return (distance >= 0) & (distance <= self.of_queries(most)[:, :, None, :, None])

    def of_queries(self, x: jax.Array) -> jax.Array:
        padded = _pad(x, 0, self._behind)
        return padded.reshape(x.shape[0], self.count, self.size, *x.shape[2:])

    def of_keys(self, x: jax.Array) -> jax.Array:
        padded = _pad(x, self.padding, self._behind)
        if self.count == 1:
            return padded[:, None]
        blocks = padded.reshape(x.shape[0], self.count + 1, self.size, *x.shape[2:])
        return jnp.concatenate([blocks[:, :-1], blocks[:, 1:]], axis=2)


def _pad(x: jax.Array, before: int, behind: int) -> jax.Array:
    return jnp.pad(x, ((0, 0), (before, behind), *[(0, 0)] * (x.ndim - 2)))


def _weights(blocks: _Blocks, queries: jax.Array, heard: Heard, terms: Terms, position: jax.Array) -> jax.Array:
    """Attention weights float32 [B, blocks, N, queries, keys]."""
    queries = blocks.of_queries(queries)
    scores = _content(queries + terms.content_bias, blocks.of_keys(heard.keys))
    if heard.cut is not None:
        cut = _content(queries + terms.content_bias, blocks.of_keys(heard.cut.keys))
        scores = jnp.where(blocks.within(heard.cut.age), scores, cut)
    by_distance = product("bcqnh,dnh->bcnqd", queries + terms.distance_bias, terms.table[::-1])
    scores += shift(by_distance)[..., -scores.shape[-1] :]
    seen = blocks.within(jnp.minimum(position, terms.table.shape[0] - 1))
    return _normalised(scores, queries.shape[-1], blocks.distance(), seen, terms)


def _content(queries: jax.Array, keys: jax.Array) -> jax.Array:
    return product("bcqnh,bcknh->bcnqk", queries, keys)


def product(subscripts: str, x: jax.Array, y: jax.Array) -> jax.Array:
    """`einsum` of two arrays, summed and returned in float32."""
    return jnp.einsum(subscripts, x, y, preferred_element_type=jnp.float32)


def _mix(weights: jax.Array, values: jax.Array) -> jax.Array:
    return jnp.einsum("bcnqk,bcknh->bcqnh", weights, values)


def shift(scores: jax.Array) -> jax.Array:
    """Move row i of scores [..., Q, D] to the right by i + 1 places: [..., Q, Q + D], zero where nothing came.

    This turns scores by distance, the farthest first, into scores by key without a gather: padded by one column more
    than the result has, rows that are cut anew start one place later each.
    """
    *lead, rows, columns = scores.shape
    width = rows + columns
    padded = jnp.pad(scores, (*[(0, 0)] * (len(lead) + 1), (1, rows)))
    return padded.reshape(*lead, -1)[..., : rows * width].reshape(*lead, rows, width)


def _normalised(
    scores: jax.Array, head_dim: int, distance: jax.Array | np.ndarray, seen: jax.Array, terms: Terms
) -> jax.Array:
    """Softmax over the keys that are `seen`, under the soft mask of each head's span if there is one."""
    scores = scores * head_dim**-0.5
    if terms.span is None:
        return jax.nn.softmax(jnp.where(seen, scores, _MASKED))
    mask = soft_mask(terms.span[:, None, None], terms.ramp, distance)
    # What the mask hides may not be the greatest score either: all others could underflow.
    weights = mask * jax.nn.softmax(jnp.where(seen & (mask > 0), scores, _MASKED))
    return weights / weights.sum(axis=-1, keepdims=True)
