"""Random mazes of fixed shape: rooms joined by corridors, with loops, all free cells connected.

In look and measure what the original draws with labmaze, in a fixed number of steps. Cells with even coordinates are
nodes, the cells between two of them are edges. Rooms are rectangles of nodes. Distances from a random node, over random
lengths of the edges, make a tree of all nodes: each is joined to the neighbour on its shortest way back. That one is
nearer than itself after any number of rounds, so that all are joined whether or not the distances have settled. Some
further edges make loops, and dead ends are cut short.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Attempts to place a room; one that would overlap another is left out.
MOST_ROOMS = 32
# Share of further edges, of 256.
_LOOPS = 90
_SHORTENED = 1
_FAR = 1e9


class RandomMaze(NamedTuple):
    """A maze, by [y, x].

    Attributes:
        walls: bool [size, size].
        rooms: int32 [size, size], the number of the room that a cell is in, 0 in corridors and walls.
    """

    walls: jax.Array
    rooms: jax.Array


def draw(key: jax.Array, size: int) -> RandomMaze:
    """Draw a maze; the border around it is not part of it.

    Args:
        key: decides everything.
        size: cells in a row, odd, at least 5.
    """
    nodes = (size + 1) // 2
    words = jax.random.bits(key, (4 * MOST_ROOMS + 1 + 2 * nodes**2,), jnp.uint32)
    place, root, edges = words[: 4 * MOST_ROOMS], words[4 * MOST_ROOMS], words[4 * MOST_ROOMS + 1 :]
    # The original's large mazes have small rooms.
    rooms = _rooms(place.reshape(MOST_ROOMS, 4), nodes, most=2 if size >= 15 else 3)
    in_room = rooms > 0
    room_x, room_y = (in_room & (rooms == _next(rooms, axis, 0)) for axis in (1, 0))
    joined_x, joined_y = _corridors(root, edges.reshape(2, nodes, nodes), rooms, room_x, room_y)
    free = _cells(
        in_room | (_degree(joined_x, joined_y) > 0), joined_x | room_x, joined_y | room_y, room_x & room_y, size
    )
    number = jnp.repeat(jnp.repeat(rooms, 2, axis=0), 2, axis=1)[:size, :size]
    return RandomMaze(~free, jnp.where(_cells(in_room, room_x, room_y, room_x & room_y, size), number, 0))


def _next(array: jax.Array, axis: int, end: Any) -> jax.Array:
    """Each node's neighbour on the right (axis 1) or above (axis 0); `end` where there is none."""
    last = jnp.full_like(jax.lax.slice_in_dim(array, 0, 1, axis=axis), end)
    return jnp.concatenate([jax.lax.slice_in_dim(array, 1, None, axis=axis), last], axis)


def _previous(array: jax.Array, axis: int, end: Any) -> jax.Array:
    """Each node's neighbour on the left (axis 1) or below (axis 0)."""
    first = jnp.full_like(jax.lax.slice_in_dim(array, 0, 1, axis=axis), end)
    return jnp.concatenate([first, jax.lax.slice_in_dim(array, 0, -1, axis=axis)], axis)


def _cells(node: jax.Array, x: jax.Array, y: jax.Array, corner: jax.Array, size: int) -> jax.Array:
    """Nodes, edges to the right and above, and the corners between, [nodes, nodes] each, as cells [size, size]."""
    both = jnp.stack([jnp.stack([node, x], axis=-1), jnp.stack([y, corner], axis=-1)], axis=1)
    return both.reshape(2 * node.shape[0], -1)[:size, :size]


def _rooms(words: jax.Array, nodes: int, most: int) -> jax.Array:
    """Numbers of the rooms, int32 [nodes, nodes]; they are 2 to `most` nodes wide and high."""
    x, y = np.meshgrid(np.arange(nodes), np.arange(nodes))
    # The wider ones are one in three.
    width, height = (2 + ((words[:, k] >> 8) % 3 + most) // 5 for k in (0, 1))
    left, bottom = (
        ((words[:, k] >> 8) % (nodes + 1 - extent)).astype(jnp.int32) for k, extent in ((2, width), (3, height))
    )
    right, top = left + width.astype(jnp.int32), bottom + height.astype(jnp.int32)

    def place(k: jax.Array, rooms: jax.Array) -> jax.Array:
        room = (x >= left[k]) & (x < right[k]) & (y >= bottom[k]) & (y < top[k])
        return jnp.where(room & ~jnp.any(room & (rooms > 0)), k + 1, rooms)

    return jax.lax.fori_loop(0, MOST_ROOMS, place, jnp.zeros((nodes, nodes), jnp.int32))


def _corridors(
    root: jax.Array, words: jax.Array, rooms: jax.Array, room_x: jax.Array, room_y: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Which nodes are joined to the next on the right and above, bool [nodes, nodes] each."""
    nodes = rooms.shape[0]
    index = np.arange(nodes)
    inner = np.broadcast_to(index < nodes - 1, (nodes, nodes))
    length = 0.5 + (words >> 8).astype(jnp.float32) * 2.0**-24
    # Through a room everything is near, so that few corridors run beside it.
    length_x = jnp.where(inner, jnp.where(room_x, 0.05, length[0]), _FAR)
    length_y = jnp.where(inner.T, jnp.where(room_y, 0.05, length[1]), _FAR)
    lengths = [length_x, _previous(length_x, 1, _FAR), length_y, _previous(length_y, 0, _FAR)]

    def ways(distance: jax.Array) -> list[jax.Array]:
        near = [f(distance, axis, _FAR) for f, axis in ((_next, 1), (_previous, 1), (_next, 0), (_previous, 0))]
        return [there + length for there, length in zip(near, lengths, strict=True)]

    start = (root >> 8).astype(jnp.int32) % nodes**2
    at_root = index[:, None] * nodes + index == start
    # Loops of few turns, and not unrolled: XLA would fuse the rounds and do each again for every later one.
    distance = jax.lax.fori_loop(
        0,
        2 * nodes - 2,
        lambda _, distance: functools.reduce(jnp.minimum, ways(distance), distance),
        jnp.where(at_root, 0.0, _FAR).astype(jnp.float32),
    )
    steps = ways(distance)
    best = functools.reduce(jnp.minimum, steps)
    right, left, up, down = ((step == best) & ~at_root for step in steps)
    loop_x, loop_y = (words & 255) < _LOOPS
    joined_x = (right | _next(left, 1, False) | loop_x) & inner
    joined_y = (up | _next(down, 0, False) | loop_y) & inner.T

    def shortened(_: jax.Array, joined: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        end = (_degree(*joined) == 1) & (rooms == 0)
        return joined[0] & ~(end | _next(end, 1, False)), joined[1] & ~(end | _next(end, 0, False))

    return jax.lax.fori_loop(0, _SHORTENED, shortened, (joined_x, joined_y))


def _degree(joined_x: jax.Array, joined_y: jax.Array) -> jax.Array:
    """How many nodes each is joined to, int32."""
    joined = (joined_x, _previous(joined_x, 1, False), joined_y, _previous(joined_y, 0, False))
    return functools.reduce(jnp.add, (one.astype(jnp.int32) for one in joined))
