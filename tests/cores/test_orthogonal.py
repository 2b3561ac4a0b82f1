"""Orthogonal initial weights: orthonormal, uniformly random, and safe under `vmap`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import cores
from jaxmem.cores.orthogonal import orthogonal


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (128, 512)])
def test_the_shorter_side_is_orthonormal(shape):
    weights = np.asarray(orthogonal(jax.random.key(0), shape), np.float64)
    assert weights.shape == shape
    product = weights @ weights.T if shape[0] <= shape[1] else weights.T @ weights
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-6)


def test_signs_and_directions_are_uniform():
    many = jax.vmap(lambda key: orthogonal(key, (3, 3)))(jax.random.split(jax.random.key(1), 4000))
    np.testing.assert_allclose(jnp.mean(many, axis=0), np.zeros((3, 3)), atol=0.04)
    np.testing.assert_allclose(jnp.mean(many**2, axis=0), np.full((3, 3), 1 / 3), atol=0.02)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_seeds_initialise_side_by_side_without_lapack(name):
    """A batched LAPACK call can wait for itself for ever on two threads; the program must hold none."""
    core = cores.make(name, width=8, max_length=4)

    def init(key):
        return core.init(key, None, jnp.zeros((2, 1, 8)), jnp.zeros((2, 1), bool), method="unroll")

    text = jax.jit(jax.vmap(init)).lower(jax.random.split(jax.random.key(0), 4)).as_text()
    assert "lapack" not in text.lower()
