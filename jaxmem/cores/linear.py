"""Stacks of linear recurrences: what LRU and minGRU share."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import choice, integer, number
from jaxmem.cores.linear_scan import SCANS, linear_scan
from jaxmem.cores.protocol import Core

BLOCKS = ("gated", "bare")
"""What stands around a linear recurrence: see `Block` and `BareBlock`."""


class LinearLayer(nn.Module):
    """A recurrence `h_t = decay_t * h_{t-1} + drive_t` whose decay and drive depend on the input alone.

    Attributes:
        width: width of the input and of what is read.
        units: numbers in the state.
        longest: the longest time constant at first, in steps, where time constants are spread.
        dtype: floating-point type of the products; decay, drive and state are float32 or complex64.
    """

    width: int
    units: int
    longest: float
    dtype: Any

    def drive(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Inputs [M, width] -> decay, [M, units] or [units], and drive [M, units]."""
        raise NotImplementedError

    def read(self, hidden: jax.Array, x: jax.Array) -> jax.Array:
        """State [M, units] and inputs [M, width] -> outputs [M, width or units] in `dtype`."""
        raise NotImplementedError


class Block(nn.Module):
    """A linear recurrence between a layer norm and a gated linear unit, added to its input.

        y = gelu(read(h, norm(x)))
        x + (y W + b) * sigmoid(y V + c)

    As in the code of Orvieto et al. 2023.
    """

    layer: LinearLayer
    width: int
    dtype: Any

    def setup(self) -> None:
        """Norm and gated linear unit."""
        self.norm = nn.LayerNorm(dtype=self.dtype)
        self.gated = nn.Dense(2 * self.width, dtype=self.dtype)

    def before(self, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Residual stream [M, width] -> normed, decay, drive."""
        normed = self.norm(x)
        return normed, *self.layer.drive(normed)

    def after(self, x: jax.Array, normed: jax.Array, hidden: jax.Array) -> jax.Array:
        """Residual stream [M, width], its norm and the states [M, units] -> the residual stream."""
        y = nn.gelu(self.layer.read(hidden, normed))
        value, gate = jnp.split(self.gated(y), 2, axis=-1)
        return x + value * nn.sigmoid(gate)


class BareBlock(nn.Module):
    """A linear recurrence and nothing else: what it reads is the output.

    Of one such layer the output is linear in all that was seen, so that what is worked out from it is the head's task.
    """

    layer: LinearLayer

    def before(self, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Inputs [M, width] -> the same, decay, drive."""
        return x, *self.layer.drive(x)

    def after(self, x: jax.Array, normed: jax.Array, hidden: jax.Array) -> jax.Array:
        """Inputs [M, width], twice, and the states [M, units] -> what is read, [M, width]."""
        del x
        return self.layer.read(hidden, normed)


class LinearCore(Core):
    """A linear embedding and a stack of blocks; the state is a tuple with one [B, units] a layer.

    Attributes:
        layers: number of blocks.
        state_width: numbers in the state of a layer; the width if none.
        reach: longest time constant at first, as a multiple of `max_length`, where time constants are spread.
        scan: associative (in parallel over time), sequential (one step after the other; the faster one on CPUs), or
            auto, which takes the faster one.
        block: what is around each recurrence: gated (norm, GELU, gated linear unit, sum) or bare (nothing; the
            embedding before it has no bias then, so that inputs of zeros leave an empty memory empty).
    """

    layers: int = integer(1, low=1)
    state_width: int | None = integer(None, low=1, optional=True)
    reach: float = number(2.0, low=1.0)
    scan: str = choice("auto", SCANS)
    block: str = choice("gated", BLOCKS)

    @property
    def units(self) -> int:
        """Numbers in the state of a layer."""
        return self.width if self.state_width is None else self.state_width

    def make_layer(self, longest: float) -> LinearLayer:
        """A new layer whose time constants go up to `longest` steps."""
        raise NotImplementedError

    @property
    def state_dtype(self) -> Any:
        """Float32 or complex64."""
        return jnp.float32

    def setup(self) -> None:
        """Embedding and blocks, lowest first."""
        # Where nothing is normed a bias adds up for hundreds of steps, and its smallest change throws the memory over.
        self.embed = nn.Dense(self.width, use_bias=self.block != "bare", dtype=self.dtype)
        longest = self.reach * self.max_length
        self.blocks = [self._block(self.make_layer(longest)) for _ in range(self.layers)]

    def _block(self, layer: LinearLayer) -> Block | BareBlock:
        return BareBlock(layer) if self.block == "bare" else Block(layer, self.width, self.dtype)

    def initial_state(self, batch_size: int) -> tuple[jax.Array, ...]:
        """Zeros for every layer."""
        return tuple(jnp.zeros((batch_size, self.units), self.state_dtype) for _ in range(self.layers))

    def _step(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        del deterministic
        x, states = self.embed(x), []
        for block, hidden in zip(self.blocks, state, strict=True):
            normed, decay, drive = block.before(x)
            hidden = decay * jnp.where(start[:, None], 0, hidden) + drive
            states.append(hidden)
            x = block.after(x, normed, hidden)
        return tuple(states), x

    def _unroll(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        del deterministic
        # Outside of the recurrence steps and rows share one axis: XLA's CPU backend is slow with the gradient of two.
        x, states = self.embed(x.reshape(-1, x.shape[-1])), []
        for block, initial in zip(self.blocks, state or (None,) * self.layers, strict=True):
            normed, decay, drive = block.before(x)
            if decay.ndim > 1:
                decay = decay.reshape(*start.shape, self.units)
            hidden = linear_scan(decay, drive.reshape(*start.shape, self.units), start, initial, self.scan)
            states.append(hidden[-1])
            x = block.after(x, normed, hidden.reshape(-1, self.units))
        return tuple(states), x.reshape(*start.shape, self.width)
