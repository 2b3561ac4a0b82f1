"""Initial values of weights."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn


def symmetric_uniform(bound: float) -> nn.initializers.Initializer:
    """Initial values uniform in +-`bound`."""

    def initializer(key: Any, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> jax.Array:
        del out_sharding
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return initializer


def fan_in_uniform(inputs: int) -> nn.initializers.Initializer:
    """Uniform in +-1/sqrt(inputs): PyTorch's default for weights and biases of a layer with that many inputs."""
    return symmetric_uniform(inputs**-0.5)
