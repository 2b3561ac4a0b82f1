"""Causal attention within episodes and a window, bounded in memory for long sequences."""

import math
from typing import Any, Literal

import jax
import jax.numpy as jnp

# Up to this many queries are attended to at once. On a CPU one block is as fast as two at 250 steps.
_WHOLE = 320
# Longer sequences are cut into at most _BLOCKS blocks of at least _SMALLEST queries.
_BLOCKS = 8
_SMALLEST = 128
_MASKED = -1e30


def choose_implementation(
    dtype: Any, head_dim: int, device: Any = None
) -> Literal["xla", "cudnn"]:
    """Which implementation of `jax.nn.dot_product_attention` a device can run.

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
        rate: share of attention weights that dropout sets to zero.
        rng: key for dropout; None switches it off.

    Returns:
        [B, T, N, H] in the queries' dtype.
    """
    time, past = queries.shape[1], keys.shape[1] - queries.shape[1]
    if time <= _WHOLE:
        mask = _visible(earliest, key_time, 0)
        return weigh(queries, keys, values, mask, rate, rng)

    def block(q: jax.Array, k: jax.Array, v: jax.Array, first: jax.Array, rng: Any) -> jax.Array:
        mask = _visible(first, times, begin)
        return weigh(q, k, v, mask, rate, rng)

    size = max(_SMALLEST, math.ceil(time / _BLOCKS))
    outputs = []
    for begin in range(0, time, size):
        end = min(begin + size, time)
        # The keys that some query of this block can reach; cached ones are in no order, so all or none.
        reach = max(0, begin - window + 1)
        within = slice(past + reach if reach else 0, past + end)
        times = key_time[:, within]
        # The weights of one block at a time: the backward pass computes them again.
        outputs.append(
            jax.checkpoint(block)(
                queries[:, begin:end],
                keys[:, within],
                values[:, within],
                earliest[:, begin:end],
                None if rng is None else jax.random.fold_in(rng, begin),
            )
        )
    return jnp.concatenate(outputs, axis=1)


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
        rate: share of attention weights that dropout sets to zero.
        rng: key for dropout; None switches it off.

    Returns:
        [B, T, N, H] in the queries' dtype.
    """
    if rng is not None and rate > 0:
        return _weigh_and_drop(queries, keys, values, mask, rate, rng)
    time, stop = queries.shape[1], keys.shape[1]
    implementation = choose_implementation(queries.dtype, queries.shape[-1])
    if implementation == "xla" or time == 1:
        # One query gains nothing from a fused kernel.
        return jax.nn.dot_product_attention(
            queries, keys, values, mask=mask, implementation="xla"
        )
    # cuDNN differentiates masked attention for even lengths only: pad with a query and a key unseen.
    odd, odd_keys = time % 2, stop % 2
    queries = jnp.pad(queries, ((0, 0), (0, odd), (0, 0), (0, 0)))
    keys, values = (jnp.pad(x, ((0, 0), (0, odd_keys), (0, 0), (0, 0))) for x in (keys, values))
    mask = jnp.pad(mask, ((0, 0), (0, 0), (0, odd), (0, odd_keys)))
    attended = jax.nn.dot_product_attention(
        queries, keys, values, mask=mask, implementation="cudnn"
    )
    return attended[:, :time]


def _weigh_and_drop(
    queries: jax.Array,
    keys: jax.Array,
    values: jax.Array,
    mask: jax.Array,
    rate: float,
    rng: jax.Array,
) -> jax.Array:
    logits = jnp.einsum("btnh,bsnh->bnts", queries, keys, preferred_element_type=jnp.float32)
    logits = jnp.where(mask, logits * queries.shape[-1] ** -0.5, _MASKED)
    weights = jax.nn.softmax(logits)
    keep = jax.random.bernoulli(rng, 1 - rate, weights.shape)
    weights = jnp.where(keep, weights / (1 - rate), 0).astype(values.dtype)
    return jnp.einsum("bnts,bsnh->btnh", weights, values)


def _visible(earliest: jax.Array, key_time: jax.Array, begin: int) -> jax.Array:
    """Mask [B, 1, T, S] of steps from time `begin` on, over keys at `key_time`."""
    now = begin + jnp.arange(earliest.shape[1])[:, None]
    times = key_time[:, None, None]
    return (earliest[:, None, :, None] <= times) & (times <= now)
