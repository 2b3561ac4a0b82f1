"""How the old memory and what a segment wrote become the new memory: RATE's valves (Cherepanov et al. 2023)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores.attention import weigh
from jaxmem.cores.gru import GRULayer
from jaxmem.cores.lstm import LSTMLayer, LSTMState
from jaxmem.cores.trxl_block import GRUGate

VALVES = ("none", "ca2", "ca1", "gate", "gru", "lstm")

# b_g of the GTrXL gate, as in that paper and in RATE's code.
_GATE_BIAS = 2.0


class AttentionValve(nn.Module):
    """Attention between the memories: ca2 and, with the roles swapped, ca1.

    With ca2 the old memory asks what was written: M' = W_o MultiHead(Q = M, K = V = ReLU(written)); with ca1 what was
    written asks the old memory. There is no residual path and no norm.
    """

    width: int
    heads: int
    swapped: bool
    dtype: Any

    @nn.compact
    def __call__(self, memory: jax.Array, written: jax.Array) -> jax.Array:
        """Memory and what was written, both [B, m, D] -> the new memory [B, m, D]."""
        batch, tokens, width = memory.shape
        shape = (batch, tokens, self.heads, width // self.heads)
        init = nn.initializers.lecun_normal()
        asked, told = memory.reshape(-1, width), nn.relu(written).reshape(-1, width)
        if self.swapped:
            asked, told = told, asked
        queries, keys, values = (
            nn.Dense(width, dtype=self.dtype, kernel_init=init, name=name)(of).reshape(shape)
            for name, of in (("query", asked), ("key", told), ("value", told))
        )
        seen = weigh(queries, keys, values, jnp.ones((1, 1, tokens, tokens), bool))
        return nn.Dense(width, dtype=self.dtype, kernel_init=init, name="project")(seen.reshape(-1, width)).reshape(
            memory.shape
        )


class CellValve(nn.Module):
    """A recurrent cell for each token: the old memory is its hidden state, what was written its input.

    The cell state of an LSTM stands behind its hidden state, in the same rows.
    """

    width: int
    kind: str
    dtype: Any

    @nn.compact
    def __call__(self, memory: jax.Array, written: jax.Array) -> jax.Array:
        """Memory [B, m, D], of an LSTM [B, m, 2 D], and what was written [B, m, D] -> the new memory, shaped alike."""
        before, rows = memory.reshape(-1, memory.shape[-1]), written.reshape(-1, self.width)
        if self.kind == "gru":
            projected, recur = GRULayer(self.width, self.dtype, name="cell")(rows)
            after = recur(before.astype(jnp.float32), projected)[1]
        else:
            layer = LSTMLayer(self.width, self.dtype, 0.0, 1.0, True, name="cell")
            projected, recur = layer(rows)
            state = LSTMState(*jnp.split(before.astype(jnp.float32), 2, axis=-1))
            after = jnp.concatenate(recur(state, projected)[0], axis=-1)
        return after.astype(memory.dtype).reshape(memory.shape)


def make_valve(kind: str, width: int, heads: int, init_std: float, dtype: Any) -> nn.Module | None:
    """A module (memory, written) -> new memory; None where what was written is the new memory.

    Args:
        kind: one of `VALVES`.
        width: width of the memory.
        heads: attention heads of ca1 and ca2.
        init_std: initial spread of the weights of a gate; the other kinds have their own.
        dtype: floating-point type of the computation.
    """
    if kind == "none":
        return None
    if kind == "gate":
        return GRUGate(width, _GATE_BIAS, init_std, dtype)
    if kind in ("gru", "lstm"):
        return CellValve(width, kind, dtype)
    return AttentionValve(width, heads, kind == "ca1", dtype)


def memory_width(kind: str, width: int) -> int:
    """How wide the rows of a memory are that a valve hands on."""
    return 2 * width if kind == "lstm" else width
