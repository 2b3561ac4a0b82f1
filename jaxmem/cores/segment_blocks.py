"""What a segment can be made of: blocks of GPT-2, or those of RATE's code with attention by distance."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores.attention import softmax_weights, weigh
from jaxmem.cores.dropout import drop
from jaxmem.cores.gpt import Block
from jaxmem.cores.positions import sine
from jaxmem.cores.relative import product, shift
from jaxmem.cores.transformer import dense, norm

_MASKED = -1e30


class Place(NamedTuple):
    """Where queries and keys are: row 0 is a segment's first, rows of earlier segments are below it.

    Attributes:
        query: row of the first query; an array int32 [B] for a single query.
        key: row of the first key. Unless the query is single, the last query is in the last key's row.
        ahead: how many rows behind its own a query can see.
    """

    query: int | jax.Array
    key: int
    ahead: int


class GPTBlock(Block):
    """A block of the gpt core that attends under a mask."""

    def keys_values(self, x: jax.Array, batch: int) -> tuple[jax.Array, jax.Array]:
        """Residual stream [B * T, D] -> two of [B, T, heads, head_dim]."""
        return self.queries_keys_values(x, batch)[1:]

    def attend(
        self, q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array, place: Place, rng: jax.Array | None
    ) -> jax.Array:
        """`weigh`: this attention knows no places."""
        del place
        if self.is_mutable_collection("intermediates"):
            self.sow("intermediates", "attention_weights", softmax_weights(q, k, mask))
        return weigh(q, k, v, mask, self.dropout, rng)


class Biases(nn.Module):
    """u and v of Transformer-XL's scores, which all layers share, [heads, head_dim] each."""

    shape: tuple[int, int]
    init_std: float
    dtype: Any

    def setup(self) -> None:
        """One for queries that meet keys, and one for queries that meet distances."""
        normal = nn.initializers.normal(self.init_std)
        self.content = self.param("content", normal, self.shape)
        self.distance = self.param("distance", normal, self.shape)

    def __call__(self, queries: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Queries [..., heads, head_dim] -> those that meet keys, and those that meet distances."""
        return queries + self.content.astype(self.dtype), queries + self.distance.astype(self.dtype)


class RATEBlock(nn.Module):
    """A post-norm block of Transformer-XL (Dai et al. 2019) as RATE's code has it.

    Attributes:
        width: width of the residual stream.
        heads: attention heads.
        inner: width of the MLP, with ReLU; 0 leaves it out.
        dropout: rate for attention weights and for the branches.
        init_std: initial spread of weights.
        double_residual: the input is added twice before the attention's norm, as in RATE's code; once in the paper.
        biases: u and v, shared by the layers.
        dtype: floating-point type of the computation.
    """

    width: int
    heads: int
    inner: int
    dropout: float
    init_std: float
    double_residual: bool
    biases: Biases
    dtype: Any

    def setup(self) -> None:
        """Linear layers, only the MLP's with biases, and norms."""

        def linear(features: int) -> nn.Dense:
            return dense(features, self.init_std, self.dtype, use_bias=False)

        # Cached rows need no queries.
        self.query, self.key_value = linear(self.width), linear(2 * self.width)
        self.distances = linear(self.width)
        self.project = linear(self.width)
        self.norm_attention = norm(self.dtype)
        if self.inner:
            self.expand = dense(self.inner, self.init_std, self.dtype)
            self.contract = dense(self.width, self.init_std, self.dtype)
            self.norm_mlp = norm(self.dtype)

    def keys_values(self, x: jax.Array, batch: int) -> tuple[jax.Array, jax.Array]:
        """Residual stream [B * T, D] -> two of [B, T, heads, head_dim]."""
        k, v = jnp.split(self.key_value(x), 2, axis=-1)
        return self._by_head(k, batch), self._by_head(v, batch)

    def queries_keys_values(self, x: jax.Array, batch: int) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Residual stream [B * T, D] -> three of [B, T, heads, head_dim]."""
        return self._by_head(self.query(x), batch), *self.keys_values(x, batch)

    def attend(
        self, q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array, place: Place, rng: jax.Array | None
    ) -> jax.Array:
        """Attention by content and distance: ((q_i + u) k_j + (q_i + v) r_(i - j)) / sqrt(head_dim).

        Args:
            q: [B, T, heads, head_dim].
            k: [B, S, heads, head_dim].
            v: [B, S, heads, head_dim].
            mask: bool [B or 1, 1, T, S].
            place: where queries and keys are.
            rng: key for dropout, or None.

        Returns:
            [B, T, heads, head_dim].
        """
        by_content, by_distance = self.biases(q)
        count, keys = q.shape[1], k.shape[1]
        if isinstance(place.query, int):
            farthest = place.query + count - 1 - place.key
            scores = product("bqnh,dnh->bnqd", by_distance, self._table(farthest, -place.ahead))
            scores = shift(scores)[..., count : count + keys]
            # Heads beside the rows: see `weigh`.
            scores += product("bnqh,bnkh->bnqk", by_content.swapaxes(1, 2), k.swapaxes(1, 2))
        else:
            scores = product("bqnh,dnh->bnqd", by_distance, self._table(keys - 1, 0))
            distance = (place.query - place.key)[:, None] - jnp.arange(keys)
            column = jnp.minimum(keys - 1 - distance, keys - 1)
            scores = jnp.take_along_axis(scores, column[:, None, None], axis=-1)
            scores += product("bqnh,bknh->bnqk", by_content, k)
        weights = jax.nn.softmax(jnp.where(mask, scores * q.shape[-1] ** -0.5, _MASKED))
        self.sow("intermediates", "attention_weights", weights)
        weights = drop(weights, self.dropout, rng).astype(v.dtype)
        if count == 1:
            return jnp.einsum("bnqk,bknh->bqnh", weights, v)
        return jnp.einsum("bnqk,bnkh->bnqh", weights, v.swapaxes(1, 2)).swapaxes(1, 2)

    def finish(self, x: jax.Array, attended: jax.Array, rng: jax.Array | None) -> jax.Array:
        """Join the attention's output [B, T, heads, head_dim], then the MLP's if there is one, to x [B * T, D]."""
        rngs = (None,) * 3 if rng is None else jax.random.split(rng, 3)
        branch = drop(self.project(attended.reshape(x.shape)), self.dropout, rngs[0])
        x = self.norm_attention((2 * x if self.double_residual else x) + branch)
        if not self.inner:
            return x
        hidden = drop(nn.relu(self.expand(x)), self.dropout, rngs[1])
        return self.norm_mlp(x + drop(self.contract(hidden), self.dropout, rngs[2]))

    def _by_head(self, x: jax.Array, batch: int) -> jax.Array:
        return x.reshape(batch, -1, self.heads, self.width // self.heads)

    def _table(self, farthest: int, nearest: int) -> jax.Array:
        """Projected encodings of all distances in between, the farthest first: [D, heads, head_dim]."""
        encoded = sine(jnp.arange(farthest, nearest - 1, -1), self.width).astype(self.dtype)
        return self.distances(encoded).reshape(-1, self.heads, self.width // self.heads)
