"""Key-to-Door and Visual Match beyond the recordings: rules by hand, properties, wrong layouts and options."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmem import envs
from jaxmem.envs.rooms_layout import apple_subset

NORTH, SOUTH, WEST, EAST = range(4)
# Walls, written down anew: first, second and last room of each task.
APPLE_ROOM = """
###########
#         #
#         #
#         #
#         #
#         #
###########"""
WALLS = {
    "KeyToDoor-v0 sr": (
        "\n  #######  \n  #     #  \n  #     #  \n  ##   ##  \n  #     #  \n  #     #  \n  #######  ",
        APPLE_ROOM,
        "\n           \n   ## ##   \n   #   #   \n   #   #   \n   #   #   \n   #####   \n           ",
    ),
    "VisualMatch-v0 active": (
        "\n  #######  \n  #     #  \n  #     #  \n  ##   ##  \n  #     #  \n  #     #  \n  #######  ",
        APPLE_ROOM,
        "\n###########\n#         #\n#         #\n#         #\n####   ####\n   #   #   \n   #####   ",
    ),
}
WALLS["KeyToDoor-v0 cca"] = (*WALLS["KeyToDoor-v0 sr"][:2], WALLS["KeyToDoor-v0 sr"][0])
MAX_FRAMES = (15, 30, 10)
NO_APPLES = np.zeros((7, 11), bool)
COLOURS = {"floor": (204,) * 3, "wall": (25,) * 3, "player": (228, 148, 109), "apple": (140, 178, 0)}


@functools.cache
def task(name, **options):
    id, flavour = name.split()
    options = {"grid" if id == "KeyToDoor-v0" else "mode": flavour, "max_frames": MAX_FRAMES, **options}
    return envs.make(id, **options)


@functools.cache
def player(name, **options):
    """A jitted function (layout, actions) -> states and outputs, stacked over time; the first state is in front."""
    env, params = task(name, **options)

    def play(layout, actions, key):
        obs, state = env.reset_to(layout, params)

        def step(state, inputs):
            action, key = inputs
            obs, state, reward, done, info = env.step_env(key, state, action, params)
            return state, (state, obs, reward, done, info)

        keys = jax.random.split(key, len(actions))
        _, (states, seen, reward, done, info) = jax.lax.scan(step, state, (actions, keys))
        states = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), state, states)
        return states, jnp.concatenate([obs[None], seen]), reward, done, info

    return jax.jit(play)


def play(name, layout, actions, seed=0, **options):
    layout = jax.tree.map(jnp.asarray, layout)
    outs = player(name, **options)(layout, jnp.array(actions, jnp.int32), jax.random.key(seed))
    return jax.device_get(outs)


def key_layout(**changes):
    fields = {"player_rc": (4, 5), "key_rc": (2, 5), "apple_mask": NO_APPLES, **changes}
    return envs.KeyToDoorLayout(**{name: np.array(value) for name, value in fields.items()})


def match_layout(**changes):
    fields = {"player_rc": (4, 5), "cue_rc": (0, 5), "target": 2, "hue": (2, 0, 1), "apple_mask": NO_APPLES, **changes}
    return envs.VisualMatchLayout(**{name: np.array(value) for name, value in fields.items()})


def random_layout(name, key):
    env, params = task(name)
    state = env.reset_env(key, params)[1]

    def rc(cell):
        return np.array(divmod(int(cell), 11))

    mask = np.zeros(77, bool)
    sites = [r * 11 + c for r in range(1, 6) for c in range(1, 10) if (r % 2 == c % 2) and (r, c) != (5, 5)]
    mask[sites] = np.asarray(state.ready_at) == 0
    common = {"player_rc": rc(state.cell), "apple_mask": mask.reshape(7, 11)}
    if name.startswith("VisualMatch"):
        return envs.VisualMatchLayout(cue_rc=rc(state.cue_cell), target=state.target, hue=state.hue, **common)
    return envs.KeyToDoorLayout(
        key_rc=rc(state.key_cell), door_rc=rc(state.door_cell), last_rc=rc(state.last_start), **common
    )


@pytest.mark.parametrize("name", WALLS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_walls_apples_horizon_and_doors(name, data):
    """Random layouts and actions: walls stop, apples pay once each, the horizon is exact, no key no door."""
    layout = random_layout(name, jax.random.key(data.draw(st.integers(0, 2**31 - 1))))
    actions = data.draw(st.lists(st.integers(0, 3), min_size=sum(MAX_FRAMES), max_size=sum(MAX_FRAMES)))
    states, obs, reward, done, info = play(name, layout, actions)
    phase: np.ndarray = np.repeat([0, 1, 2], [*MAX_FRAMES[:2], MAX_FRAMES[2] + 1])
    rows, columns = np.divmod(states.cell, 11)
    for room, text in enumerate(WALLS[name]):
        walls = np.array([[mark == "#" for mark in line] for line in text.split("\n")[1:]])
        here = phase == room
        assert not walls[rows[here], columns[here]].any()
        # Nothing but a wall or the shut door stops a move, which is of one cell.
        steps = here[:-1] & here[1:]
        moved = np.stack([np.diff(rows), np.diff(columns)], axis=1)[steps]
        want = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])[np.array(actions)[steps]]
        to = np.stack([rows, columns], axis=1)[:-1][steps] + want
        inside = np.all((to >= 0) & (to < (7, 11)), axis=1)
        free = inside & ~walls[tuple(np.where(inside[:, None], to, 0).T)]
        if room == 2 and name.startswith("KeyToDoor"):
            free &= (to[:, 0] * 11 + to[:, 1] != states.door_cell[0]) | states.has_key[-1]
        np.testing.assert_array_equal(moved, np.where(free[:, None], want, 0))
    ate = np.diff(info["apples"], prepend=0)
    paid_last = reward - ate
    np.testing.assert_array_equal(np.unique(ate[~(phase[:-1] == 1)]), [0])
    assert set(paid_last.tolist()) <= {0.0, 5.0}
    assert (paid_last > 0).sum() == info["success"][-1]
    assert not paid_last[phase[:-1] != 2].any()
    assert done.tolist() == [False] * (len(actions) - 1) + [True]
    if name.startswith("KeyToDoor"):
        assert info["success"][-1] <= info["key"][-1]
        stood, has_key = (np.flatnonzero(x) for x in (states.cell[: MAX_FRAMES[0]] == states.key_cell[0], info["key"]))
        # Only the first room's last step can take the key unseen.
        allowed = [[stood[0] - 1]] if len(stood) else [[], [MAX_FRAMES[0] - 1]]
        assert has_key[:1].tolist() in allowed
    on_door = (phase == 2) & (states.cell == getattr(states, "door_cell", -1))
    np.testing.assert_array_equal((obs[:, 2, 2] == COLOURS["player"]).all(axis=1), ~on_door)


def test_the_key_opens_the_door_once_and_the_indicator_shows_once():
    actions = [NORTH, NORTH, *[SOUTH] * 13, *[EAST] * 30, NORTH, NORTH, SOUTH, NORTH, NORTH, *[EAST] * 5]
    states, obs, reward, _, info = play("KeyToDoor-v0 sr", key_layout(), actions)
    white = (obs == 255).all(axis=-1).any(axis=(1, 2))
    assert np.flatnonzero(white).tolist() == [2]
    assert np.flatnonzero(info["key"]).tolist() == list(range(1, 55))
    # The room has 3 cells: the door is reached with the second step, left and entered again, then left to the north.
    assert np.flatnonzero(reward).tolist() == [46]
    assert reward[46] == 5.0
    assert states.cell[47:51].tolist() == [16, 27, 16, 5]
    assert info["success"][-1] == 1.0


def test_without_the_key_the_door_is_a_wall():
    actions = [SOUTH] * 15 + [EAST] * 30 + [NORTH] * 10
    states, _, reward, _, info = play("KeyToDoor-v0 sr", key_layout(), actions)
    assert states.cell[-1] == 2 * 11 + 5
    assert info["success"][-1] == info["key"][-1] == reward.sum() == 0


def test_the_other_grid_has_a_door_that_moves():
    layout = key_layout(door_rc=(5, 3), last_rc=(1, 7))
    way = [SOUTH, WEST, WEST, SOUTH, SOUTH, WEST, WEST, SOUTH]
    with_key = [NORTH, NORTH, *[SOUTH] * 13, *[EAST] * 30, *way, WEST, WEST]
    states, obs, reward, _, _ = play("KeyToDoor-v0 cca", layout, with_key)
    assert states.cell[45] == 1 * 11 + 7
    assert np.flatnonzero(reward).tolist() == [52]
    assert (obs[53, 2, 2] == (134, 206, 235)).all()
    without = [*[SOUTH] * 15, *with_key[15:]]
    assert play("KeyToDoor-v0 cca", layout, without)[2].sum() == 0


def test_the_first_door_decides_and_all_vanish():
    wait = [*[SOUTH] * 15, *[EAST] * 30]
    to_middle = [NORTH] * 4
    right = [NORTH, NORTH, EAST, EAST, EAST, NORTH, NORTH]
    for actions, want in ((to_middle, 0.0), (right, 5.0), ([*to_middle, SOUTH, EAST, EAST, EAST, NORTH, NORTH], 0.0)):
        actions = [*wait, *actions, *[SOUTH] * (10 - len(actions))]
        states, obs, reward, _, info = play("VisualMatch-v0 active", match_layout(), actions)
        assert reward.sum() == want
        assert info["success"][-1] == float(want > 0)
        touched = int(np.flatnonzero(states.doors_gone)[0])
        reds = (obs == (255, 0, 0)).all(axis=-1).any(axis=(1, 2))
        assert not reds[touched:].any()


def test_the_cue_has_the_colour_of_the_right_door():
    for target, hue in ((0, (0, 1, 2)), (2, (2, 0, 1))):
        env, params = envs.make("VisualMatch-v0")
        obs, _ = env.reset_to(match_layout(player_rc=(2, 5), cue_rc=(1, 4), target=target, hue=hue), params)
        want = [0, 0, 0]
        want[hue[target]] = 255
        assert obs[1, 1].tolist() == want
        whole, _ = dataclasses.replace(env, crop=False).reset_to(
            match_layout(player_rc=(2, 5), cue_rc=(1, 4), target=target, hue=hue), params
        )
        assert whole.shape == (7, 11, 3)
        assert whole[1, 4].tolist() == want
        assert whole[2, 5].tolist() == list(COLOURS["player"])


def test_the_whole_board_shows_what_the_crop_shows():
    layout = random_layout("KeyToDoor-v0 sr", jax.random.key(5))
    actions = np.random.default_rng(0).integers(0, 4, sum(MAX_FRAMES))
    states, crop, *_ = play("KeyToDoor-v0 sr", layout, actions)
    _, whole, *_ = play("KeyToDoor-v0 sr", layout, actions, crop=False)
    padded = np.full((len(whole), 11, 15, 3), 204, np.uint8)
    padded[:, 2:-2, 2:-2] = whole
    for t, cell in enumerate(states.cell):
        row, column = divmod(int(cell), 11)
        np.testing.assert_array_equal(crop[t], padded[t, row : row + 5, column : column + 5])


def test_an_apple_grows_again_under_who_waits_for_it():
    mask = NO_APPLES.copy()
    mask[5, 7] = True
    actions = [SOUTH] * 15 + [EAST, EAST] + [SOUTH] * 28 + [SOUTH] * 10
    _, _, reward, _, info = play("KeyToDoor-v0 sr", key_layout(apple_mask=mask), actions, respawn_every=5)
    # Eaten on frame 2; back on the picture of frame 8, eaten on frame 9, and so on every seven frames.
    assert (np.flatnonzero(reward) - 14).tolist() == [2, 9, 16, 23, 30]
    assert info["apples"][-1] == 5


def test_apple_rewards_of_a_range():
    mask = NO_APPLES.copy()
    mask[5, 7] = True
    actions = [SOUTH] * 15 + [EAST, EAST] + [SOUTH] * 28 + [SOUTH] * 10
    layout = key_layout(apple_mask=mask)
    once = play("KeyToDoor-v0 sr", layout, actions, respawn_every=5, apple_reward=(1.0, 3.0))[2]
    np.testing.assert_allclose(once[once > 0], 2.0)
    each = play("KeyToDoor-v0 sr", layout, actions, respawn_every=5, apple_reward=(1.0, 3.0), fix_apple_reward=False)[2]
    each = each[each > 0]
    assert len(np.unique(each)) == len(each) == 5
    assert ((each >= 1) & (each <= 3)).all()
    env, params = task("KeyToDoor-v0 sr", apple_reward=(1.0, 3.0))
    drawn = jax.vmap(env.reset_env, in_axes=(0, None))(jax.random.split(jax.random.key(0), 500), params)[1].apple_reward
    assert 1 <= drawn.min() < 1.05
    assert 2.95 < drawn.max() <= 3


def test_every_subset_of_ten_apples_is_drawn_once():
    number = math.comb(22, 10)
    words = jnp.arange(number, dtype=jnp.uint32)
    subsets = jax.jit(jax.vmap(apple_subset, in_axes=(0, None)))(words, 10)
    codes = np.asarray(subsets) @ (1 << np.arange(22))
    assert (np.asarray(subsets).sum(axis=1) == 10).all()
    assert len(np.unique(codes)) == number
    for count in (0, 22):
        assert np.asarray(apple_subset(jnp.uint32(12345), count)).sum() == count


@pytest.mark.parametrize("name", [*WALLS, "VisualMatch-v0 passive"])
def test_a_step_keeps_shapes_dtypes_and_their_strength(name):
    """Or else a jitted step compiles once for the first state and once for all others."""
    env, params = task(name)
    obs, state = jax.eval_shape(env.reset_env, jax.random.key(0), params)
    given = jax.eval_shape(env.reset_to, random_layout(name, jax.random.key(0)), params)
    after = jax.eval_shape(env.step_env, jax.random.key(0), state, jnp.int32(0), params)[:2]
    for pair in (given, after):
        same = jax.tree.map(
            lambda a, b: (a.shape, a.dtype, a.weak_type) == (b.shape, b.dtype, b.weak_type), (obs, state), pair
        )
        assert all(jax.tree.leaves(same))


@pytest.mark.parametrize("action", [-1, 4, 99])
def test_an_unknown_action_is_one_of_the_four(action):
    env, params = task("KeyToDoor-v0 sr")
    state = env.reset(jax.random.key(0), params)[1]
    cells = [int(env.step_env(jax.random.key(0), state, known, params)[1].cell) for known in range(4)]
    assert int(env.step_env(jax.random.key(0), state, action, params)[1].cell) in cells


@pytest.mark.parametrize("name", WALLS)
def test_resets_draw_every_layout_evenly(name):
    env, params = task(name, **({"hue_order": "episode"} if name.startswith("Visual") else {}))
    keys = jax.random.split(jax.random.key(1), 20_000)
    states = jax.jit(jax.vmap(lambda key: env.reset_env(key, params)[1]))(keys)
    fields = {"cell": 10, "key_cell": 10, "door_cell": 1 if name.endswith("sr") else 10, "cue_cell": 26, "target": 3}
    for field, count in fields.items():
        if hasattr(states, field):
            times = np.unique(np.asarray(getattr(states, field)), return_counts=True)[1]
            assert len(times) == count
            assert (np.abs(times / len(keys) - 1 / count) < 5 * np.sqrt(1 / count / len(keys))).all()
    if hasattr(states, "hue"):
        assert len(np.unique(np.asarray(states.hue), axis=0)) == 6
    apples = np.asarray(states.ready_at) == 0
    assert (apples.sum(axis=1) == 10).all()
    assert (np.abs(apples.mean(axis=0) - 10 / 22) < 5 * np.sqrt(0.25 / len(keys))).all()


def test_one_phase_may_be_left_out_and_lengths_add_up():
    env, params = envs.make("KeyToDoor-v0", max_frames=(3, 0, 2))
    assert envs.horizon(env, params) == 5
    _, state = env.reset(jax.random.key(0), params)
    for _ in range(3):
        _, state, _, done, _ = env.step_env(jax.random.key(0), state, SOUTH, params)
    assert state.cell == 3 * 11 + 5
    assert not done


@pytest.mark.parametrize("id", ["KeyToDoor-v0", "VisualMatch-v0"])
def test_spaces_hold_what_there_is(id):
    env, params = envs.make(id)
    obs, state = env.reset(jax.random.key(3), params)
    assert env.observation_space(params).contains(obs)
    space = env.state_space(params)
    assert set(space.spaces) == {field.name for field in dataclasses.fields(state)}
    for name, box in space.spaces.items():
        value = getattr(state, name)
        assert (value.shape, value.dtype) == (box.shape, box.dtype)
        assert ((value >= box.low) & (value <= box.high)).all()


@pytest.mark.parametrize("id", ["KeyToDoor-v0", "VisualMatch-v0"])
def test_a_picture_shows_the_board_and_the_view(id):
    env, params = envs.make(id)
    _, state = env.reset(jax.random.key(0), params)
    picture = env.render(state, params)
    assert picture.dtype == np.uint8
    assert picture.shape == (7 * 16, (11 + 1 + 5) * 16, 3)


def test_specs_are_those_of_the_paper():
    key = envs.spec("KeyToDoor-v0")
    assert (key.horizon, key.memory_length, key.credit_length) == (85, None, 85)
    passive = envs.spec("VisualMatch-v0", max_frames=(15, 1000, 15))
    assert (passive.horizon, passive.memory_length, passive.credit_length) == (1030, 1030, 18)
    active = envs.spec("VisualMatch-v0", mode="active", max_frames=(15, 570, 15))
    assert (active.horizon, active.memory_length, active.credit_length) == (600, 600, 600)
