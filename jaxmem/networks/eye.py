"""How pictures are seen: which encoder, and whether it keeps where things are."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import ConfigError
from jaxmem.cores.looking import Placement
from jaxmem.networks.grids import ConvGrid, Flat, Pixels, ResNetGrid, StridedGrid
from jaxmem.networks.vision import SmallCNN, StridedCNN, smallest_picture, smallest_strided_picture

ENCODERS = ("cnn", "strided", "resnet")


@dataclass(frozen=True)
class Eye:
    """What pictures go through.

    Attributes:
        kind: one of `ENCODERS`, or "pixels" for nothing.
        channels: of the cnn's layers, or of the resnet's sections.
        kernel: of the cnn.
        keeps_places: whether the result is a grid, flat, row by row, or a vector.
    """

    kind: str
    channels: tuple[int, ...]
    kernel: int
    keeps_places: bool

    def encoder(self, width: int, dtype: Any) -> nn.Module:
        """The encoder, [N, H, W, C] -> [N, width], or to a grid [N, h, w, F]."""
        if self.kind == "pixels":
            return Pixels(dtype)
        if self.kind == "resnet":
            grid = ResNetGrid(self.channels, dtype)
            return grid if self.keeps_places else Flat(grid, width, dtype)
        if self.kind == "strided":
            return StridedGrid(dtype) if self.keeps_places else StridedCNN(width, dtype=dtype)
        if self.keeps_places:
            return ConvGrid(self.channels, self.kernel, dtype)
        return SmallCNN(width, self.channels, self.kernel, dtype=dtype)

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise `ConfigError` if pictures of this shape cannot be seen so."""
        smallest = 1
        if self.kind == "strided":
            smallest = smallest_strided_picture()
        elif self.kind == "cnn" and not self.keeps_places:
            smallest = smallest_picture(self.channels, self.kernel)
        if len(shape) != 3 or min(shape[:2]) < smallest:
            raise ConfigError(
                f"network.encoder is {self.kind!r}: env's observations have the shape {shape}, "
                f"allowed is (height, width, channels), at least {smallest} high and wide"
            )
        if self.kind == "cnn" and self.keeps_places and self.kernel % 2 == 0:
            raise ConfigError(
                f"network.cnn_kernel is {self.kernel}: before a core that looks at features, allowed is an odd number"
            )
        if self.kind in ("cnn", "resnet") and not self.channels:
            raise ConfigError(f"network.{self.kind}_channels is (): allowed is one layer or more")

    def grid(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Height, width and channels of the grid that is made of pictures of this shape."""
        picture = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
        encoder = self.encoder(1, jnp.float32)
        made: Any = jax.eval_shape(lambda picture: encoder.init_with_output(jax.random.key(0), picture)[0], picture)
        height, width, channels = made.shape[1:]
        return height, width, channels

    @property
    def placement(self) -> Placement:
        """Where the grid's cells are on the picture, where places are kept."""
        encoder: Any = self.encoder(1, jnp.float32)
        return encoder.placement
