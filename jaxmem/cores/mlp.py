"""A control without memory: what a policy can reach that sees only the present input."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import integer
from jaxmem.cores.protocol import Core


class MLP(Core):
    """Linear layers with ReLU, applied to every step by itself; the input may be of any width.

    Attributes:
        layers: number of linear layers, each `width` wide.
    """

    layers: int = integer(2, low=1)

    def setup(self) -> None:
        """Linear layers."""
        self.stack = [nn.Dense(self.width, dtype=self.dtype) for _ in range(self.layers)]

    def initial_state(self, batch_size: int) -> jax.Array:
        """Nothing to remember: float32 [batch_size, 0]."""
        return jnp.zeros((batch_size, 0), jnp.float32)

    def _step(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        del start, deterministic
        for layer in self.stack:
            x = nn.relu(layer(x))
        return state, x

    def _unroll(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        if state is None:
            state = self.initial_state(x.shape[1])
        # One leading axis, as XLA's CPU backend is slow with the weight gradient of two.
        _, y = self._step(state, x.reshape(-1, x.shape[-1]), start, deterministic)
        return state, y.reshape(*start.shape, self.width)
