"""Recurrent layers, stacked and unrolled: what LSTM and GRU share."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import integer
from jaxmem.cores.orthogonal import orthogonal
from jaxmem.cores.protocol import Core, reset_rows

Recur = Callable[[Any, jax.Array], tuple[Any, jax.Array]]
"""One step of a layer: (state, projected input [B, G]) -> (state, output float32 [B, width])."""


class RecurrentLayer(nn.Module):
    """One recurrent layer, split into what depends on the input alone and what has to be scanned.

    Attributes:
        width: number of hidden units.
        dtype: floating-point type of the products; the state stays float32.
    """

    width: int
    dtype: Any

    def __call__(self, x: jax.Array) -> tuple[jax.Array, Recur]:
        """Project inputs [..., D] to the gates [..., G]; returns them and the step that takes them."""
        raise NotImplementedError


class RecurrentCore(Core):
    """A stack of recurrent layers; the state is a tuple with one entry a layer, in float32.

    Attributes:
        layers: number of layers, each fed with the outputs of the one below.
    """

    layers: int = integer(1, low=1)

    def make_layer(self) -> RecurrentLayer:
        """A new layer of the stack."""
        raise NotImplementedError

    def initial_layer_state(self, batch_size: int) -> Any:
        """The zero state of one layer, float32 with leading axis `batch_size`."""
        raise NotImplementedError

    def setup(self) -> None:
        """Layers, lowest first."""
        self.stack = [self.make_layer() for _ in range(self.layers)]

    def initial_state(self, batch_size: int) -> Any:
        """Zeros for every layer."""
        return tuple(self.initial_layer_state(batch_size) for _ in range(self.layers))

    def _step(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        del deterministic
        state = reset_rows(state, self.initial_state(x.shape[0]), start)
        after = []
        for layer, carry in zip(self.stack, state, strict=True):
            projected, recur = layer(x)
            carry, hidden = recur(carry, projected)
            after.append(carry)
            x = hidden.astype(self.dtype)
        return tuple(after), x

    def _unroll(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        del deterministic
        initial = self.initial_state(x.shape[1])
        after = []
        for layer, carry, zero in zip(self.stack, state or initial, initial, strict=True):
            # One matrix product projects the inputs of all steps; only the recurrence is scanned. Steps
            # and rows share one axis, as XLA's CPU backend is slow with the gradient of two.
            projected, recur = layer(x.reshape(-1, x.shape[-1]))
            projected = projected.reshape(*start.shape, -1)
            carry, x = _scan(recur, carry, zero, projected, start, self.dtype)
            after.append(carry)
        return tuple(after), x


def _scan(
    recur: Recur, carry: Any, zero: Any, projected: jax.Array, start: jax.Array, dtype: Any
) -> tuple[Any, jax.Array]:
    def body(carry: Any, step: tuple[jax.Array, jax.Array]) -> tuple[Any, jax.Array]:
        gates, begins = step
        carry, hidden = recur(reset_rows(carry, zero, begins), gates)
        return carry, hidden.astype(dtype)

    # No `unroll` factor: at 50 and 250 steps on a CPU, 2 is no faster and 4 or 8 are up to three times slower.
    return jax.lax.scan(body, carry, (projected, start))


def orthogonal_dense(features: int, dtype: Any, use_bias: bool = True) -> nn.Dense:
    """The input projection of a layer: orthogonal weights, as one matrix over all gates."""
    return nn.Dense(features, use_bias=use_bias, dtype=dtype, kernel_init=orthogonal, name="input")


def zeros(batch_size: int, width: int) -> jax.Array:
    """Float32 zeros [batch_size, width]."""
    return jnp.zeros((batch_size, width), jnp.float32)
