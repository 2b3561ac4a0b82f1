"""Shortest ways through a Memory Maze: breadth-first search over words, all cells of a row at once."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

# Of the neighbours: right, left, up, down; x and y.
STEPS = ((1, 0), (-1, 0), (0, 1), (0, -1))


class Way(NamedTuple):
    """The way from a cell to the nearest goal.

    Attributes:
        found: bool scalar, whether there is one.
        length: int32 scalar, steps; 0 at a goal, without meaning where there is no way.
        onward: bool [4], which neighbours (right, left, up, down) are a step nearer.
    """

    found: jax.Array
    length: jax.Array
    onward: jax.Array


def way(start: jax.Array, goals: jax.Array, free: jax.Array) -> Way:
    """The shortest way, in steps to neighbours.

    Args:
        start: int32 [2], x and y of a cell.
        goals: uint32 [size + 2], words as those of the walls: bit x + 1 of word y + 1.
        free: uint32 [size + 2], cells to walk on; goals and start need not be among them.
    """

    def searching(search: tuple[jax.Array, jax.Array, jax.Array, jax.Array]) -> jax.Array:
        _, reached, _, grows = search
        return grows & ~has(reached, start)

    def spread(
        search: tuple[jax.Array, jax.Array, jax.Array, jax.Array],
    ) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        _, reached, length, _ = search
        # Rows beyond the border are empty, so that nothing comes in from the other end.
        further = reached | ((reached << 1 | reached >> 1 | jnp.roll(reached, 1) | jnp.roll(reached, -1)) & walkable)
        return reached, further, length + 1, jnp.any(further != reached)

    walkable = free | goals | cell_word(start, free.shape[0])
    begin = (jnp.zeros_like(goals), goals, jnp.int32(0), jnp.bool_(True))
    before, reached, length, _ = jax.lax.while_loop(searching, spread, begin)
    onward = jnp.stack([has(before, start + jnp.array(step, jnp.int32)) for step in STEPS])
    return Way(has(reached, start), length, onward)


def cell_word(cell: jax.Array, words: int) -> jax.Array:
    """Words, uint32 [words], with the bit of one cell, int32 [2]."""
    return jnp.where(jnp.arange(words) == cell[1] + 1, jnp.uint32(1) << (cell[0] + 1).astype(jnp.uint32), 0)


def has(words: jax.Array, cell: jax.Array) -> jax.Array:
    """Whether the bit of a cell is set; the border has bits, too."""
    return ((words[cell[1] + 1] >> (cell[0] + 1).astype(jnp.uint32)) & 1) == 1


def inside(words: int) -> jax.Array:
    """Words, uint32 [words], with the bits of all cells but the border's."""
    row = jnp.arange(words)
    return jnp.where((row > 0) & (row < words - 1), jnp.uint32(2 ** (words - 1) - 2), 0)
