"""Encoders of pictures."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.networks.initial import fan_in_uniform


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
            patches = _patches(x, self.kernel)
            flat = patches.reshape(-1, patches.shape[-1])
            x = nn.relu(self._linear(flat, channels, f"conv_{index}")).reshape(*patches.shape[:-1], channels)
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
            patches = _patches(_blocks(x, stride), kernel // stride)
            flat = patches.reshape(-1, patches.shape[-1])
            x = nn.relu(nn.Dense(channels, dtype=self.dtype, name=f"conv_{index}")(flat))
            x = x.reshape(*patches.shape[:-1], channels)
        return nn.Dense(self.width, dtype=self.dtype, name="out")(x.reshape(x.shape[0], -1))


def _blocks(x: jax.Array, size: int) -> jax.Array:
    """[N, H, W, C] -> [N, H // size, W // size, size * size * C]: squares of pixels, row by row."""
    count, height, width, channels = x.shape[0], x.shape[1] // size, x.shape[2] // size, x.shape[3]
    x = x[:, : height * size, : width * size].reshape(count, height, size, width, size, channels)
    return x.swapaxes(2, 3).reshape(count, height, width, size * size * channels)


def _patches(x: jax.Array, kernel: int) -> jax.Array:
    """[N, H, W, C] -> [N, H - k + 1, W - k + 1, k * k * C]: what a kernel sees at each place, row by row."""
    height, width = x.shape[1] - kernel + 1, x.shape[2] - kernel + 1
    shifted = [x[:, i : i + height, j : j + width] for i in range(kernel) for j in range(kernel)]
    return jnp.concatenate(shifted, axis=-1)
