"""Convolutions that are as fast on CPUs as products are, and the convolutional LSTM."""

from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores.initial import fan_in_uniform
from jaxmem.cores.lstm import gated
from jaxmem.cores.protocol import reset_rows


def blocks(x: jax.Array, size: int) -> jax.Array:
    """[N, H, W, C] -> [N, H // size, W // size, size * size * C]: squares of pixels, row by row."""
    count, height, width, channels = x.shape[0], x.shape[1] // size, x.shape[2] // size, x.shape[3]
    x = x[:, : height * size, : width * size].reshape(count, height, size, width, size, channels)
    return x.swapaxes(2, 3).reshape(count, height, width, size * size * channels)


def patches(x: jax.Array, kernel: int) -> jax.Array:
    """[N, H, W, C] -> [N, H - k + 1, W - k + 1, k * k * C]: what a kernel sees at each place, row by row."""
    height, width = x.shape[1] - kernel + 1, x.shape[2] - kernel + 1
    shifted = [x[:, i : i + height, j : j + width] for i in range(kernel) for j in range(kernel)]
    return jnp.concatenate(shifted, axis=-1)


def convolve(x: jax.Array, kernel: jax.Array, size: int, stride: int = 1, padding: int = 0) -> jax.Array:
    """A convolution without bias.

    Where a gradient is taken on a CPU, it is one matrix product over what the kernel sees at each place: XLA takes up
    to four times as long for the gradients of convolutions that are small. Without a gradient its convolution is
    faster, up to ten times on pictures of 84 pixels. There it has no forward-mode derivative.

    Args:
        x: [N, H, W, C].
        kernel: [size * size * C, F]; blocks of stride x stride pixels row by row, and in each its pixels.
        size: height and width of the kernel, a multiple of the stride.
        stride: of the kernel.
        padding: rows and columns of zeros on each side.

    Returns:
        [N, (H + 2 padding - size) // stride + 1, ..., F].
    """
    x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    return (_either if jax.default_backend() == "cpu" else _convolution)(x, kernel, size, stride)


def _convolution(x: jax.Array, kernel: jax.Array, size: int, stride: int) -> jax.Array:
    across = size // stride
    pixels = kernel.reshape(across, across, stride, stride, x.shape[-1], -1).swapaxes(1, 2)
    pixels = pixels.reshape(size, size, x.shape[-1], -1)
    return jax.lax.conv_general_dilated(
        x, pixels, (stride, stride), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _products(x: jax.Array, kernel: jax.Array, size: int, stride: int) -> jax.Array:
    # Patches of blocks move less than patches of pixels would.
    seen = patches(x if stride == 1 else blocks(x, stride), size // stride)
    return (seen.reshape(-1, seen.shape[-1]) @ kernel).reshape(*seen.shape[:-1], -1)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _either(x: jax.Array, kernel: jax.Array, size: int, stride: int) -> jax.Array:
    return _convolution(x, kernel, size, stride)


def _forward(x: jax.Array, kernel: jax.Array, size: int, stride: int) -> tuple[jax.Array, Any]:
    return jax.vjp(partial(_products, size=size, stride=stride), x, kernel)


def _backward(size: int, stride: int, pullback: Any, gradient: jax.Array) -> Any:
    return pullback(gradient)


_either.defvjp(_forward, _backward)


class Conv(nn.Module):
    """`convolve` with trained weights, and a bias.

    Attributes:
        features: number of kernels, F.
        size: height and width of a kernel.
        stride: of the kernels; must divide `size`.
        padding: rows and columns of zeros on each side.
        initial: of weights and bias: "uniform" in +-1/sqrt(fan_in), as PyTorch's, or "normal", LeCun's, and bias zero.
        dtype: of the computation.
    """

    features: int
    size: int
    stride: int = 1
    padding: int = 0
    initial: Literal["uniform", "normal"] = "uniform"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[N, H, W, C] -> [N, H', W', F]."""
        inputs = self.size * self.size * x.shape[-1]
        of_kernel = of_bias = fan_in_uniform(inputs)
        if self.initial == "normal":
            of_kernel, of_bias = nn.initializers.lecun_normal(), nn.initializers.zeros
        kernel = self.param("kernel", of_kernel, (inputs, self.features))
        bias = self.param("bias", of_bias, (self.features,))
        x, kernel, bias = (leaf.astype(self.dtype) for leaf in (x, kernel, bias))
        return convolve(x, kernel, self.size, self.stride, self.padding) + bias


class ConvState(NamedTuple):
    """State of a convolutional LSTM: output and cell, float32 [B, h, w, channels] each."""

    hidden: jax.Array
    cell: jax.Array


def no_memory(batch_size: int, height: int, width: int, channels: int) -> ConvState:
    """The state of `ConvLSTM` before anything was seen: zeros."""
    return ConvState(*(jnp.zeros((batch_size, height, width, channels), jnp.float32) for _ in ConvState._fields))


class ConvLSTM(nn.Module):
    """Convolutional LSTM (Shi et al. 2015, arXiv:1506.04214), without the peepholes, zero at first, of some codes.

    c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h' = sigmoid(o) * tanh(c')          where [i f g o] = conv(x) + conv(h), both of them with zeros around the grid

    Attributes:
        channels: of output and cell.
        size: height and width of the kernels, odd.
        dtype: of the products; the state stays float32.
    """

    channels: int
    size: int = 3
    dtype: Any = jnp.float32

    def setup(self) -> None:
        """The inputs' kernels with the bias, and the recurrent ones."""
        inputs = self.size * self.size * self.channels
        self.input = Conv(4 * self.channels, self.size, padding=self.size // 2, dtype=self.dtype)
        self.recurrent = self.param("recurrent", fan_in_uniform(inputs), (inputs, 4 * self.channels))

    def unroll(self, state: ConvState, x: jax.Array, start: jax.Array) -> tuple[ConvState, jax.Array]:
        """T steps of B rows: x [T, B, h, w, C], start [T, B] -> (state, [T, B, h, w, channels])."""
        projected = self.input(x.reshape(-1, *x.shape[2:])).reshape(*x.shape[:-1], -1)
        return jax.lax.scan(lambda state, inputs: self._recur(state, *inputs), state, (projected, start))

    def _recur(self, state: ConvState, projected: jax.Array, start: jax.Array) -> tuple[ConvState, jax.Array]:
        hidden, cell = reset_rows(state, jax.tree.map(jnp.zeros_like, state), start)
        kernel = self.recurrent.astype(self.dtype)
        gates = projected + convolve(hidden.astype(self.dtype), kernel, self.size, padding=self.size // 2)
        hidden, cell = gated(gates, cell)
        return ConvState(hidden, cell), hidden.astype(self.dtype)
