"""Layouts of the rooms: random ones from a few words, and checks of given ones."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.config import ConfigError
from jaxmem.envs.layouts import check_integers, is_traced
from jaxmem.envs.rooms_board import APPLE_SITES, CELLS, COLUMNS, ROWS, places

# Ways to choose k of n sites at [n, k + 1]; none for k = -1.
_WAYS = np.array(
    [[math.comb(n, k) if k >= 0 else 0 for k in range(-1, len(APPLE_SITES) + 1)] for n in range(len(APPLE_SITES) + 1)],
    np.uint32,
)
# Random words that a layout takes, the apples apart.
LAYOUT_WORDS = 4
_SITE_MASK = np.isin(np.arange(CELLS), APPLE_SITES).reshape(ROWS, COLUMNS)


def check_apples(mask: Any) -> None:
    """Raise `ConfigError` unless a layout's apples, [7, 11], are on sites; of what is traced only the shape is seen."""
    check_integers("apple_mask", mask, (ROWS, COLUMNS), 0, 1)
    wrong = [] if is_traced(mask) else np.flatnonzero(np.asarray(mask, bool) & ~_SITE_MASK).tolist()
    if wrong:
        raise ConfigError(
            f"layout.apple_mask has an apple at {places(wrong[:1])}: allowed are the sites {places(APPLE_SITES)}"
        )


def check_cell(name: str, rc: Any, allowed: tuple[int, ...]) -> None:
    """Raise `ConfigError` unless a layout's row and column are one of the allowed cells, as far as they can be seen."""
    check_integers(name, rc, (2,), 0, COLUMNS - 1)
    if is_traced(rc):
        return
    row, column = (int(value) for value in rc)
    if row >= ROWS or row * COLUMNS + column not in allowed:
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
