"""The noise in the observations of RATE's tasks."""

import jax
import jax.numpy as jnp

from jaxmem.envs.probes.base import int32, noise_key

NOISES = (-1, 0, 1)


def ternary_noise(seed: jax.Array, time: jax.Array) -> jax.Array:
    """One of `NOISES`, int32 [], uniform but for 2^-32; an episode's seed and the time decide it."""
    return int32(jax.random.bits(noise_key(seed, time), (), jnp.uint32) % len(NOISES)) - 1
