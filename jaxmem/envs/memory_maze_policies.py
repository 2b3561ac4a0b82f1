"""Scripted policies of the Memory Maze: one that knows it, and one that knows what it has seen."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.envs import memory_maze_paths as paths
from jaxmem.envs.memory_maze_drawing import SPREAD
from jaxmem.envs.memory_maze_rays import Camera, cast
from jaxmem.envs.memory_maze_state import MemoryMazeState
from jaxmem.envs.policies import ScriptedPolicy, without_memory

FORWARD, LEFT, RIGHT, FORWARD_LEFT, FORWARD_RIGHT = range(1, 6)
# Radians off the way: up to the first walk straight on, above the second turn on the spot.
_STRAIGHT, _AROUND = 0.15, 1.1
_RAYS = 32
_SLOPES = np.linspace(-SPREAD, SPREAD, _RAYS).astype(np.float32)


def oracle() -> ScriptedPolicy:
    """Walks the shortest way to the target, whether or not it was ever seen."""

    def act(key: jax.Array, obs: Any, state: MemoryMazeState) -> jax.Array:
        goal = state.objects[state.target]
        way = paths.way(_cell(state), paths.cell_word(goal, state.rows.shape[0]), ~state.rows)
        return _steer(state, way, goal)

    return without_memory(act)


def explorer() -> ScriptedPolicy:
    """Walks to the target where it knows its place, else to the nearest cell that it does not know.

    It carries the cells that it knows, uint32 [size + 2], words as those of the walls, and with them what is in them.
    Nothing else is used, see `look`.
    """

    def init(key: jax.Array, obs: Any, state: MemoryMazeState) -> jax.Array:
        return jnp.zeros_like(state.rows)

    def act(key: jax.Array, known: jax.Array, obs: Any, state: MemoryMazeState) -> tuple[jax.Array, jax.Array]:
        known = known | look(state)
        goal = state.objects[state.target]
        found = paths.has(known, goal)
        count = state.rows.shape[0]
        unknown = ~known & paths.inside(count)
        goals = jnp.where(found, paths.cell_word(goal, count), unknown)
        # A target may be seen before a way to it: what is unknown may be free.
        free = (known & ~state.rows) | unknown
        return known, _steer(state, paths.way(_cell(state), goals, free), goal)

    return ScriptedPolicy(init, act)


def look(state: MemoryMazeState) -> jax.Array:
    """The cells that the player gets to know where it is, uint32 [size + 2], with bits as those of the walls.

    What the picture shows: cells whose middle is in the angle of view with no wall between, and walls that rays hit.
    Besides, its own cell and the four around it, the border among them.
    """
    camera = state.camera()
    size = state.rows.shape[0] - 2
    index = np.arange(size**2)
    visible = _visible(state, camera, np.stack([index % size, index // size], axis=-1))
    bits = visible.reshape(size, size).astype(jnp.uint32) << np.arange(1, size + 1, dtype=np.uint32)
    cells = jnp.pad(jnp.sum(bits, axis=1, dtype=jnp.uint32), 1)
    hits = cast(camera, jnp.asarray(_SLOPES), state.rows, state.columns)
    walls = jnp.where(
        hits.row.astype(jnp.int32) == jnp.arange(-1, size + 1)[:, None],
        jnp.uint32(1) << (hits.column + 1).astype(jnp.uint32),
        0,
    )
    own = paths.cell_word(_cell(state), size + 2)
    around = own | own << 1 | own >> 1 | jnp.roll(own, 1) | jnp.roll(own, -1)
    return cells | around | jax.lax.reduce(walls, np.uint32(0), jax.lax.bitwise_or, (1,))


def _visible(state: MemoryMazeState, camera: Camera, cells: Any) -> jax.Array:
    """Which cells' middles, int [k, 2], are in the angle of view with no wall between: bool [k]."""
    x, y = cells[:, 0] + 0.5 - camera.x, cells[:, 1] + 0.5 - camera.y
    ahead, right = x * camera.cos + y * camera.sin, x * camera.sin - y * camera.cos
    in_front = ahead > 1e-3
    slope = right / jnp.where(in_front, ahead, 1.0)
    return in_front & (jnp.abs(slope) < SPREAD) & (ahead < cast(camera, slope, state.rows, state.columns).depth)


def _cell(state: MemoryMazeState) -> jax.Array:
    return jnp.floor(state.position).astype(jnp.int32)


def _steer(state: MemoryMazeState, way: paths.Way, goal: jax.Array) -> jax.Array:
    """The action that leads on: to the middle of the next cell, or of the goal's. Without a way it turns."""
    centre = _cell(state).astype(jnp.float32) + 0.5
    offsets = jnp.array(paths.STEPS, jnp.float32) + centre - state.position
    turns = _wrapped(jnp.arctan2(offsets[:, 1], offsets[:, 0]) - state.heading)
    # Of several ways that are as short, the one straight ahead.
    best = jnp.argmin(jnp.where(way.onward, jnp.abs(turns), 10.0))
    to_goal = goal + 0.5 - state.position
    turn = jnp.where(way.length == 0, _wrapped(jnp.arctan2(to_goal[1], to_goal[0]) - state.heading), turns[best])
    size = jnp.abs(turn)
    left = turn > 0
    action = jnp.where(size > _AROUND, jnp.where(left, LEFT, RIGHT), jnp.where(left, FORWARD_LEFT, FORWARD_RIGHT))
    action = jnp.where(size <= _STRAIGHT, FORWARD, action)
    return jnp.where(way.found, action, LEFT).astype(jnp.int32)


def _wrapped(angle: jax.Array) -> jax.Array:
    """The same angle from -pi to pi."""
    return angle - 2 * np.float32(np.pi) * jnp.round(angle / (2 * np.float32(np.pi)))
