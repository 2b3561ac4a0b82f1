"""A block of Transformer-XL: everything around its attention."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores.dropout import drop
from jaxmem.cores.positions import sine
from jaxmem.cores.relative import Terms
from jaxmem.cores.span import bounded
from jaxmem.cores.transformer import dense, norm


class GRUGate(nn.Module):
    """Joins a sub-layer's output y to its input x as a GRU does (Parisotto et al. 2020, section 3.2).

    Attributes:
        width: width of both.
        bias: b_g of the paper. As in the authors' equation it is subtracted within z, the share of what is new; the
            parameter is the bias that is added, and starts at -`bias`.
        init_std: initial spread of the weights.
        dtype: floating-point type of the computation.
    """

    width: int
    bias: float
    init_std: float
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """x and y [..., width] -> [..., width]."""

        def product(times: int, name: str) -> nn.Dense:
            return nn.Dense(times * self.width, False, self.dtype, kernel_init=normal, name=name)

        normal = nn.initializers.normal(self.init_std)
        bias = self.param("bias", nn.initializers.constant(-self.bias), (self.width,)).astype(self.dtype)
        r, z, h = jnp.split(product(3, "of_output")(y), 3, axis=-1)
        r_of_input, z_of_input = jnp.split(product(2, "of_input")(x), 2, axis=-1)
        r, z = nn.sigmoid(r + r_of_input), nn.sigmoid(z + z_of_input + bias)
        h = jnp.tanh(h + product(1, "of_reset_input")(r * x))
        return (1 - z) * x + z * h


class TrXLBlock(nn.Module):
    """Relative attention and MLP, up to and after the attention itself.

    Attributes:
        width: width of the residual stream.
        heads: attention heads.
        dropout: rate for the branches.
        init_std: initial spread of weights.
        pre: layer norm at the beginning of each branch and ReLU at its end, or layer norm after each sum.
        gate_bias: `GRUGate.bias`, or None for sums.
        spans: whether heads learn how far back they look.
        dtype: floating-point type of the computation.
    """

    width: int
    heads: int
    dropout: float
    init_std: float
    pre: bool
    gate_bias: float | None
    spans: bool
    dtype: Any

    def setup(self) -> None:
        """Linear layers, norms, gates and the learned terms of attention scores."""
        per_head = (self.heads, self.width // self.heads)
        normal = nn.initializers.normal(self.init_std)
        self.norm_attention, self.norm_mlp = norm(self.dtype), norm(self.dtype)
        self.qkv = dense(3 * self.width, self.init_std, self.dtype, use_bias=False)
        self.distances = dense(self.width, self.init_std, self.dtype, use_bias=False)
        self.content_bias = self.param("content_bias", normal, per_head)
        self.distance_bias = self.param("distance_bias", normal, per_head)
        self.project = dense(self.width, self.init_std, self.dtype, use_bias=False)
        self.expand = dense(4 * self.width, self.init_std, self.dtype)
        self.contract = dense(self.width, self.init_std, self.dtype)
        if self.gate_bias is not None:
            self.gate_attention = GRUGate(self.width, self.gate_bias, self.init_std, self.dtype)
            self.gate_mlp = GRUGate(self.width, self.gate_bias, self.init_std, self.dtype)
        if self.spans:
            self.span = self.param("span", nn.initializers.constant(0.3), (self.heads,))

    def terms(self, count: int, window: int, ramp: int, penalty: float) -> Terms:
        """What attention adds to queries and keys: distances 0 to `count` - 1; spans are shares of the window."""
        table = self.distances(sine(jnp.arange(count), self.width).astype(self.dtype))
        biases = self.content_bias.astype(self.dtype), self.distance_bias.astype(self.dtype)
        share: Any = bounded(self.span, penalty * window) if self.spans else None
        span = share * window if self.spans else None
        return Terms(table.reshape(count, *self.content_bias.shape), *biases, span, ramp)

    def queries_keys_values(self, x: jax.Array, batch: int) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Residual stream [B * T, D] -> three of [B, T, heads, head_dim]."""
        shape = (batch, -1, self.heads, self.width // self.heads)
        q, k, v = jnp.split(self.qkv(self.norm_attention(x) if self.pre else x), 3, axis=-1)
        return q.reshape(shape), k.reshape(shape), v.reshape(shape)

    def finish(self, x: jax.Array, attended: jax.Array, rng: jax.Array | None) -> jax.Array:
        """Join the attention's output [B, T, heads, head_dim], then the MLP's, to x [B * T, D]."""
        rngs = (None, None) if rng is None else jax.random.split(rng)
        gates = (None, None) if self.gate_bias is None else (self.gate_attention, self.gate_mlp)
        x = self._join(x, drop(self.project(attended.reshape(x.shape)), self.dropout, rngs[0]), gates[0])
        if not self.pre:
            x = self.norm_attention(x)
        hidden = nn.relu(self.expand(self.norm_mlp(x) if self.pre else x))
        x = self._join(x, drop(self.contract(hidden), self.dropout, rngs[1]), gates[1])
        return x if self.pre else self.norm_mlp(x)

    def _join(self, x: jax.Array, y: jax.Array, gate: GRUGate | None) -> jax.Array:
        y = nn.relu(y) if self.pre else y
        return x + y if gate is None else gate(x, y)
