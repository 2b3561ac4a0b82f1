"""Params and state of the Memory Maze."""

import jax
import jax.numpy as jnp
from flax import struct

from jaxmem.envs.memory_maze_rays import Camera

# The camera is ahead of the player's middle.
_CAMERA = 0.075


@struct.dataclass
class MemoryMazeParams:
    """Numbers of a Memory Maze.

    Attributes:
        max_steps_in_episode: steps after which an episode is truncated.
    """

    max_steps_in_episode: int | jax.Array = 1000


@struct.dataclass
class MemoryMazeState:
    """State of an episode; lengths in cells, x and y as in `MemoryMazeLayout`.

    Attributes:
        time: int32, steps taken.
        position: float32 [2], x and y of the player.
        heading: float32, its direction in radians, from -pi to pi.
        rolling: float32, how fast it moves, 1 at full speed.
        turning: float32, how fast it turns, -1 right to 1 left.
        target: int32, the object to find.
        reached: int32, targets found so far.
        rows: uint32 [size + 2], walls: bit x + 1 of word y + 1, the border included.
        columns: uint32 [size + 2], the same walls: bit y + 1 of word x + 1.
        objects: int32 [n, 2], x and y of the objects' cells.
        areas: uint32, the walls' look: three bits for each of 3 x 3 areas.
        seed: uint32, decides the next targets.
    """

    time: jax.Array
    position: jax.Array
    heading: jax.Array
    rolling: jax.Array
    turning: jax.Array
    target: jax.Array
    reached: jax.Array
    rows: jax.Array
    columns: jax.Array
    objects: jax.Array
    areas: jax.Array
    seed: jax.Array

    def camera(self) -> Camera:
        """Where the player looks from."""
        cos, sin = jnp.cos(self.heading), jnp.sin(self.heading)
        return Camera(self.position[0] + _CAMERA * cos, self.position[1] + _CAMERA * sin, cos, sin)
