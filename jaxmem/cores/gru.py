"""Gated recurrent unit (Cho et al. 2014), with the reset gate after the recurrent product."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores.orthogonal import orthogonal
from jaxmem.cores.recurrence import (
    Recur,
    RecurrentCore,
    RecurrentLayer,
    orthogonal_dense,
    zeros,
)


class GRULayer(RecurrentLayer):
    """One GRU layer with gates in the order reset, update, candidate.

        r = sigmoid(x W_r + b_r + h U_r)
        z = sigmoid(x W_z + b_z + h U_z)
        n = tanh(x W_n + b_n + r * (h U_n + c_n))
        h' = (1 - z) * n + z * h

    The reset gate acts on the recurrent term and its bias c_n, as in cuDNN, so that all three recurrent
    products are one. Biases of r and z appear once, since two of them would only add up.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, Recur]:
        """Inputs [..., D] -> projected [..., 3 width], and the recurrence."""
        features = 3 * self.width
        projected = orthogonal_dense(features, self.dtype)(x)
        kernel = self.param("recurrent", orthogonal, (self.width, features))
        kernel = kernel.astype(self.dtype)
        bias = self.param("recurrent_bias", nn.initializers.zeros, (self.width,))

        def recur(hidden: jax.Array, projected: jax.Array) -> tuple[jax.Array, jax.Array]:
            product = (hidden.astype(self.dtype) @ kernel).astype(jnp.float32)
            r_in, z_in, n_in = jnp.split(projected.astype(jnp.float32), 3, axis=-1)
            r_rec, z_rec, n_rec = jnp.split(product, 3, axis=-1)
            reset = nn.sigmoid(r_in + r_rec)
            update = nn.sigmoid(z_in + z_rec)
            candidate = jnp.tanh(n_in + reset * (n_rec + bias))
            hidden = (1 - update) * candidate + update * hidden
            return hidden, hidden

        return projected, recur


class GRU(RecurrentCore):
    """Stacked GRU layers with orthogonal weights; the input may be of any width."""

    def make_layer(self) -> GRULayer:
        """A new layer of the stack."""
        return GRULayer(self.width, self.dtype)

    def initial_layer_state(self, batch_size: int) -> jax.Array:
        """Zero output."""
        return zeros(batch_size, self.width)
