"""The T-Maze whose memory and credit lengths are set apart: when the cue is seen again, and what the lengths are."""

import dataclasses
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import envs
from jaxmem.config import ConfigError

RIGHT, UP, LEFT, DOWN = range(4)
MOVES = {"R": RIGHT, "U": UP, "L": LEFT, "D": DOWN}
STEPS = 12


@partial(jax.jit, static_argnums=0)
def watch(env, params, actions):
    """Observations of an episode whose right goal cell is at -1: [STEPS + 1, numbers]."""
    first, state = env.reset_to(envs.TMazeLayout(-1), params)

    def step(state, action):
        obs, state, *_ = env.step_env(jax.random.key(0), state, action, params)
        return state, obs

    return jnp.concatenate([first[None], jax.lax.scan(step, state, actions)[1]])


def play(walk, **options):
    """Observations of a whole episode, the last one included."""
    env, params = envs.make("TMaze-v0", **options)
    assert envs.horizon(env, params) == len(walk)
    actions = [MOVES[move] for move in walk] + [RIGHT] * (STEPS - len(walk))
    return np.asarray(watch(env, params, jnp.array(actions)))[: len(walk) + 1].tolist()


def seen(walk, **options):
    """After how many steps the cue is seen; the walk must not end in a goal cell but by its last step."""
    return [time for time, obs in enumerate(play(walk, **options)[:-1]) if obs == [0, -1]]


@pytest.mark.parametrize(
    ("cue_every", "times"),
    [(None, [0]), (2, [0, 2, 4]), (3, [0, 3]), (4, [0, 2]), (5, [0, 1]), (6, [0]), (7, [0]), (2**31 - 1, [0])],
)
def test_the_cue_returns_on_the_fastest_walk_of_a_passive_maze(cue_every, times):
    assert seen("RRRRRD", length=5, cue_every=cue_every) == times


@pytest.mark.parametrize(
    ("cue_every", "times"),
    [(None, [1]), (2, [1, 2, 4, 6]), (3, [1, 2, 5]), (6, [1, 2]), (7, [1]), (8, [1]), (9, [1])],
)
def test_the_cue_returns_on_the_fastest_walk_of_an_active_maze(cue_every, times):
    assert seen("LRRRRRRD", length=5, oracle_distance=1, cue_every=cue_every) == times


def test_the_clock_and_not_the_cell_says_when_the_cue_returns():
    assert seen("LLRLLL", length=5, cue_every=2) == [0, 2, 4]
    assert seen("RLUDRR", length=5, cue_every=3) == [0, 3]
    # At the oracle once more.
    assert seen("LLLLLLLL", length=5, oracle_distance=1, cue_every=3) == [1, 2, 5]


def test_before_the_oracle_the_cue_is_never_seen():
    assert seen("RLLRRRRR", length=5, oracle_distance=1, cue_every=2) == [3, 4, 6]
    assert seen("RRRRRDUL", length=5, oracle_distance=1, cue_every=2) == []


def test_beside_the_corridor_and_at_the_end_the_cue_is_never_seen():
    # No steps are left after the last one, which is a multiple of any number.
    assert play("LLLR", length=3, cue_every=2) == [[0, -1], [0, 0], [0, -1], [0, 0], [0, 0]]
    assert play("RRRU", length=3, cue_every=2) == [[0, -1], [0, 0], [0, -1], [1, 0], [1, 1]]
    # With a number of its own nothing could hide it.
    position = play("LRRRD", length=2, oracle_distance=1, cue_every=2, expose_position=True)
    assert position == [[1, 0, 0], [0, 0, -1], [1, 0, 0], [2, 0, -1], [3, 0, 0], [3, -1, 0]]


def test_a_period_of_one_fills_the_corridor_alone():
    env, params = envs.make("TMaze-v0", length=3)
    obs = watch(env, params.replace(cue_every=1), jnp.array([RIGHT] * STEPS))
    assert obs[:4].tolist() == [[0, -1], [0, -1], [0, -1], [1, 0]]


def test_the_last_sight_on_the_fastest_walk_is_as_long_ago_as_the_spec_says():
    """Lengths, oracles and periods differ under `vmap`."""
    mazes = [
        envs.TMazeOptions(length=length, oracle_distance=distance, cue_every=cue_every)
        for length, distance, cue_every in product((1, 2, 6), (0, 1, 2), (None, 2, 3, 4, 7, 20))
    ]
    walks = [[LEFT] * maze.oracle_distance + [RIGHT] * (STEPS - maze.oracle_distance) for maze in mazes]
    params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(maze.make()[1] for maze in mazes))
    obs = np.asarray(jax.vmap(partial(watch, envs.TMaze()))(params, jnp.array(walks)))
    for maze, shown in zip(mazes, obs, strict=True):
        spec = maze.spec()
        last = np.flatnonzero(shown[: spec.horizon, 1])[-1]
        assert spec.horizon - last == spec.memory_length, maze


@pytest.mark.parametrize(
    ("id", "options"),
    [
        ("PassiveTMaze-v0", {"length": 7, "time_step": True}),
        ("PassiveTMaze-v0", {"penalty": 0, "expose_position": True, "expose_goal": True}),
        ("ActiveTMaze-v0", {"oracle_distance": 1}),
        ("ActiveTMaze-v0", {"oracle_distance": 3, "length": 50, "distract_reward": 0.5}),
    ],
)
def test_it_is_the_passive_or_the_active_maze_with_their_options(id, options):
    ours, theirs = envs.make("TMaze-v0", **options), envs.make(id, **options)
    assert ours == theirs
    assert ours[0].active == theirs[0].active == ("oracle_distance" in options)
    assert envs.episode_metrics(ours[0]) == envs.episode_metrics(theirs[0])
    assert envs.decisive_action(ours[0]) == envs.decisive_action(theirs[0])
    named = envs.spec("TMaze-v0", **options)
    spec = envs.spec(id, **options)
    assert named == dataclasses.replace(spec, id="TMaze-v0", description=named.description)


def test_how_often_the_cue_returns_is_a_number_of_the_params():
    often, seldom = (envs.make("TMaze-v0", cue_every=cue_every) for cue_every in (2, 5))
    assert often[0] == seldom[0] == envs.TMaze()
    assert (often[1].cue_every, seldom[1].cue_every, envs.make("TMaze-v0")[1].cue_every) == (2, 5, 0)


@pytest.mark.parametrize(
    ("options", "memory", "credit"),
    [
        ({}, 11, 1),
        ({"penalty": 0}, 11, 11),
        ({"oracle_distance": 2}, 13, 15),
        ({"oracle_distance": 2, "penalty": 0, "cue_every": 4}, 4, 15),
        ({"cue_every": 4}, 4, 1),
        ({"oracle_distance": 2, "cue_every": 14}, 13, 15),
        ({"cue_every": 1000}, 11, 1),
        ({"expose_position": True, "expose_goal": True}, 1, 1),
    ],
)
def test_spec_sets_memory_and_credit_apart(options, memory, credit):
    spec = envs.spec("TMaze-v0", **options)
    assert (spec.memory_length, spec.credit_length) == (memory, credit)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cue_every": 1}, r"env\.cue_every is 1: allowed is an integer >= 2"),
        ({"cue_every": 2.0}, r"env\.cue_every is 2\.0: allowed is an integer"),
        ({"oracle_distance": -1}, r"env\.oracle_distance is -1: allowed is an integer from 0"),
        ({"expose_goal": True}, r"env\.expose_goal is True: allowed is False unless env\.expose_position is True"),
        (
            {"expose_goal": True, "expose_position": True, "cue_every": 3},
            r"env\.cue_every is 3: allowed is none where env\.expose_goal is True$",
        ),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=f"^{message}"):
        envs.make("TMaze-v0", **options)
