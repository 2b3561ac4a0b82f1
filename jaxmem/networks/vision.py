"""Encoders of pictures."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores.convolution import Conv
from jaxmem.cores.initial import fan_in_uniform


def smallest_picture(channels: Sequence[int], kernel: int) -> int:
    """Height and width of the smallest picture that `SmallCNN` takes: what is left of it is one place."""
    return 1 + len(channels) * (kernel - 1)


class SmallCNN(nn.Module):
    """Convolutions with ReLU, flattened, then a linear layer: the encoder of Ni et al. 2023 (arXiv:2307.03864).

    Stride 1, no padding, and no activation after the linear layer. The paper has 8 and 16 channels, kernels of 2x2 and
    a width of 100. Initial values as PyTorch's, uniform in +-1/sqrt(fan_in).

    A convolution is `jaxmem.cores.convolution.convolve`.
    """

    width: int
    channels: Sequence[int]
    kernel: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, picture: jax.Array) -> jax.Array:
        """Encode pictures [N, H, W, C], float: returns [N, width]."""
        x = picture.astype(self.dtype)
        for index, channels in enumerate(self.channels):
            x = nn.relu(Conv(channels, self.kernel, dtype=self.dtype, name=f"conv_{index}")(x))
        x = x.reshape(x.shape[0], -1)
        uniform = fan_in_uniform(x.shape[-1])
        return nn.Dense(self.width, dtype=self.dtype, kernel_init=uniform, bias_init=uniform, name="out")(x)


# Kernel and stride of the layers of Mnih et al. 2015, and their channels.
_STRIDED = ((8, 4), (4, 2), (3, 1))
STRIDED_CHANNELS = (32, 64, 64)


def smallest_strided_picture() -> int:
    """Height and width of the smallest picture that `StridedCNN` takes: what is left of it is one place."""
    size = 1
    for kernel, stride in reversed(_STRIDED):
        size = (size - 1) * stride + kernel
    return size


class StridedCNN(nn.Module):
    """Three convolutions with strides 4, 2 and 1 and ReLU, flattened, then a linear layer (Mnih et al. 2015).

    For pictures of some 64 or 84 pixels: the encoder of Decision Transformer and of RATE (Cherepanov et al. 2023,
    arXiv:2306.09459).
    """

    width: int
    channels: Sequence[int] = STRIDED_CHANNELS
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, picture: jax.Array) -> jax.Array:
        """Encode pictures [N, H, W, C], float: returns [N, width]."""
        x = picture.astype(self.dtype)
        for index, (channels, (kernel, stride)) in enumerate(zip(self.channels, _STRIDED, strict=True)):
            x = nn.relu(Conv(channels, kernel, stride, initial="normal", dtype=self.dtype, name=f"conv_{index}")(x))
        return nn.Dense(self.width, dtype=self.dtype, name="out")(x.reshape(x.shape[0], -1))
