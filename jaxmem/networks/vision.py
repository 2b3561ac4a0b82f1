"""Encoders of pictures."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.networks.initial import fan_in_uniform

_CHANNELS = (8, 16)
_KERNEL = 2
# What is left of the smallest picture is one place.
SMALLEST_PICTURE = 1 + len(_CHANNELS) * (_KERNEL - 1)


class SmallCNN(nn.Module):
    """Convolutions with ReLU, flattened, then a linear layer: the encoder of Ni et al. 2023 (arXiv:2307.03864).

    8 and 16 channels, kernels of 2x2, stride 1, no padding, and no activation after the linear layer, whose width is
    100 in the paper. Initial values as PyTorch's, uniform in +-1/sqrt(fan_in).

    A convolution is written as one matrix product over the shifted pictures side by side: XLA's CPU backend takes two
    to four times as long for the gradients of convolutions that are this small.
    """

    width: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, picture: jax.Array) -> jax.Array:
        """Encode pictures [N, H, W, C], float: returns [N, width]."""
        x = picture.astype(self.dtype)
        for index, channels in enumerate(_CHANNELS):
            patches = _patches(x, _KERNEL)
            flat = patches.reshape(-1, patches.shape[-1])
            x = nn.relu(self._linear(flat, channels, f"conv_{index}")).reshape(*patches.shape[:-1], channels)
        return self._linear(x.reshape(x.shape[0], -1), self.width, "out")

    def _linear(self, x: jax.Array, width: int, name: str) -> jax.Array:
        uniform = fan_in_uniform(x.shape[-1])
        return nn.Dense(width, dtype=self.dtype, kernel_init=uniform, bias_init=uniform, name=name)(x)


def _patches(x: jax.Array, kernel: int) -> jax.Array:
    """[N, H, W, C] -> [N, H - k + 1, W - k + 1, k * k * C]: what a kernel sees at each place, row by row."""
    height, width = x.shape[1] - kernel + 1, x.shape[2] - kernel + 1
    shifted = [x[:, i : i + height, j : j + width] for i in range(kernel) for j in range(kernel)]
    return jnp.concatenate(shifted, axis=-1)
