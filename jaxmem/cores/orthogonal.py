"""Orthogonal initial weights without LAPACK, so that seeds can be initialised side by side."""

from typing import Any

import jax
import jax.numpy as jnp


def orthogonal(key: Any, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> jax.Array:
    """A uniformly random matrix [m, n] whose shorter side is orthonormal (Saxe et al. 2014).

    Gram-Schmidt, done twice for each vector so that rounding does not add up. JAX's own initialiser calls LAPACK's
    QR; under `vmap` that splits its batch over XLA's thread pool and waits there for the parts: two such calls side by
    side wait for each other for ever where the pool has two threads.

    Args:
        key: random key.
        shape: (m, n).
        dtype: dtype of the result; the computation is float32.
        out_sharding: taken for the sake of Flax's signature, and not used.
    """
    del out_sharding
    rows, columns = shape
    count = min(shape)
    gaussian = jax.random.normal(key, (count, max(shape)), jnp.float32)

    def orthogonalise(index: jax.Array, done: jax.Array) -> jax.Array:
        vector = done[index]
        before = jnp.where(jnp.arange(count)[:, None] < index, done, 0)
        for _ in range(2):
            vector = vector - (before @ vector) @ before
        return done.at[index].set(vector / jnp.linalg.norm(vector))

    basis = jax.lax.fori_loop(0, count, orthogonalise, gaussian)
    return (basis if rows <= columns else basis.T).astype(dtype)
