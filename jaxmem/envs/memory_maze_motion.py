"""How the player of a Memory Maze moves: a rolling ball with a little inertia, stopped by walls."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.envs.memory_maze_layout import RADIUS

# Of the actions: noop, forward, left, right, forward and left, forward and right.
_FORWARD = np.array([0, 1, 0, 0, 1, 1], np.float32)
_LEFT = np.array([0, 0, 1, -1, 1, -1], np.float32)

# Measured in the original, per step of a quarter of a second: cells and radians of the first step from rest, what the
# motion so far adds at full speed, and its share that is left after a step.
_STEP, _ROLL, _ROLLS_ON = 0.1121, 0.1377, 0.2275
_TURN, _SWING, _SWINGS_ON = 0.2462, 0.0748, 0.0166
# Kept from walls, so that rounding does not put the player into one.
_GAP = 1e-3


class Motion(NamedTuple):
    """Where the player is and how it moves, float32.

    Attributes:
        position: [2], x and y in cells.
        heading: scalar, radians, from -pi to pi.
        rolling: scalar, how fast the player moves, 1 at full speed.
        turning: scalar, how fast it turns, from -1 (right) to 1.
    """

    position: jax.Array
    heading: jax.Array
    rolling: jax.Array
    turning: jax.Array


def move(motion: Motion, action: jax.Array, rows: jax.Array) -> Motion:
    """One step of an action, from 0 to 5; the player slides along walls, and one that is stopped has to start anew."""
    forward, left = jnp.asarray(_FORWARD)[action], jnp.asarray(_LEFT)[action]
    angle = _TURN * left + _SWING * motion.turning
    length = _STEP * forward + _ROLL * motion.rolling
    # The way of a step that turns is close to that of its middle.
    middle = motion.heading + angle / 2
    wanted = length * jnp.stack([jnp.cos(middle), jnp.sin(middle)])
    x = _slide(motion.position[0], wanted[0], lambda x: _is_wall(rows, x, motion.position[1], vertical=True))
    y = _slide(motion.position[1], wanted[1], lambda y: _is_wall(rows, y, x, vertical=False))
    position = jnp.stack([x, y])
    moved = jnp.sqrt(jnp.sum((position - motion.position) ** 2))
    kept = jnp.minimum(moved / jnp.maximum(length, 1e-6), 1.0)
    heading = motion.heading + angle
    return Motion(
        position=position,
        heading=heading - 2 * np.float32(np.pi) * jnp.round(heading / (2 * np.float32(np.pi))),
        rolling=((1 - _ROLLS_ON) * forward + _ROLLS_ON * motion.rolling) * kept,
        turning=(1 - _SWINGS_ON) * left + _SWINGS_ON * motion.turning,
    )


def _slide(start: jax.Array, step: jax.Array, is_wall: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """The coordinate after a step that ends before the first wall; steps are shorter than a cell."""
    ahead = jnp.where(step > 0, RADIUS, -RADIUS)
    front = jnp.floor(start + step + ahead)
    stop = jnp.where(step > 0, front - RADIUS - _GAP, front + 1 + RADIUS + _GAP)
    # Nobody is pushed back who is closer than the gap already.
    stop = jnp.where(step > 0, jnp.maximum(stop, start), jnp.minimum(stop, start))
    return jnp.where(is_wall(front), stop, start + step)


def _is_wall(rows: jax.Array, cell: jax.Array, beside: jax.Array, vertical: bool) -> jax.Array:
    """Whether the player's square, moved to a cell on one axis and around `beside` on the other, is in a wall."""
    found = jnp.bool_(False)
    for side in (-RADIUS, RADIUS):
        other = jnp.floor(beside + side)
        x, y = (cell, other) if vertical else (other, cell)
        word = rows[jnp.clip(y + 1, 0, rows.shape[0] - 1).astype(jnp.int32)]
        found |= ((word >> jnp.clip(x + 1, 0, 31).astype(jnp.uint32)) & 1) == 1
    return found
