"""How sure a policy over discrete actions is."""

import math

import jax
import jax.numpy as jnp

# The least probability whose logarithm is taken, as in the code of Ni et al. 2023 (arXiv:2307.03864).
_LEAST_PROBABILITY = 1e-8


def clipped_log_softmax(logits: jax.Array) -> jax.Array:
    """Log-probabilities, at least log(1e-8), of float logits [..., A].

    A policy so sure of itself that a probability underflows has a finite entropy and finite gradients: none to the
    actions that are clipped.
    """
    return jnp.maximum(jax.nn.log_softmax(logits), math.log(_LEAST_PROBABILITY))


def entropy(logits: jax.Array) -> jax.Array:
    """Entropy in nats of float logits [..., A]: [...]."""
    return -jnp.sum(jax.nn.softmax(logits) * clipped_log_softmax(logits), axis=-1)


def log_barrier(logits: jax.Array) -> jax.Array:
    """Mean over the actions of the log-probability, of float logits [..., A]: [...]; -log A for the uniform policy.

    Up to a constant it is minus the relative entropy of the uniform policy to this one. Unlike the entropy's, its
    gradient does not fade where a probability is small: each is pushed up by 1 / A (Agarwal et al. 2021,
    arXiv:1908.00261, section 5).
    """
    return jnp.mean(jax.nn.log_softmax(logits), axis=-1)
