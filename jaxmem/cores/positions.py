"""How a transformer is told the order of steps; a position is a row's count of steps in its episode."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn

POSITIONS = ("sine", "learned", "rotary", "none")
_BASE = 10000.0


def sine(positions: jax.Array, width: int) -> jax.Array:
    """Fixed sine encoding (Vaswani et al. 2017, section 3.5).

    Column 2i holds sin(p / 10000^(2i / width)), column 2i + 1 the cosine of the same angle.

    Args:
        positions: int32 of any shape.
        width: number of columns.

    Returns:
        float32 [*positions.shape, width].
    """
    angles = _angles(positions, math.ceil(width / 2), width)
    pairs = jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    return pairs.reshape(*positions.shape, -1)[..., :width]


class Learned(nn.Module):
    """A trained vector for every position, N(0, 0.02) at first.

    Positions beyond the table wrap around: the steps that one query attends to are at most `length`
    apart, so wrapped positions still tell all of them apart, where clipped ones would not.

    Attributes:
        length: rows of the table.
        width: columns of the table.
    """

    length: int
    width: int

    @nn.compact
    def __call__(self, positions: jax.Array) -> jax.Array:
        """Positions int32 of any shape -> float32 [*positions.shape, width]."""
        init = nn.initializers.normal(0.02)
        table = self.param("table", init, (self.length, self.width))
        return table[positions % self.length]


def rotation(positions: jax.Array, head_dim: int) -> tuple[jax.Array, jax.Array]:
    """Cosines and sines of the rotary angles (Su et al. 2021, equation 15).

    Args:
        positions: int32 [B, T].
        head_dim: width of a head, even.

    Returns:
        Two float32 arrays [B, T, 1, head_dim / 2], to broadcast over heads.
    """
    angles = _angles(positions, head_dim // 2, head_dim)[:, :, None]
    return jnp.cos(angles), jnp.sin(angles)


def rotate(x: jax.Array, angles: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Rotate the pairs (x_i, x_{i + head_dim/2}) of x [B, T, N, head_dim] by `rotation`'s angles."""
    cos, sin = angles
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    turned = jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    return turned.astype(x.dtype)


def _angles(positions: jax.Array, count: int, width: int) -> jax.Array:
    frequencies = _BASE ** (-2.0 * jnp.arange(count) / width)
    return positions[..., None].astype(jnp.float32) * frequencies
