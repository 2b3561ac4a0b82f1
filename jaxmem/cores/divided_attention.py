"""A transformer block whose attention is divided: first in time, then in space."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores.looking import rotate_grid
from jaxmem.cores.positions import rotate, rotation


class DividedBlock(nn.Module):
    """Temporal attention, spatial attention, MLP, each pre-norm with a residual (Bertasius et al. 2021, figure 2).

    Temporal attention ends in one more linear layer, which is zero at first in all blocks but the first one, so that
    those begin without it. The MLP is four times as wide, with GELU.

    Attributes:
        heads: of each attention.
        places: patches of a frame, down and across.
        rotary: rotary positions of frames and of places; the class token is not turned.
        first: whether this is the first block.
        drop: chance that a branch is left out for a sample, where not deterministic (Huang et al. 2016).
        dtype: of the computation.
    """

    heads: int
    places: tuple[int, int]
    rotary: bool
    first: bool
    drop: float
    dtype: Any

    @nn.compact
    def __call__(
        self, one: jax.Array, tokens: jax.Array, deterministic: bool
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Class tokens [N, 1, D] and tokens [N, F, P, D] -> both, and the maps of the class token.

        The maps, float32 [N, heads, P], are its spatial attention to the patches, as shares of what it gives to
        patches, averaged over frames.
        """
        count, frames, places, width = tokens.shape
        initial = nn.initializers.lecun_normal() if self.first else nn.initializers.zeros
        seen = self._norm("norm_time")(tokens).swapaxes(1, 2).reshape(-1, frames, width)
        seen, _ = self._attend(seen, "time")
        seen = nn.Dense(width, dtype=self.dtype, kernel_init=initial, name="time_out")(seen)
        seen = seen.reshape(count, places, frames, width).swapaxes(1, 2)
        tokens = tokens + self._kept(seen, deterministic)

        copies = jnp.broadcast_to(one[:, None], (count, frames, 1, width))
        seen = self._norm("norm_space")(jnp.concatenate([copies, tokens], axis=2)).reshape(-1, 1 + places, width)
        seen, weights = self._attend(seen, "space")
        seen = seen.reshape(count, frames, 1 + places, width)
        one = one + self._kept(seen[:, :, 0].mean(axis=1, keepdims=True), deterministic)
        tokens = tokens + self._kept(seen[:, :, 1:], deterministic)

        every = jnp.concatenate([one, tokens.reshape(count, -1, width)], axis=1)
        inner = nn.gelu(nn.Dense(4 * width, dtype=self.dtype, name="mlp_in")(self._norm("norm_mlp")(every)))
        every = every + self._kept(nn.Dense(width, dtype=self.dtype, name="mlp_out")(inner), deterministic)
        one, tokens = every[:, :1], every[:, 1:].reshape(tokens.shape)

        maps = weights[:, :, 0, 1:].reshape(count, frames, self.heads, places)
        return one, tokens, (maps / maps.sum(axis=-1, keepdims=True)).mean(axis=1)

    def _norm(self, name: str) -> nn.LayerNorm:
        return nn.LayerNorm(epsilon=1e-6, dtype=self.dtype, name=name)

    def _attend(self, x: jax.Array, name: str) -> tuple[jax.Array, jax.Array]:
        """Attention among x [N, S, D] -> [N, S, D], and weights float32 [N, heads, S, S]."""
        count, length, width = x.shape
        projected = nn.Dense(3 * width, dtype=self.dtype, name=f"{name}_qkv")(x)
        queries, keys, values = projected.reshape(count, length, 3, self.heads, -1).transpose(2, 0, 3, 1, 4)
        if self.rotary:
            queries, keys = (self._turned(part, name) for part in (queries, keys))
        scores = _scores(queries, keys)
        weights = jax.nn.softmax(scores * queries.shape[-1] ** -0.5)
        mixed = _mixed(weights.astype(self.dtype), values)
        mixed = mixed.transpose(0, 2, 1, 3).reshape(count, length, width)
        return nn.Dense(width, dtype=self.dtype, name=f"{name}_proj")(mixed), weights

    def _turned(self, x: jax.Array, name: str) -> jax.Array:
        """Queries or keys [N, heads, S, d], turned by what tells their tokens apart."""
        if name == "space":
            return jnp.concatenate([x[:, :, :1], rotate_grid(x[:, :, 1:], *self.places)], axis=2)
        angles = rotation(jnp.arange(x.shape[2])[None], x.shape[-1])
        return rotate(x.swapaxes(1, 2), angles).swapaxes(1, 2)

    def _kept(self, branch: jax.Array, deterministic: bool) -> jax.Array:
        """A branch, left out for a share of the samples and scaled up for the others."""
        if deterministic or self.drop == 0:
            return branch
        shape = (branch.shape[0], *(1,) * (branch.ndim - 1))
        keep = jax.random.bernoulli(self.make_rng("dropout"), 1 - self.drop, shape)
        return jnp.where(keep, branch / (1 - self.drop), 0).astype(branch.dtype)


# A batch of products of matrices as small as a few frames is a loop over them on CPUs, a tenth as fast as sums.
_FEW = 8


def _scores(queries: jax.Array, keys: jax.Array) -> jax.Array:
    """[N, heads, Q, d], [N, heads, K, d] -> float32 [N, heads, Q, K]."""
    if queries.shape[2] > _FEW:
        return jnp.einsum("nhqd,nhkd->nhqk", queries, keys, preferred_element_type=jnp.float32)
    return jnp.sum(queries[:, :, :, None] * keys[:, :, None], axis=-1, dtype=jnp.float32)


def _mixed(weights: jax.Array, values: jax.Array) -> jax.Array:
    """[N, heads, Q, K], [N, heads, K, d] -> [N, heads, Q, d]."""
    if weights.shape[2] > _FEW:
        return jnp.einsum("nhqk,nhkd->nhqd", weights, values)
    return jnp.sum(weights[..., None] * values[:, :, None], axis=-2)
