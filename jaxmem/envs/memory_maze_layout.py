"""Layouts of the Memory Maze: random ones, checks of given ones, and mazes as words."""

from collections import deque
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.core import Tracer

from jaxmem.config import ConfigError
from jaxmem.envs import memory_maze_generation as generation
from jaxmem.envs.layouts import check_integers, is_traced
from jaxmem.envs.memory_maze_textures import WALLS

# Distance from the player's middle to where walls stop it, in cells.
RADIUS = 0.1


@struct.dataclass
class MemoryMazeLayout:
    """All that is random in an episode. Cells are x, y, counted from the map's bottom left; the border is not included.

    Attributes:
        walls: bool [size, size] by [y, x]; all free cells must be connected.
        objects: integer [n, 2], x and y of the cells in whose middle the objects lie: free, each another one.
        position: float [2], x and y of the player in cells, 0.5, 0.5 in the middle of cell 0, 0; at least 0.1 from
            walls.
        heading: float scalar, the player's direction in radians, 0 to the right on the map, pi/2 up.
        target: integer scalar, the first object to find.
        areas: integer [3, 3], from 0 to 7: the look of the walls in each ninth of the maze, by [y, x].
        seed: integer scalar, 32 bits; decides the targets that follow.
    """

    walls: Any
    objects: Any
    position: Any
    heading: Any
    target: Any
    areas: Any
    seed: Any


def draw(key: jax.Array, size: int, objects: int) -> MemoryMazeLayout:
    """A random layout: objects in rooms, in different ones as far as there are enough, the player in any other cell."""
    maze_key, key = jax.random.split(key)
    maze = generation.draw(maze_key, size)
    words = jax.random.bits(key, (size**2 + 12,), jnp.uint32)
    rest, order = words[:12], words[12:]
    free, rooms = ~maze.walls.reshape(-1), maze.rooms.reshape(-1)
    cells = np.arange(size**2)
    # A cell's rank: free, in a room, in one that has no object yet; random among equals.
    order = order >> 4

    def place(carry: tuple[jax.Array, jax.Array], _: None) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        taken, used = carry
        room_bit = jnp.where(rooms > 0, jnp.uint32(1) << (rooms - 1).astype(jnp.uint32), 0)
        fresh = (rooms > 0) & (room_bit & used == 0)
        rank = jnp.where(free & ~taken, 1 + (rooms > 0).astype(jnp.uint32) + fresh, 0)
        cell = jnp.argmax((rank << 28) | order)
        return (taken | (cells == cell), used | room_bit[cell]), cell

    begin = (jnp.zeros((size**2,), bool), jnp.uint32(0))
    (taken, _), chosen = jax.lax.scan(place, begin, None, length=objects)
    start = jnp.argmax(jnp.where(free & ~taken, order + 1, 0))
    return MemoryMazeLayout(
        walls=maze.walls,
        objects=_xy(chosen, size),
        position=_xy(start, size) + jnp.float32(0.5),
        heading=(rest[0] >> 8).astype(jnp.float32) * (2 * np.pi / 2**24),
        target=(rest[1] % objects).astype(jnp.int32),
        areas=(rest[2:11] % len(WALLS)).astype(jnp.int32).reshape(3, 3),
        seed=rest[11],
    )


def _xy(cell: jax.Array, size: int) -> jax.Array:
    return jnp.stack([cell % size, cell // size], axis=-1).astype(jnp.int32)


def check(layout: MemoryMazeLayout, size: int, objects: int) -> None:
    """Raise `ConfigError` for a layout that cannot be, as far as it can be seen: within `jit`, shapes alone."""
    check_integers("walls", layout.walls, (size, size), 0, 1)
    check_integers("objects", layout.objects, (objects, 2), 0, size - 1)
    check_integers("target", layout.target, (), 0, objects - 1)
    check_integers("areas", layout.areas, (3, 3), 0, len(WALLS) - 1)
    check_integers("seed", layout.seed, (), 0, 2**32 - 1)
    _check_numbers("position", layout.position, (2,), 0, size)
    _check_numbers("heading", layout.heading, (), -1e4, 1e4)
    if is_traced((layout.walls, layout.objects, layout.position)):
        return
    walls = np.pad(np.asarray(layout.walls, bool), 1, constant_values=True)
    cells = [(int(x), int(y)) for x, y in np.asarray(layout.objects)]
    for x, y in cells:
        if walls[y + 1, x + 1]:
            raise ConfigError(f"layout.objects has one in the wall at {(x, y)}: allowed are free cells")
        if cells.count((x, y)) > 1:
            raise ConfigError(f"layout.objects has two at {(x, y)}: allowed is one in a cell")
    position = np.asarray(layout.position, np.float32)
    corners = np.floor(position[:, None] + np.float32(0.999 * RADIUS) * np.array([-1, 1], np.float32)).astype(int) + 1
    if walls[np.ix_(corners[1], corners[0])].any():
        raise ConfigError(f"layout.position is {position.tolist()}: allowed are places at least {RADIUS} from walls")
    unreachable = _unreachable(walls)
    if unreachable:
        raise ConfigError(f"layout.walls leave the cell {unreachable[0]} cut off: allowed are connected free cells")


def _check_numbers(name: str, value: Any, shape: tuple[int, ...], low: float, high: float) -> None:
    if isinstance(value, Tracer) and value.shape != shape:
        raise ConfigError(f"layout.{name} has the shape {value.shape}: allowed is {shape}")
    if is_traced(value):
        return
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        array = np.full(shape, np.nan)
    if array.shape != shape or not np.all((low <= array) & (array <= high)):
        wanted = f"are {shape[0]} numbers" if shape else "is a number"
        raise ConfigError(
            f"layout.{name} is {np.asarray(value, object).tolist()}: allowed {wanted} from {low:g} to {high:g}"
        )


def _unreachable(walls: np.ndarray) -> list[tuple[int, int]]:
    """Free cells (x, y) that the first one does not lead to; `walls` have their border."""
    free = {(int(x), int(y)) for y, x in np.argwhere(~walls)}
    first = min(free)
    seen, queue = {first}, deque([first])
    while queue:
        x, y = queue.popleft()
        for cell in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            if cell in free and cell not in seen:
                seen.add(cell)
                queue.append(cell)
    return [(x - 1, y - 1) for x, y in sorted(free - seen)]


def words(walls: jax.Array) -> jax.Array:
    """Walls and their border as bits, uint32 [size + 2]: word y + 1 has bit x + 1 for the wall at x, y."""
    bordered = jnp.pad(walls, 1, constant_values=True)
    return jnp.sum(
        bordered.astype(jnp.uint32) << np.arange(bordered.shape[1], dtype=np.uint32), axis=1, dtype=jnp.uint32
    )


def walls_of(rows: jax.Array) -> jax.Array:
    """The walls, bool [size, size] by [y, x], of words with their border."""
    size = rows.shape[0] - 2
    return ((rows[1:-1, None] >> np.arange(1, size + 1, dtype=np.uint32)) & 1) == 1
