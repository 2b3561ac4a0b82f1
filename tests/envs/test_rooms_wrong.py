"""Layouts and options of the rooms that cannot be: one line each."""

import jax
import numpy as np
import pytest

from jaxmem import envs
from jaxmem.config import ConfigError

NO_APPLES = np.zeros((7, 11), bool)


def key_layout(**changes):
    return envs.KeyToDoorLayout(**{"player_rc": (4, 5), "key_rc": (2, 5), "apple_mask": NO_APPLES, **changes})


def match_layout(**changes):
    fields = {"player_rc": (4, 5), "cue_rc": (0, 5), "target": 2, "hue": (2, 0, 1), "apple_mask": NO_APPLES}
    return envs.VisualMatchLayout(**(fields | changes))


def test_lists_tuples_and_arrays_are_layouts():
    env, params = envs.make("KeyToDoor-v0")
    layouts = [key_layout(), key_layout(player_rc=[4, 5]), key_layout(player_rc=np.array([4, 5], np.uint8))]
    assert len({env.reset_to(layout, params)[0].tobytes() for layout in layouts}) == 1


def test_shapes_are_seen_inside_jit():
    env, params = envs.make("KeyToDoor-v0")
    with pytest.raises(ConfigError, match=r"layout.key_rc has the shape \(3,\): allowed is \(2,\)"):
        jax.jit(lambda rc: env.reset_to(key_layout(key_rc=rc), params))(np.array([1, 3, 5]))


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (key_layout(player_rc=(0, 0)), r"layout.player_rc is \(0, 0\): allowed are \(4, 3\), .*\(5, 7\)$"),
        (key_layout(player_rc=(2, 5)), r"layout.player_rc is \(2, 5\): allowed"),
        (key_layout(key_rc=(4, 5)), r"layout.key_rc is \(4, 5\): allowed are \(1, 3\)"),
        (key_layout(key_rc=(0, 5)), r"layout.key_rc is \(0, 5\)"),
        (key_layout(key_rc=(-1, 99)), r"layout.key_rc is \[-1, 99\]: allowed are 2 integers from 0 to 10"),
        (key_layout(key_rc=(1, 3, 5)), r"layout.key_rc is \[1, 3, 5\]: allowed are 2 integers"),
        (key_layout(apple_mask=np.ones((7, 11), bool)), r"an apple at \(0, 0\): allowed are the sites \(1, 1\)"),
        (key_layout(apple_mask=np.zeros((7, 7), bool)), r"of shape \(7, 7\): allowed are 7 x 11 integers from 0 to 1"),
        (key_layout(door_rc=(5, 5)), r"layout.door_rc is \(5, 5\): allowed are \(1, 5\)$"),
        (key_layout(player_rc=None), "layout.player_rc is None: allowed are 2 integers"),
        (key_layout(apple_mask=None), "layout.apple_mask is None: allowed are 7 x 11 integers"),
        (key_layout(key_rc=("a", 3)), "layout.key_rc is .*: allowed are 2 integers"),
        (key_layout(key_rc=((1,), (2, 3))), "layout.key_rc is .*: allowed are 2 integers"),
        (key_layout(player_rc=(4.9, 5.2)), r"layout.player_rc is \[4.9, 5.2\]: allowed are 2 integers"),
        (key_layout(player_rc=(7, 0)), r"layout.player_rc is \(7, 0\): allowed are \(4, 3\)"),
        (match_layout(target=1.0), "layout.target is 1.0: allowed is an integer"),
        (match_layout(cue_rc=(1, 5)), r"layout.cue_rc is \(1, 5\)"),
        (match_layout(target=3), "layout.target is 3: allowed is an integer from 0 to 2"),
        (match_layout(hue=(0, 1, 1)), r"layout.hue is \[0, 1, 1\]: allowed is 0, 1 and 2, each once"),
    ],
)
def test_a_wrong_layout_is_one_line(layout, message):
    is_key = isinstance(layout, envs.KeyToDoorLayout)
    env, params = envs.make("KeyToDoor-v0") if is_key else envs.make("VisualMatch-v0", mode="active")
    with pytest.raises(ConfigError, match=message) as error:
        env.reset_to(layout, params)
    assert "\n" not in str(error.value)


def test_the_other_grid_needs_a_door():
    env, params = envs.make("KeyToDoor-v0", grid="cca")
    with pytest.raises(ConfigError, match="layout.door_rc is none: allowed in the grid cca are"):
        jax.jit(lambda layout: env.reset_to(layout, params))(key_layout())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_frames": (15, -1, 10)}, "env.max_frames is .*: allowed is a list of 3 integers >= 0"),
        ({"max_frames": (15, 10)}, "env.max_frames is"),
        ({"max_frames": (0, 10, 10)}, "env.max_frames is .*: allowed are at least 1, 0 and 1"),
        ({"max_frames": (1, 10**6, 1)}, "at most 1000000 in all"),
        ({"num_apples": 23}, "env.num_apples is 23: allowed is an integer from 0 to 22"),
        ({"num_apples": -1}, "env.num_apples"),
        ({"apple_reward": (3.0, 1.0)}, "env.apple_reward is .*: allowed is a number, or two, the lower one first"),
        ({"final_reward": -1}, "env.final_reward"),
        ({"respawn_every": -1}, "env.respawn_every"),
        ({"grid": "both"}, "env.grid is 'both': allowed is one of sr, cca"),
    ],
)
def test_a_wrong_option_is_one_line(options, message):
    with pytest.raises(ConfigError, match=message):
        envs.make("KeyToDoor-v0", **options)
