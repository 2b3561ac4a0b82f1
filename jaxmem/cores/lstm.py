"""Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import flag, number
from jaxmem.cores.orthogonal import orthogonal
from jaxmem.cores.recurrence import (
    Recur,
    RecurrentCore,
    RecurrentLayer,
    orthogonal_dense,
    zeros,
)
from jaxmem.cores.time_constants import keeping_bias


class LSTMState(NamedTuple):
    """State of one layer: output and cell, float32 [B, width] each."""

    hidden: jax.Array
    cell: jax.Array


def gated(gates: jax.Array, cell: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Gates i, f, g, o [..., 4 W] and the cell before, float32 [..., W] -> output and cell, float32 [..., W]."""
    i, f, g, o = jnp.split(gates.astype(jnp.float32), 4, axis=-1)
    cell = nn.sigmoid(f) * cell + nn.sigmoid(i) * jnp.tanh(g)
    return nn.sigmoid(o) * jnp.tanh(cell), cell


class LSTMLayer(RecurrentLayer):
    """One LSTM layer with gates in the order input, forget, candidate, output.

    c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h' = sigmoid(o) * tanh(c')          where [i f g o] = x W + b + h U

    Attributes:
        forget_bias: initial bias of the forget gate; none spreads time constants from one step to `longest` steps.
        longest: in steps.
        candidate_bias: whether the candidate g has a bias; the gates always do.
    """

    forget_bias: float | None
    longest: float
    candidate_bias: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, Recur]:
        """Inputs [..., D] -> projected [..., 4 width], and the recurrence."""
        features = 4 * self.width
        projected = orthogonal_dense(features, self.dtype, use_bias=False)(x) + self._bias().astype(self.dtype)
        kernel = self.param("recurrent", orthogonal, (self.width, features))
        kernel = kernel.astype(self.dtype)

        def recur(state: LSTMState, projected: jax.Array) -> tuple[LSTMState, jax.Array]:
            gates = projected + state.hidden.astype(self.dtype) @ kernel
            hidden, cell = gated(gates, state.cell)
            return LSTMState(hidden, cell), hidden

        return projected, recur

    def _bias(self) -> jax.Array:
        """Of i, f, g and o, one after the other: [4 width]."""

        def initial(key: jax.Array, shape: tuple[int, int]) -> jax.Array:
            if self.forget_bias is None:
                return jnp.zeros(shape).at[1].set(keeping_bias(key, shape[1:], self.longest))
            return jnp.zeros(shape).at[1].set(self.forget_bias)

        bias = self.param("bias", initial, (4 if self.candidate_bias else 3, self.width))
        return (bias if self.candidate_bias else jnp.insert(bias, 2, 0.0, axis=0)).reshape(-1)


class LSTM(RecurrentCore):
    """Stacked LSTM layers with orthogonal weights; the input may be of any width.

    Attributes:
        forget_bias: initial bias of the forget gate: 0 as in Ni et al. 2023, 1 (Jozefowicz et al. 2015), or none, which
            spreads time constants: where input and output are zero they are log-uniform from 1 to `reach` times
            `max_length` steps, after the chrono initialisation of Tallec & Ollivier 2018.
        reach: longest time constant at first, as a multiple of `max_length`, where time constants are spread.
        candidate_bias: whether the candidate has a bias, as usual. One adds up in a cell that lasts, and its smallest
            change moves the memory by as many times as there are steps.
    """

    forget_bias: float | None = number(0.0, optional=True)
    reach: float = number(2.0, low=1.0)
    candidate_bias: bool = flag(True)

    def make_layer(self) -> LSTMLayer:
        """A new layer of the stack."""
        longest = self.reach * self.max_length
        return LSTMLayer(self.width, self.dtype, self.forget_bias, longest, self.candidate_bias)

    def initial_layer_state(self, batch_size: int) -> LSTMState:
        """Zero output and zero cell."""
        return LSTMState(zeros(batch_size, self.width), zeros(batch_size, self.width))
