"""Causal attention within episodes and a window, bounded in memory for long sequences."""

from typing import Any, Literal

import jax
import jax.numpy as jnp


def choose_implementation(dtype: Any, head_dim: int, device: Any = None) -> Literal["xla", "cudnn"]:
    """Which implementation of `jax.nn.dot_product_attention` a device can run.

    cuDNN's fused attention needs an NVIDIA GPU of compute capability 8.0 or more, a 16-bit dtype, and
    heads whose width is a multiple of 8 up to 128.

    Args:
        dtype: dtype of queries, keys and values.
        head_dim: width of a head.
        device: the device to run on; the default backend's first one if None.
    """
    device = jax.local_devices()[0] if device is None else device
    sixteen_bit = jnp.dtype(dtype) in (jnp.dtype(jnp.bfloat16), jnp.dtype(jnp.float16))
    if device.platform != "gpu" or not sixteen_bit or head_dim % 8 or head_dim > 128:
        return "xla"
    capability = str(getattr(device, "compute_capability", ""))
    major = capability.split(".")[0]
    # AMD devices report names such as gfx90a instead of a number.
    return "cudnn" if major.isdigit() and int(major) >= 8 else "xla"


def attend(
    queries: jax.Array,
    keys: jax.Array,
    values: jax.Array,
    mask: jax.Array,
    rate: float = 0.0,
    rng: jax.Array | None = None,
) -> jax.Array:
    if rate > 0 and rng is not None:
        from flax import linen as nn

        return nn.dot_product_attention(
            queries,
            keys,
            values,
            mask=mask,
            broadcast_dropout=False,
            dropout_rng=rng,
            dropout_rate=rate,
            deterministic=False,
        )
    return jax.nn.dot_product_attention(queries, keys, values, mask=mask, implementation="xla")
