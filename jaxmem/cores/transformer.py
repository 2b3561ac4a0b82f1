"""What the transformers share: options, the rings they start with, norms and linear layers."""

from typing import Any, ClassVar

import jax
from flax import linen as nn

from jaxmem.config import ConfigError, integer, number
from jaxmem.cores.cache import TransformerState, empty
from jaxmem.cores.protocol import Core


class Transformer(Core):
    """A stack of attention blocks, each with a ring of the keys and values of the last `window` steps.

    Attributes:
        layers: number of blocks.
        heads: attention heads; must divide the width.
        dropout: rate for the embedding, attention weights and residual branches.
        init_std: initial spread of the weights; 0.02 is GPT-2's. A narrow core attends almost evenly with that at
            first, and takes long to find the one step that matters.
    """

    layers: int = integer(1, low=1)
    heads: int = integer(1, low=1)
    dropout: float = number(0.1, low=0.0, high=0.99)
    init_std: float = number(0.02, above=0.0)

    needs_equal_width: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise ConfigError(f"core.heads is {self.heads}: allowed is a divisor of core.width = {self.width}")

    @property
    def window(self) -> int:
        """How many of its episode's last steps a step attends to, itself included."""
        return self.max_length

    def initial_state(self, batch_size: int) -> TransformerState:
        """An empty cache: zeros, and an index of 0."""
        return empty((batch_size, self.heads, self.width // self.heads, self.window), self.layers, self.dtype)

    def dropout_keys(self, count: int, deterministic: bool) -> list[jax.Array | None]:
        """Keys for `drop`; all of them None where nothing is dropped, which then needs no rng."""
        if deterministic or self.dropout == 0:
            return [None] * count
        return list(jax.random.split(self.make_rng("dropout"), count))


def norm(dtype: Any) -> nn.LayerNorm:
    """Layer norm."""
    return nn.LayerNorm(epsilon=1e-5, dtype=dtype)


def dense(features: int, init_std: float, dtype: Any, use_bias: bool = True) -> nn.Dense:
    """A linear layer: weights N(0, `init_std`), bias zero."""
    return nn.Dense(features, use_bias, dtype=dtype, kernel_init=nn.initializers.normal(init_std))
