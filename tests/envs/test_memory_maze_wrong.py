"""Layouts and options of the Memory Maze that cannot be: one line each."""

import jax
import numpy as np
import pytest
from maze_cases import SNAKE, layout, walls_of

from jaxmem import envs
from jaxmem.config import ConfigError

CUT = walls_of(SNAKE)
CUT[1, 0] = True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"walls": CUT}, r"layout.walls leave the cell \(0, 2\) cut off: allowed are connected free cells"),
        ({"walls": np.zeros((7, 7), bool)}, r"layout.walls is .* of shape \(7, 7\): allowed are 9 x 9 integers"),
        ({"walls": None}, "layout.walls is None: allowed are 9 x 9 integers from 0 to 1"),
        ({"objects": [(4, 0), (4, 4)]}, r"layout.objects is .*: allowed are 3 x 2 integers from 0 to 8"),
        ({"objects": [(4, 0), (4, 4), (4, 9)]}, "allowed are 3 x 2 integers from 0 to 8"),
        ({"objects": [(4, 0), (4, 4), (4, 1)]}, r"has one in the wall at \(4, 1\): allowed are free cells"),
        ({"objects": [(4, 0), (4, 4), (4, 0)]}, r"has two at \(4, 0\): allowed is one in a cell"),
        ({"position": (1.5, 1.0)}, r"layout.position is \[1.5, 1.0\]: allowed are places at least 0.1 from walls"),
        ({"position": (1.5, 1.5)}, "layout.position is .*: allowed are places at least 0.1 from walls"),
        ({"position": (0.05, 0.5)}, "layout.position is .*: allowed are places at least 0.1 from walls"),
        ({"position": (0.5, np.nan)}, "layout.position is .*: allowed are 2 numbers from 0 to 9"),
        ({"position": 3.0}, "layout.position is 3.0: allowed are 2 numbers from 0 to 9"),
        ({"heading": "north"}, "layout.heading is north: allowed is a number"),
        ({"target": 3}, "layout.target is 3: allowed is an integer from 0 to 2"),
        ({"areas": np.full((3, 3), 8)}, "layout.areas is .*: allowed are 3 x 3 integers from 0 to 7"),
        ({"seed": -1}, "layout.seed is -1: allowed is an integer from 0 to 4294967295"),
    ],
)
def test_a_wrong_layout_is_one_line(changes, message):
    env, params = envs.make("MemoryMaze-v0")
    with pytest.raises(ConfigError, match=message) as error:
        env.reset_to(layout(**changes), params)
    assert "\n" not in str(error.value)


def test_shapes_are_seen_inside_jit():
    env, params = envs.make("MemoryMaze-v0")
    with pytest.raises(ConfigError, match=r"layout.position has the shape \(3,\): allowed is \(2,\)"):
        jax.jit(lambda position: env.reset_to(layout(position=position), params))(np.ones(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 10}, "env.size is 10: allowed is one of 9, 11, 13, 15"),
        ({"objects": 1}, "env.objects is 1: allowed is an integer from 2 to 6, or none"),
        ({"time_limit": 0}, "env.time_limit is 0: allowed is an integer from 1 to 1000000, or none"),
        ({"pixels": 12}, "env.pixels is 12: allowed is an integer from 16 to 128"),
        ({"pixels": 30}, "env.pixels is 30: allowed is a multiple of 4"),
    ],
)
def test_a_wrong_option_is_one_line(options, message):
    with pytest.raises(ConfigError, match=message):
        envs.make("MemoryMaze-v0", **options)
