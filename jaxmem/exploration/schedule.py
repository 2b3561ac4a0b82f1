"""A number that changes as training goes on."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

SHAPES = ("linear", "exponential")


@dataclass(frozen=True)
class Schedule:
    """From one number to another over the first part of training; the last one stays.

    Attributes:
        start: at the first step of training.
        end: in the end.
        fraction: share of training over which it moves.
        shape: one of `SHAPES`; exponential moves by equal factors in equal times, and wants both numbers above 0.
    """

    start: float
    end: float
    fraction: float = 1.0
    shape: str = "linear"

    def is_always(self, value: float) -> bool:
        """Whether it starts at `value` and stays there."""
        return self.start == self.end == value

    def at(self, progress: jax.Array | float) -> jax.Array:
        """The number, float of `progress`'s shape, when that share of training is done."""
        share = jnp.clip(progress / max(self.fraction, 1e-9), 0, 1)
        if self.shape == "linear":
            return self.start + share * (self.end - self.start)
        # Powers are rounded: a chance must not pass 1.
        moved = self.start * (self.end / self.start) ** share
        return jnp.clip(moved, min(self.start, self.end), max(self.start, self.end))
