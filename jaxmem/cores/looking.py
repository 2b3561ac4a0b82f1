"""Cores that look at a picture, and how they are told where its cells are."""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxmem.config import ConfigError, choice
from jaxmem.cores.positions import rotate, rotation, sine
from jaxmem.cores.protocol import Core

GRID_POSITIONS = ("fourier", "sine", "learned", "rotary", "none")
MAPS = "attention_maps"
"""Under this name `unroll` sows float32 [T, B, N, h, w] where "intermediates" is mutable; each map sums to 1."""

Grid = tuple[int, int, int]


class Placement(NamedTuple):
    """Where the cells of a grid are on what it was made of: the middle of cell i is at `first + stride * i`.

    The middle of what a cell is made of counts, not what it stands next to: with zeros around, the first one's may be
    anywhere. Rows and columns are alike, and the middle of the first pixel is 0.

    Attributes:
        stride: from one cell to the next, in pixels.
        first: the middle of the first cell, in pixels.
    """

    stride: float = 1.0
    first: float = 0.0

    def on(self, below: "Placement") -> "Placement":
        """Where cells are on the picture, if these numbers are about a grid that is placed so on it."""
        return Placement(self.stride * below.stride, below.first + below.stride * self.first)


class LookingCore(Core):
    """Base of cores whose input begins with a grid: of x, h * w * c numbers are its cells, row by row, channels last.

    Attributes:
        positions: how the cells are told apart; see `GridPositions`.
        grid: (h, w, c); None takes all of x as a grid of one cell. Networks set it, it is no option.
    """

    positions: str = choice("fourier", GRID_POSITIONS)
    grid: Grid | None = None

    looks_at: ClassVar[str] = "features"
    """What the grid is: "features" of an encoder, or the "pixels" themselves."""

    @property
    def map_names(self) -> tuple[str, ...]:
        """Names of the N maps that `unroll` sows as `MAPS`."""
        raise NotImplementedError

    @property
    def map_placement(self) -> Placement:
        """Where the maps' cells are on the grid; here they are the grid's."""
        return Placement()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the grid."""
        return (1, 1) if self.grid is None else self.grid[:2]

    def split(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Inputs [..., D] -> cells [..., h * w, c] and what is known beside them [..., E].

        Raises:
            ValueError: when traced, if there are fewer numbers than the grid has.
        """
        height, width = self.size
        channels = x.shape[-1] if self.grid is None else self.grid[2]
        numbers = height * width * channels
        if x.shape[-1] < numbers:
            name = type(self).__name__
            raise ValueError(f"{name}: x is {x.shape[-1]} wide, expected at least the grid's {numbers} numbers")
        cells = x[..., :numbers].reshape(*x.shape[:-1], height * width, channels)
        return cells, x[..., numbers:]


def fourier(height: int, width: int, frequencies: int = 4) -> np.ndarray:
    """The fixed spatial basis of Mott et al. 2019 (arXiv:1906.02500): float32 [h * w, 4 * frequencies^2].

    S_ij,(u,v) = f_u(pi i u / h) f_v(pi j v / w), for frequencies u and v from 1 on and f the sine and the cosine: all
    products of a row's and a column's features.
    """

    def features(cells: int) -> np.ndarray:
        angles = np.pi * np.outer(np.arange(cells) / cells, np.arange(1, frequencies + 1))
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)

    products = np.einsum("iu,jv->ijuv", features(height), features(width))
    return products.reshape(height * width, -1).astype(np.float32)


def sine_grid(height: int, width: int, columns: int) -> jax.Array:
    """Sine encodings of rows and of columns side by side, half of the `columns` each: float32 [h * w, columns]."""
    half = columns // 2
    rows = jnp.broadcast_to(sine(jnp.arange(height), half)[:, None], (height, width, half))
    across = jnp.broadcast_to(sine(jnp.arange(width), columns - half)[None], (height, width, columns - half))
    return jnp.concatenate([rows, across], axis=-1).reshape(height * width, columns)


def rotate_grid(x: jax.Array, height: int, width: int) -> jax.Array:
    """Rotary positions of two axes: x [..., h * w, D], D a multiple of 4, half of it turned by row, half by column."""
    row, column = np.divmod(np.arange(height * width), width)
    turned = []
    for part, place in zip(jnp.split(x, 2, axis=-1), (row, column), strict=True):
        flat = part.reshape(-1, height * width, 1, part.shape[-1])
        turned.append(rotate(flat, rotation(jnp.asarray(place)[None], part.shape[-1])).reshape(part.shape))
    return jnp.concatenate(turned, axis=-1)


class GridPositions(nn.Module):
    """What is put beside each cell, or added to it, to tell where it is.

    `fourier`: see `fourier`; `sine`: fixed sine encodings of row and column; `learned`: trained vectors, at first
    N(0, `spread`^2) ("Gaussian"); `rotary` and `none`: nothing (rotary positions turn keys instead: `rotate_grid`).

    Attributes:
        kind: one of `GRID_POSITIONS`.
        height: of the grid.
        width: of the grid.
        columns: how many numbers a cell gets, where that can be chosen.
        spread: of the learned vectors at first.
    """

    kind: str
    height: int
    width: int
    columns: int = 64
    spread: float = 0.5

    @nn.compact
    def __call__(self) -> jax.Array:
        """float32 [h * w, K]: K is `columns`, of a Fourier basis 64, and 0 where there is nothing."""
        cells = self.height * self.width
        if self.kind == "fourier":
            return jnp.asarray(fourier(self.height, self.width))
        if self.kind == "sine":
            return sine_grid(self.height, self.width, self.columns)
        if self.kind == "learned":
            return self.param("table", nn.initializers.normal(self.spread), (cells, self.columns))
        return jnp.zeros((cells, 0))


def position_columns(kind: str) -> int:
    """How many numbers `GridPositions` puts beside a cell by default."""
    return 0 if kind in ("rotary", "none") else 64


def check_rotary(kind: str, width: int, name: str) -> None:
    """Raise `ConfigError` if rotary positions cannot turn keys that are `width` wide."""
    if kind == "rotary" and width % 4:
        raise ConfigError(f"core.{name} is {width}: with rotary positions, allowed is a multiple of 4")
