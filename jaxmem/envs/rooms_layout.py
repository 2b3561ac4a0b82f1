"""Layouts of the rooms: random ones from a few words, and checks of given ones."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxmem.config import ConfigError
from jaxmem.envs.rooms_board import APPLE_SITES, CELLS, COLUMNS, ROWS, places

# Ways to choose k of n sites at [n, k + 1]; none for k = -1.
_WAYS = np.array(
    [[math.comb(n, k) if k >= 0 else 0 for k in range(-1, len(APPLE_SITES) + 1)] for n in range(len(APPLE_SITES) + 1)],
    np.uint32,
)
# Random words that a layout takes, the apples apart.
LAYOUT_WORDS = 4
# Shapes of a layout's fields; all others are a row and a column.
_SHAPES = {"apple_mask": (ROWS, COLUMNS), "target": (), "hue": (3,)}
_SITE_MASK = np.isin(np.arange(CELLS), APPLE_SITES).reshape(ROWS, COLUMNS)


def check_layout(layout: Any, check_values: Callable[[Any], None]) -> None:
    """Raise `ConfigError` for a layout that cannot be.

    Args:
        layout: a layout; None stands for a field that is left out.
        check_values: called with the layout as NumPy arrays, checks what is not about shapes and apples.
    """
    values = {name: value for name, value in vars(layout).items() if value is not None}
    for name, value in values.items():
        shape = _SHAPES.get(name, (2,))
        if jnp.shape(value) != shape:
            raise ConfigError(f"layout.{name} has the shape {jnp.shape(value)}: allowed is {shape}")
    if any(isinstance(value, Tracer) for value in values.values()):
        return
    layout = dataclasses.replace(layout, **{name: np.asarray(value) for name, value in values.items()})
    wrong = np.flatnonzero(layout.apple_mask.astype(bool) & ~_SITE_MASK)
    if len(wrong):
        raise ConfigError(
            f"layout.apple_mask has an apple at {places(wrong[:1].tolist())}: "
            f"allowed are the sites {places(APPLE_SITES)}"
        )
    check_values(layout)


def check_cell(name: str, rc: np.ndarray, allowed: tuple[int, ...]) -> None:
    """Raise `ConfigError` unless (row, column) is one of the allowed cells."""
    row, column = (int(value) for value in rc)
    if not (0 <= row < ROWS and 0 <= column < COLUMNS) or row * COLUMNS + column not in allowed:
        raise ConfigError(f"layout.{name} is {(row, column)}: allowed are {places(allowed)}")


def cell_of(rc: Any) -> jax.Array:
    """The cell, int32, at a row and column."""
    rc = jnp.asarray(rc, jnp.int32)
    return rc[0] * COLUMNS + rc[1]


def choose(word: jax.Array, cells: tuple[int, ...]) -> jax.Array:
    """Row and column, int32 [2], of one of `cells`, from one random word; uneven by less than 1e-7."""
    cell = jnp.asarray(np.array(cells, np.int32))[word % len(cells)]
    return jnp.stack([cell // COLUMNS, cell % COLUMNS])


def apple_subset(word: jax.Array, count: int | jax.Array) -> jax.Array:
    """Bool [22]: a subset of `count` sites, decided by one random word; uneven by less than 2e-4.

    The subsets, in the order of their sites, are numbered, and the word's remainder is a number: one word instead of a
    random permutation's 22, which would take longer than a whole step of the environment.
    """
    ways = jnp.asarray(_WAYS)
    count = jnp.asarray(count, jnp.int32)
    number = word % ways[len(APPLE_SITES), count + 1]
    chosen = []
    for later in reversed(range(len(APPLE_SITES))):
        with_this = ways[later, count]
        take = number < with_this
        number = jnp.where(take, number, number - with_this)
        count = count - take
        chosen.append(take)
    return jnp.stack(chosen)


def between(span: tuple[Any, Any], word: jax.Array) -> jax.Array:
    """A number drawn uniformly from a range, from one random word."""
    low, high = span
    return jnp.float32(low) + (word >> 8).astype(jnp.float32) * 2.0**-24 * (high - low)
