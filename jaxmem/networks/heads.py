"""Read-outs on top of a memory core."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores.initial import symmetric_uniform
from jaxmem.cores.orthogonal import orthogonal

POLICY_BOUND = 1e-3
"""`last_bound` of policies, which start closer to uniform than values: Ni et al. 2023."""


class MLPHead(nn.Module):
    """ReLU layers, then a linear one that starts near zero.

    Initial values as in the code of Ni et al. 2023 (arXiv:2307.03864): hidden weights uniform in
    +-1/sqrt(fan_out) (its "fan-in" initialiser reads the other axis), hidden biases 0.1, last layer's weights and
    biases uniform in +-`last_bound`. Where `orthogonal`, all weights are orthogonal with gain 1 and all biases 0, as in
    their code for continuous control.
    """

    hidden: Sequence[int]
    outputs: int
    last_bound: float = 3e-3
    dtype: Any = jnp.float32
    orthogonal: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map [..., D] to float32 [..., outputs]."""
        for width in self.hidden:
            uniform = symmetric_uniform(width**-0.5), nn.initializers.constant(0.1)
            x = nn.relu(self._layer(width, self.dtype, *uniform)(x))
        last = symmetric_uniform(self.last_bound)
        return self._layer(self.outputs, jnp.float32, last, last)(x)

    def _layer(self, width: int, dtype: Any, kernel_init: Any, bias_init: Any) -> nn.Dense:
        if self.orthogonal:
            kernel_init, bias_init = orthogonal, nn.initializers.zeros
        return nn.Dense(width, dtype=dtype, kernel_init=kernel_init, bias_init=bias_init)
