"""Causal attention within episodes and a window, bounded in memory for long sequences."""

import functools
import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxmem.cores.dropout import drop

# Up to this many queries are attended to at once: blocks save half of the products, but gain nothing
# on a CPU at 250 steps.
_WHOLE = 320
# Longer sequences are cut into at most _BLOCKS blocks of at least _SMALLEST queries.
_BLOCKS = 8
_SMALLEST = 128
# Attention weights held at once: 64 MiB in float32. More are computed a few rows at a time.
_WEIGHTS = 1 << 24
_MASKED = -1e30


def choose_implementation(dtype: Any, head_dim: int, device: Any = None) -> Literal["xla", "cudnn"]:
    """Whether a device can run the fused attention of `jax.nn.dot_product_attention`; xla is the project's own.

    cuDNN's fused attention needs an NVIDIA GPU of compute capability 8.0 or more, a 16-bit dtype, and
    heads whose width is a multiple of 8 up to 128.

    Args:
        dtype: dtype of queries, keys and values.
        head_dim: width of a head.
        device: the device to run on; the default backend's first one if None.
    """
    sixteen_bit = jnp.dtype(dtype) in (jnp.dtype(jnp.bfloat16), jnp.dtype(jnp.float16))
    if not sixteen_bit or head_dim % 8 or head_dim > 128:
        return "xla"
    device = jax.local_devices()[0] if device is None else device
    # AMD's devices report names such as gfx90a instead of a number.
    major = str(getattr(device, "compute_capability", "")).split(".")[0]
    return "cudnn" if device.platform == "gpu" and major.isdigit() and int(major) >= 8 else "xla"


def attend(
    queries: jax.Array,
    keys: jax.Array,
    values: jax.Array,
    earliest: jax.Array,
    key_time: jax.Array,
    window: int,
    rate: float = 0.0,
    rng: jax.Array | None = None,
) -> jax.Array:
    """Attention of a chunk's steps to those from `earliest` up to themselves.

    Time is counted from the chunk's first step. The keys are those of S - T cached steps, in any order
    and with times below 0, followed by those of the chunk.

    Args:
        queries: [B, T, N, H].
        keys: [B, S, N, H].
        values: [B, S, N, H].
        earliest: int32 [B, T], the first time that each step may attend to, at most its own.
        key_time: int32 [B, S] or [1, S], the time of each key.
        window: no step attends further back than `window` - 1 steps, which `earliest` must respect.
        rate: dropout of attention weights, as in `drop`.
        rng: key for dropout; None switches it off.

    Returns:
        [B, T, N, H] in the queries' dtype.
    """
    time, heads = queries.shape[1:3]

    def rows(inputs: tuple[jax.Array, ...], key: jax.Array | None) -> jax.Array:
        q, k, v, first, times = inputs
        return _attend_in_blocks(q, k, v, first, times, window, rate, key)

    return by_groups_of_rows(rows, (queries, keys, values, earliest, key_time), rng, heads * time * keys.shape[1])


def by_groups_of_rows(
    attend_rows: Callable[[Any, jax.Array | None], jax.Array], inputs: Any, rng: jax.Array | None, weights: int
) -> jax.Array:
    """`attend_rows` for all rows at once, or for so few at a time that memory stays bounded.

    Args:
        attend_rows: (inputs of some rows, key for dropout or None) -> their outputs.
        inputs: a pytree of arrays [B, ...], the first one of them, or [1, ...], which stands for every row.
        rng: key for dropout; None switches it off.
        weights: how many attention weights one row has.

    Returns:
        Outputs [B, ...].
    """
    batch = jax.tree.leaves(inputs)[0].shape[0]
    rows = _rows_at_once(batch, weights)
    if rows == batch:
        return attend_rows(inputs, rng)
    groups = batch // rows
    keyed = None if rng is None else jax.random.split(rng, groups)

    # Weights are computed again by the backward pass. A loop is what keeps XLA from merging the two
    # computations, which its CPU backend does in straight-line code in spite of `prevent_cse`.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def group(xs: Any) -> jax.Array:
        return attend_rows(*xs)

    def split(x: jax.Array) -> jax.Array:
        return jnp.broadcast_to(x, (batch, *x.shape[1:])).reshape(groups, rows, *x.shape[1:])

    outputs = jax.lax.map(group, (jax.tree.map(split, inputs), keyed))
    return outputs.reshape(batch, *outputs.shape[2:])


def _rows_at_once(batch: int, weights: int) -> int:
    """The largest divisor of `batch` for which rows of `weights` attention weights each fit the bound."""
    return max(rows for rows in range(1, batch + 1) if batch % rows == 0 and (rows == 1 or rows * weights <= _WEIGHTS))


def _attend_in_blocks(
    queries: jax.Array,
    keys: jax.Array,
    values: jax.Array,
    earliest: jax.Array,
    key_time: jax.Array,
    window: int,
    rate: float,
    rng: jax.Array | None,
) -> jax.Array:
    """`attend` by blocks of queries, each with the keys alone that it can reach."""
    time, past = queries.shape[1], keys.shape[1] - queries.shape[1]
    size = time if time <= _WHOLE else max(_SMALLEST, math.ceil(time / _BLOCKS))
    outputs = []
    for begin in range(0, time, size):
        end = min(begin + size, time)
        # Cached keys are in no order: a block that reaches one of them takes them all.
        first = begin - window + 1
        reached = slice(past + first if first > 0 else 0, past + end)
        now = jnp.arange(begin, end)[:, None]
        mask = _visible(earliest[:, begin:end], key_time[:, reached], now)
        key = None if rng is None else jax.random.fold_in(rng, begin)
        q, k, v = queries[:, begin:end], keys[:, reached], values[:, reached]
        outputs.append(weigh(q, k, v, mask, rate, key))
    return outputs[0] if len(outputs) == 1 else jnp.concatenate(outputs, axis=1)


def weigh(
    queries: jax.Array,
    keys: jax.Array,
    values: jax.Array,
    mask: jax.Array,
    rate: float = 0.0,
    rng: jax.Array | None = None,
) -> jax.Array:
    """Attention under a mask: softmax in float32, with dropout of its weights if there is an rng.

    Args:
        queries: [B, T, N, H].
        keys: [B, S, N, H].
        values: [B, S, N, H].
        mask: bool [B, 1, T, S] or [1, 1, T, S]; every query must see at least one key.
        rate: dropout of attention weights, as in `drop`.
        rng: key for dropout; None switches it off.

    Returns:
        [B, T, N, H] in the queries' dtype.
    """
    time, stop = queries.shape[1], keys.shape[1]
    if rng is not None or time == 1 or choose_implementation(queries.dtype, queries.shape[-1]) == "xla":
        # One query gains nothing from a fused kernel, and dropout needs the weights.
        weights = drop(softmax_weights(queries, keys, mask), rate, rng).astype(values.dtype)
        if time == 1:
            return jnp.einsum("bnts,bsnh->btnh", weights, values)
        return _heads_first(jnp.einsum("bnts,bnsh->bnth", weights, _heads_first(values)))
    # cuDNN differentiates masked attention for even lengths only: pad with a query and a key unseen.
    odd, odd_keys = time % 2, stop % 2
    queries = jnp.pad(queries, ((0, 0), (0, odd), (0, 0), (0, 0)))
    keys, values = (jnp.pad(x, ((0, 0), (0, odd_keys), (0, 0), (0, 0))) for x in (keys, values))
    mask = jnp.pad(mask, ((0, 0), (0, 0), (0, odd), (0, odd_keys)))
    attended = jax.nn.dot_product_attention(queries, keys, values, mask=mask, implementation="cudnn")
    return attended[:, :time]


def attention_weights(queries: jax.Array, keys: jax.Array, earliest: jax.Array, key_time: jax.Array) -> jax.Array:
    """The weights that `attend` gives the values, without dropout: to be looked at, hence all at once.

    Args:
        queries: [B, T, N, H].
        keys: [B, S, N, H].
        earliest: as for `attend`.
        key_time: as for `attend`.

    Returns:
        float32 [B, N, T, S]; every [S] sums to 1.
    """
    now = jnp.arange(queries.shape[1])[:, None]
    return softmax_weights(queries, keys, _visible(earliest, key_time, now))


def _visible(earliest: jax.Array, key_time: jax.Array, now: jax.Array) -> jax.Array:
    """Which keys a query at `now` [T, 1] sees: earliest [B, T], key_time [B, S] or [1, S] -> bool [B, 1, T, S]."""
    times = key_time[:, None, None]
    return (earliest[:, None, :, None] <= times) & (times <= now)


def softmax_weights(queries: jax.Array, keys: jax.Array, mask: jax.Array) -> jax.Array:
    """The weights of `weigh` before dropout: float32 [B, N, T, S]; every [S] sums to 1."""
    if queries.shape[1] == 1:
        # The keys are a cache, which is to stay where it lies.
        products = jnp.einsum("btnh,bsnh->bnts", queries, keys, preferred_element_type=jnp.float32)
    else:
        queries, keys = _heads_first(queries), _heads_first(keys)
        products = jnp.einsum("bnth,bnsh->bnts", queries, keys, preferred_element_type=jnp.float32)
    return jax.nn.softmax(jnp.where(mask, products * queries.shape[-1] ** -0.5, _MASKED))


def _heads_first(x: jax.Array) -> jax.Array:
    """[B, T, N, H] to [B, N, T, H] and back.

    With the heads beside the rows XLA's CPU backend takes products one matrix at a time; `jax.nn.dot_product_attention`
    leaves them inside, and takes 1.3 to 4 times as long to compute and differentiate.
    """
    return x.swapaxes(1, 2)
