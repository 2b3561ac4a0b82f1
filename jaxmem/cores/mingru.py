"""Minimal gated recurrent unit (Feng et al. 2024, arXiv:2410.01201)."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import ConfigError, choice
from jaxmem.cores.linear import LinearCore, LinearLayer
from jaxmem.cores.time_constants import keeping_bias


class MinGRULayer(LinearLayer):
    """A GRU without reset gate whose update gate and candidate see the input alone.

        z = sigmoid(x W_z + b_z)
        n = x W_n + b_n                   or, positive, n = g(x W_n + b_n)
        h' = (1 - z) * h + z * n

    Computed as it stands, which is stable: every state is a weighted mean of candidates. The paper's form in log-space
    needs positive ones, hence its g(a) = a + 0.5 where a >= 0, else sigmoid(a).
    """

    gates: str
    candidate: str

    def setup(self) -> None:
        """Projections, gate first."""
        self.update = nn.Dense(self.units, dtype=self.dtype, bias_init=self._initial_bias)
        self.propose = nn.Dense(self.units, dtype=self.dtype)

    def _initial_bias(self, key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype) -> jax.Array:
        if self.gates == "zero":
            return jnp.zeros(shape, dtype)
        # The gate is the share that is replaced, 1 - z the one that is kept.
        return -keeping_bias(key, shape, self.longest).astype(dtype)

    def drive(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Inputs [M, width] -> 1 - z and z * n, [M, units] each."""
        update = self.update(x).astype(jnp.float32)
        candidate = self.propose(x).astype(jnp.float32)
        if self.candidate == "positive":
            candidate = jnp.where(candidate >= 0, candidate + 0.5, nn.sigmoid(candidate))
        return nn.sigmoid(-update), nn.sigmoid(update) * candidate

    def read(self, hidden: jax.Array, x: jax.Array) -> jax.Array:
        """The state itself, [M, units]."""
        del x
        return hidden.astype(self.dtype)


class MinGRU(LinearCore):
    """minGRU in blocks, each with norm, GELU and gated linear unit; the input may be of any width.

    Attributes:
        layers: number of blocks.
        state_width: units of a layer; the width if none.
        reach: longest time constant at first, as a multiple of `max_length`, where time constants are spread.
        scan: associative (in parallel over time), sequential (one step after the other; the faster one on CPUs), or
            auto, which takes the faster one.
        block: what is around each recurrence: gated (norm, GELU, gated linear unit, sum) or bare (nothing).
        gates: initial biases of the update gates: spread (time constants at an input of zero are log-uniform from 1 to
            `reach` times `max_length` steps, after the chrono initialisation of Tallec & Ollivier 2018) or zero.
        candidate: linear, or positive as the paper's form in log-space needs it.
    """

    gates: str = choice("spread", ["spread", "zero"])
    candidate: str = choice("linear", ["linear", "positive"])

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.block == "bare" and self.units != self.width:
            raise ConfigError(
                f"core.state_width is {self.state_width}: with core.block bare the state is the output, allowed is "
                f"core.width = {self.width}"
            )

    def make_layer(self, longest: float) -> MinGRULayer:
        """A new layer of the stack."""
        return MinGRULayer(self.width, self.units, longest, self.dtype, self.gates, self.candidate)
