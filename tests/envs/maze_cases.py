"""A maze drawn by hand, and ways through mazes, in NumPy."""

import functools
import math
from collections import deque

import jax
import numpy as np

from jaxmem import envs
from jaxmem.envs import memory_maze_layout as layouts

# Bottom left is x = 0, y = 0: the last line is the row y = 0.
SNAKE = """
.........
########.
.........
.########
.........
########.
.........
.########
.........
"""


def walls_of(text):
    return np.array([[cell == "#" for cell in line] for line in text.split()[::-1]])


def layout(**changes):
    """The player in the bottom left corner of a snake, looking to the right; the objects at 4, 0; 4, 4 and 4, 8."""
    fields = {
        "walls": walls_of(SNAKE),
        "objects": np.array([(4, 0), (4, 4), (4, 8)]),
        "position": (0.5, 0.5),
        "heading": 0.0,
        "target": 0,
        "areas": np.arange(9).reshape(3, 3) % 8,
        "seed": 5,
    }
    return envs.MemoryMazeLayout(**(fields | changes))


@functools.cache
def drawn(number, size=9, objects=3):
    """Random layouts, one in front of the other."""
    draw = jax.jit(jax.vmap(functools.partial(layouts.draw, size=size, objects=objects)))
    return draw(jax.random.split(jax.random.key(1), number))


def distances(walls, start):
    """Steps from a cell (x, y) to every other one, as a dictionary."""
    free = {(int(x), int(y)) for y, x in np.argwhere(~walls)}
    found: dict[tuple[int, int], int] = {start: 0}
    queue = deque([start])
    while queue:
        x, y = queue.popleft()
        for cell in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            if cell in free and cell not in found:
                found[cell] = found[x, y] + 1
                queue.append(cell)
    return found


def depth(walls, x, y, heading, slope):
    """How far ahead a ray hits a wall, found by walking from line to line; float64."""
    bordered = np.pad(walls, 1, constant_values=True)
    ray = (math.cos(heading) + slope * math.sin(heading), math.sin(heading) - slope * math.cos(heading))
    here = [math.floor(x), math.floor(y)]
    while True:
        ways = []
        for start, cell, way in zip((x, y), here, ray, strict=True):
            line = cell + 1 if way > 0 else cell
            ways.append((line - start) / way if way else math.inf)
        axis = int(ways[1] < ways[0])
        here[axis] += 1 if ray[axis] > 0 else -1
        if bordered[here[1] + 1, here[0] + 1]:
            return ways[axis]
