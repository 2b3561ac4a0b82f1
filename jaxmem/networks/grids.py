"""Encoders of pictures that keep where things are: pictures [N, H, W, C] -> grids [N, h, w, F]."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores.convolution import Conv
from jaxmem.cores.looking import Placement


class ConvGrid(nn.Module):
    """Convolutions with ReLU and zeros around, stride 1: a cell for each pixel. The kernel is odd.

    For small pictures, of 10 pixels or so.
    """

    channels: Sequence[int]
    kernel: int
    dtype: Any = jnp.float32

    @property
    def placement(self) -> Placement:
        """Where the cells are on the picture."""
        return Placement()

    @nn.compact
    def __call__(self, picture: jax.Array) -> jax.Array:
        """[N, H, W, C] -> [N, H, W, F]."""
        x = picture
        for channels in self.channels:
            x = nn.relu(Conv(channels, self.kernel, padding=self.kernel // 2, dtype=self.dtype)(x))
        return x


class StridedGrid(nn.Module):
    """Convolutions 8x8 with stride 4 to 32 channels and 4x4 with stride 2 to 64, with ReLU: 84x84 -> 11x11.

    Kernels and channels are those of Mott et al. 2019 (arXiv:1906.02500); one and two rows of zeros around make 11x11
    cells of Atari's usual pictures, and the ReLUs are ours: without a ConvLSTM behind, nothing else would be curved.
    """

    dtype: Any = jnp.float32

    @property
    def placement(self) -> Placement:
        """Where the cells are on the picture."""
        return _placed(4, 2, 2).on(_placed(8, 4, 1))

    @nn.compact
    def __call__(self, picture: jax.Array) -> jax.Array:
        """[N, H, W, C] -> [N, h, w, 64]."""
        x = nn.relu(Conv(32, 8, stride=4, padding=1, dtype=self.dtype)(picture))
        return nn.relu(Conv(64, 4, stride=2, padding=2, dtype=self.dtype)(x))


class ResNetGrid(nn.Module):
    """The residual network of IMPALA (Espeholt et al. 2018, arXiv:1802.01561, figure 3, right), up to its last ReLU.

    A section for each of `channels`: convolution 3x3, maximum over 3x3 with stride 2, two residual blocks of ReLU,
    convolution, ReLU, convolution. 84x84 pixels become 11x11 cells.
    """

    channels: Sequence[int] = (16, 32, 32)
    dtype: Any = jnp.float32

    @property
    def placement(self) -> Placement:
        """Where the cells are on the picture: each section leaves every second one, from the first on."""
        return Placement(2.0 ** len(self.channels))

    @nn.compact
    def __call__(self, picture: jax.Array) -> jax.Array:
        """[N, H, W, C] -> [N, h, w, F], h = H / 2 rounded up, once for each section."""
        x = picture
        for channels in self.channels:
            x = _pooled(self._conv(channels)(x))
            for _ in range(2):
                x = x + self._conv(channels)(nn.relu(self._conv(channels)(nn.relu(x))))
        return nn.relu(x)

    def _conv(self, channels: int) -> Conv:
        return Conv(channels, 3, padding=1, dtype=self.dtype)


def _placed(kernel: int, stride: int, padding: int) -> Placement:
    """Where the outputs of a convolution are on its input."""
    return Placement(stride, (kernel - 1) / 2 - padding)


def _pooled(x: jax.Array) -> jax.Array:
    """Maxima over 3x3 with stride 2, one row and column of nothing around.

    As maxima of shifted arrays, axis by axis: the gradient of `reduce_window` takes many times as long on CPUs.
    """
    for axis in (1, 2):
        size = x.shape[axis]
        pad = [(0, 0)] * 4
        pad[axis] = (1, 1 + size % 2)
        padded = jnp.pad(x, pad, constant_values=-jnp.inf)
        stop = 2 * ((size + 1) // 2)
        first, second, third = (jax.lax.slice_in_dim(padded, i, i + stop - 1, 2, axis) for i in range(3))
        x = jnp.maximum(jnp.maximum(first, second), third)
    return x


class Flat(nn.Module):
    """A grid as a vector: flattened, then a linear layer with ReLU, as behind IMPALA's residual network."""

    grid: nn.Module
    width: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, picture: jax.Array) -> jax.Array:
        """[N, H, W, C] -> [N, width]."""
        see: Any = self.grid
        x = see(picture)
        return nn.relu(nn.Dense(self.width, dtype=self.dtype)(x.reshape(x.shape[0], -1)))


class Pixels(nn.Module):
    """The picture itself, for cores that see pixels."""

    dtype: Any = jnp.float32

    @property
    def placement(self) -> Placement:
        """Where the cells are on the picture: they are its pixels."""
        return Placement()

    @nn.compact
    def __call__(self, picture: jax.Array) -> jax.Array:
        """[N, H, W, C] as it is."""
        return picture.astype(self.dtype)
