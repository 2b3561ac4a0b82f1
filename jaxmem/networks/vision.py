"""Encoders of pictures."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores.convolution import blocks, patches
from jaxmem.cores.initial import fan_in_uniform


def smallest_picture(channels: Sequence[int], kernel: int) -> int:
    """Height and width of the smallest picture that `SmallCNN` takes: what is left of it is one place."""
    return 1 + len(channels) * (kernel - 1)


class SmallCNN(nn.Module):
    """Convolutions with ReLU, flattened, then a linear layer: the encoder of Ni et al. 2023 (arXiv:2307.03864).

    Stride 1, no padding, and no activation after the linear layer. The paper has 8 and 16 channels, kernels of 2x2 and
    a width of 100. Initial values as PyTorch's, uniform in +-1/sqrt(fan_in).

    A convolution is written as one matrix product over the shifted pictures side by side: XLA's CPU backend takes two
    to four times as long for the gradients of convolutions that are this small.
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
            seen = patches(x, self.kernel)
            flat = seen.reshape(-1, seen.shape[-1])
            x = nn.relu(self._linear(flat, channels, f"conv_{index}")).reshape(*seen.shape[:-1], channels)
        return self._linear(x.reshape(x.shape[0], -1), self.width, "out")

    def _linear(self, x: jax.Array, width: int, name: str) -> jax.Array:
        uniform = fan_in_uniform(x.shape[-1])
        return nn.Dense(width, dtype=self.dtype, kernel_init=uniform, bias_init=uniform, name=name)(x)


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

    A kernel is a few blocks of stride x stride pixels: blocks are put in order once, then patches of them are
    multiplied as in `SmallCNN`, which moves less than patches of pixels would.
    """

    width: int
    channels: Sequence[int] = STRIDED_CHANNELS
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, picture: jax.Array) -> jax.Array:
        """Encode pictures [N, H, W, C], float: returns [N, width]."""
        x = picture.astype(self.dtype)
        for index, (channels, (kernel, stride)) in enumerate(zip(self.channels, _STRIDED, strict=True)):
            seen = patches(blocks(x, stride), kernel // stride)
            flat = seen.reshape(-1, seen.shape[-1])
            x = nn.relu(nn.Dense(channels, dtype=self.dtype, name=f"conv_{index}")(flat))
            x = x.reshape(*seen.shape[:-1], channels)
        return nn.Dense(self.width, dtype=self.dtype, name="out")(x.reshape(x.shape[0], -1))
