"""The T-Maze of RATE: rules by hand, and what is random in it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probe_play import play

from jaxmem import envs
from jaxmem.config import ConfigError

RIGHT, UP, LEFT, DOWN = range(4)
KEY = jax.random.key(0)
ROWS = 4096
# Six standard deviations, so that no seed makes a test fail by chance.
BOUND = 6


def maze(length=3, goal_y=1, **options):
    env, params = envs.make("RateTMaze-v0", length=length, **options)
    return functools.partial(play, env, params, envs.RateTMazeLayout(goal_y, seed=5))


@functools.partial(jax.jit, static_argnames=("env", "steps"))
def reset_and_stay(env, params, keys, steps):
    """First states and all observations [rows, 1 + steps, 4] of players who stay at the start."""

    def one(key):
        obs, first = env.reset_env(key, params)

        def step(state, _):
            obs, state, *_ = env.step_env(KEY, state, LEFT, params)
            return state, obs

        _, later = jax.lax.scan(step, first, length=steps)
        return first, jnp.concatenate([obs[None], later])

    return jax.vmap(one)(keys)


@pytest.mark.parametrize("goal_y", [-1, 1])
def test_the_shortest_way(goal_y):
    seen, rewards, info = maze(3, goal_y)([RIGHT, RIGHT, RIGHT, UP if goal_y > 0 else DOWN])
    without_noise = [[0, goal_y, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1], [goal_y, 0, 0]]
    assert np.array(seen)[:, :3].tolist() == without_noise
    assert {obs[3] for obs in seen} <= {-1, 0, 1}
    assert all(obs.dtype == np.float32 for obs in seen)
    assert rewards == [0, 0, 0, 1]
    assert (info["success"], info["turned"]) == (1, 1)


@pytest.mark.parametrize("goal_y", [-1, 1])
def test_the_wrong_turn_ends_the_episode_and_pays_nothing(goal_y):
    seen, rewards, info = maze(1, goal_y)([RIGHT, DOWN if goal_y > 0 else UP])
    assert rewards == [0, 0]
    assert seen[-1][0] == -goal_y
    assert (info["success"], info["turned"]) == (0, 1)


@pytest.mark.parametrize(
    ("actions", "reward", "turned"),
    [
        # The spare step, at the start, on the way and at the junction.
        ([LEFT, RIGHT, RIGHT, UP], 1, 1),
        ([RIGHT, UP, RIGHT, UP], 1, 1),
        ([RIGHT, RIGHT, RIGHT, UP], 1, 1),
        ([RIGHT, RIGHT, RIGHT, DOWN], 0, 1),
        # Late: the limit ends the episode.
        ([DOWN, RIGHT, UP, RIGHT], 0, 0),
        ([RIGHT, RIGHT, LEFT, RIGHT], 0, 0),
        ([LEFT, LEFT, LEFT, LEFT], 0, 0),
        ([RIGHT, LEFT, LEFT, UP], 0, 0),
    ],
)
def test_walls_and_the_limit(actions, reward, turned):
    _, rewards, info = maze(2)(actions)
    assert rewards == [0, 0, 0, reward]
    assert (info["success"], info["turned"]) == (reward, turned)


def test_the_flag_is_shown_whenever_the_player_is_there():
    def flags(**options):
        return [int(obs[2]) for obs in maze(2, **options)([RIGHT, RIGHT, LEFT, RIGHT])[0]]

    assert flags() == [0, 0, 1, 0, 1]
    assert flags(flag_early=True) == [0, 1, 0, 1, 0]
    # In the shortest corridor the early flag stands beside the clue.
    assert [obs[:3].tolist() for obs in maze(1, flag_early=True)([RIGHT, UP])[0]] == [[0, 1, 1], [0, 0, 0], [1, 0, 0]]


def test_mazes_of_different_lengths_side_by_side():
    env, params = envs.make("RateTMaze-v0")
    lengths = jnp.array([1, 2, 7, 1_000_000])
    params = params.replace(length=lengths)

    def episode(params):
        _, state = env.reset_to(envs.RateTMazeLayout(-1), params)

        def step(state, action):
            obs, state, reward, done, _ = env.step_env(KEY, state, action, params)
            return state, (obs, reward, done)

        # At the junction right does nothing, so that the walk down fits every length.
        actions = jnp.where(jnp.arange(9) < params.length, RIGHT, DOWN)
        return jax.lax.scan(step, state, actions)[1]

    obs, reward, done = jax.jit(jax.vmap(episode))(params)
    assert done.argmax(1).tolist() == [1, 2, 7, 0]
    assert done.any(1).tolist() == [True, True, True, False]
    assert reward[jnp.arange(3), lengths[:3]].tolist() == [1, 1, 1]
    assert reward[3].tolist() == [0] * 9
    assert obs[jnp.arange(3), lengths[:3] - 1, 2].tolist() == [1, 1, 1]


def test_the_end_of_a_very_long_corridor():
    env, params = envs.make("RateTMaze-v0", length=1_000_000)
    _, state = env.reset_to(envs.RateTMazeLayout(1), params)
    state = state.replace(x=jnp.int32(999_999), time=jnp.int32(1_000_000))
    obs, state, _, done, _ = env.step_env(KEY, state, RIGHT, params)
    assert (obs[2], bool(done)) == (1, False)
    _, _, reward, done, _ = env.step_env(KEY, state, UP, params)
    assert (reward, bool(done)) == (1, True)
    assert env.horizon(params) == 1_000_002


def test_lengths_are_uniform_and_the_clue_is_fair():
    env, params = envs.make("RateTMaze-v0", length=7, shortest=3)
    state, seen = reset_and_stay(env, params, jax.random.split(KEY, ROWS), 1)
    counts = np.bincount(state.length)
    assert counts[:3].tolist() == [0, 0, 0]
    assert len(counts) == 8
    assert np.all(abs(counts[3:] - ROWS / 5) < BOUND * np.sqrt(ROWS * 0.2 * 0.8))
    assert set(np.unique(state.goal_y).tolist()) == {-1, 1}
    assert abs(state.goal_y.sum()) < BOUND * np.sqrt(ROWS)
    assert abs(np.sum((state.length - 5) * state.goal_y)) < BOUND * np.sqrt(2 * ROWS)
    np.testing.assert_array_equal(seen[:, 0, 1], state.goal_y)
    # Where no shortest is given every corridor is alike, also where it is given as the length itself.
    for shortest in (None, 7):
        env, params = envs.make("RateTMaze-v0", length=7, shortest=shortest)
        state, _ = reset_and_stay(env, params, jax.random.split(KEY, 64), 1)
        assert np.all(np.asarray(state.length) == 7)


def test_all_states_are_counted():
    assert envs.as_pomdp(*envs.make("RateTMaze-v0", length=4)).num_states == 5 * 8
    assert envs.as_pomdp(*envs.make("RateTMaze-v0", length=4, shortest=3)).num_states == 5 * 8 + 4 * 7


def test_an_episode_in_a_shorter_corridor_ends_sooner():
    env, params = envs.make("RateTMaze-v0", length=9, shortest=1)
    for length in (1, 4, 9):
        layout = envs.RateTMazeLayout(1, length)
        assert len(play(env, params, layout, [RIGHT] * length + [UP])[1]) == length + 1
        assert play(env, params, layout, [LEFT] * (length + 2))[2]["turned"] == 0
    assert env.horizon(params) == 11


def test_noise_is_uniform_and_independent_of_the_clue_and_of_other_times():
    env, params = envs.make("RateTMaze-v0", length=20)
    state, seen = reset_and_stay(env, params, jax.random.split(KEY, ROWS), 9)
    noise = np.asarray(seen[..., 3], int)
    for value in (-1, 0, 1):
        counts = (noise == value).sum(0)
        assert np.all(abs(counts - ROWS / 3) < BOUND * np.sqrt(ROWS * 2 / 9))
    deviation = BOUND * np.sqrt(ROWS * 2 / 3)
    assert np.all(abs((noise * np.asarray(state.goal_y)[:, None]).sum(0)) < deviation)
    products = noise.T @ noise
    assert np.all(abs(products[~np.eye(10, dtype=bool)]) < deviation)


def test_a_key_decides_an_episode_and_a_step_needs_none():
    env, params = envs.make("RateTMaze-v0", length=4, shortest=2)
    first, again, other = (env.reset(jax.random.key(seed), params) for seed in (3, 3, 4))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert first[1].seed != other[1].seed
    one, two = (env.step_env(jax.random.key(seed), first[1], RIGHT, params) for seed in (1, 2))
    jax.tree.map(np.testing.assert_array_equal, one, two)
    layout = envs.RateTMazeLayout(first[1].goal_y, first[1].length, first[1].seed)
    jax.tree.map(np.testing.assert_array_equal, env.reset_to(layout, params), first)


def test_the_oracle_always_succeeds_and_chance_seldom_does():
    env, params = envs.make("RateTMaze-v0", length=12, shortest=1)
    spaces = env.observation_space(params), env.state_space(params)

    def episode(policy, key):
        for_reset, for_init, for_steps = jax.random.split(key, 3)
        obs, state = env.reset_env(for_reset, params)

        def step(carry, key):
            memory, obs, state, over, reward, steps = carry
            memory, action = policy.act(key, memory, obs, state)
            obs, state, paid, done, _ = env.step_env(key, state, action, params)
            fine = spaces[0].contains(obs) & spaces[1].contains(state)
            carry = (memory, obs, state, over | done, reward + jnp.where(over, 0, paid), steps + ~over)
            return carry, fine | over

        carry = (policy.init(for_init, obs, state), obs, state, jnp.array(False), jnp.float32(0), jnp.int32(0))
        carry, fine = jax.lax.scan(step, carry, jax.random.split(for_steps, env.horizon(params)))
        return (*carry[3:], fine.all(), state.length)

    def played(name):
        policy = envs.scripted_policy(env, params, name)
        return jax.jit(jax.vmap(functools.partial(episode, policy)))(jax.random.split(KEY, ROWS))

    over, success, steps, fine, length = played("oracle")
    assert over.all()
    assert success.mean() == 1
    np.testing.assert_array_equal(steps, length + 1)
    assert fine.all()
    over, success, _, fine, _ = played("random")
    assert over.all()
    assert fine.all()
    assert 0 < success.mean() < 0.05


def test_what_it_asks():
    spec = envs.spec("RateTMaze-v0")
    assert (spec.horizon, spec.memory_length, spec.credit_length) == (90, 89, 89)
    env, params = envs.make("RateTMaze-v0")
    assert not envs.fixed_horizon(env)
    assert envs.episode_metrics(env) == ("success", "turned")
    assert env.render(env.reset(KEY, params)[1], params).shape[0] == 72


def bad_layout(*layout):
    env, params = envs.make("RateTMaze-v0", length=5, shortest=2)
    return lambda: env.reset_to(envs.RateTMazeLayout(*layout), params)


BAD = [
    (lambda: envs.make("RateTMaze-v0", length=0), "env.length is 0: allowed is an integer from 1 to 1000000"),
    (
        lambda: envs.make("RateTMaze-v0", length=4, shortest=5),
        "env.shortest is 5: allowed is at most env.length, which is 4, or none",
    ),
    (bad_layout(0), "layout.goal_y is 0: allowed is -1 or 1"),
    (bad_layout(2), "layout.goal_y is 2: allowed is an integer from -1 to 1"),
    (bad_layout(1, 6), "layout.length is 6: allowed is an integer from 1 to 5"),
    (bad_layout(1, 5, -1), "layout.seed is -1: allowed is an integer from 0 to 4294967295"),
    (
        lambda: envs.as_pomdp(*envs.make("RateTMaze-v0", length=1000)),
        "corridors of up to 1000 cells have 1005004 states: to write the task out allowed are at most 50000, as with "
        "length 200 and no shortest",
    ),
]


@pytest.mark.parametrize(("act", "message"), BAD)
def test_what_cannot_be_is_told_in_one_line(act, message):
    with pytest.raises(ConfigError) as error:
        act()
    assert str(error.value) == message
