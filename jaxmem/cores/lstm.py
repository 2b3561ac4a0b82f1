"""Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import number
from jaxmem.cores.orthogonal import orthogonal
from jaxmem.cores.recurrence import (
    Recur,
    RecurrentCore,
    RecurrentLayer,
    orthogonal_dense,
    zeros,
)


class LSTMState(NamedTuple):
    """State of one layer: output and cell, float32 [B, width] each."""

    hidden: jax.Array
    cell: jax.Array


class LSTMLayer(RecurrentLayer):
    """One LSTM layer with gates in the order input, forget, candidate, output.

    c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h' = sigmoid(o) * tanh(c')          where [i f g o] = x W + b + h U
    """

    forget_bias: float

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, Recur]:
        """Inputs [..., D] -> projected [..., 4 width], and the recurrence."""
        features = 4 * self.width

        def bias(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype) -> jax.Array:
            del key
            forget = slice(self.width, 2 * self.width)
            return jnp.zeros(shape, dtype).at[forget].set(self.forget_bias)

        projected = orthogonal_dense(features, self.dtype, bias)(x)
        kernel = self.param("recurrent", orthogonal, (self.width, features))
        kernel = kernel.astype(self.dtype)

        def recur(state: LSTMState, projected: jax.Array) -> tuple[LSTMState, jax.Array]:
            gates = projected + state.hidden.astype(self.dtype) @ kernel
            i, f, g, o = jnp.split(gates.astype(jnp.float32), 4, axis=-1)
            cell = nn.sigmoid(f) * state.cell + nn.sigmoid(i) * jnp.tanh(g)
            hidden = nn.sigmoid(o) * jnp.tanh(cell)
            return LSTMState(hidden, cell), hidden

        return projected, recur


class LSTM(RecurrentCore):
    """Stacked LSTM layers with orthogonal weights; the input may be of any width.

    Attributes:
        forget_bias: initial bias of the forget gate: 0 as in Ni et al. 2023, or 1 (Jozefowicz et al. 2015).
    """

    forget_bias: float = number(0.0)

    def make_layer(self) -> LSTMLayer:
        """A new layer of the stack."""
        return LSTMLayer(self.width, self.dtype, self.forget_bias)

    def initial_layer_state(self, batch_size: int) -> LSTMState:
        """Zero output and zero cell."""
        return LSTMState(zeros(batch_size, self.width), zeros(batch_size, self.width))
