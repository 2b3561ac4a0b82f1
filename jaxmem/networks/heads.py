"""Read-outs on top of a memory core."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.networks.initial import symmetric_uniform


class MLPHead(nn.Module):
    """ReLU layers, then a linear one that starts near zero.

    Initial values as in the code of Ni et al. 2023 (arXiv:2307.03864): hidden weights uniform in
    +-1/sqrt(fan_out) (its "fan-in" initialiser reads the other axis), hidden biases 0.1, last layer's weights and
    biases uniform in +-`last_bound`.
    """

    hidden: Sequence[int]
    outputs: int
    last_bound: float = 3e-3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map [..., D] to float32 [..., outputs]."""
        for width in self.hidden:
            layer = nn.Dense(
                width,
                dtype=self.dtype,
                kernel_init=symmetric_uniform(width**-0.5),
                bias_init=nn.initializers.constant(0.1),
            )
            x = nn.relu(layer(x))
        last = symmetric_uniform(self.last_bound)
        return nn.Dense(self.outputs, dtype=jnp.float32, kernel_init=last, bias_init=last)(x)
