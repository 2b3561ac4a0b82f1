"""How long recurrences hold what they have seen, before they have learned anything."""

import jax
import jax.numpy as jnp


def log_time_constants(key: jax.Array, shape: tuple[int, ...], longest: float) -> jax.Array:
    """Logarithms of time constants, uniform from those of 1 step to those of `longest` steps."""
    return jax.random.uniform(key, shape, maxval=jnp.log(longest))


def keeping_bias(key: jax.Array, shape: tuple[int, ...], longest: float) -> jax.Array:
    """Biases of gates whose sigmoid is the share of the state that is kept; its time constants are log-uniform.

    After the chrono initialisation of Tallec & Ollivier 2018 (arXiv:1804.11188), whose time constants are uniform.

    Returns:
        Float32 of `shape`: sigmoid(bias) = exp(-1 / time constant), with time constants from 1 to `longest` steps.
    """
    return -jnp.log(jnp.expm1(jnp.exp(-log_time_constants(key, shape, longest))))
