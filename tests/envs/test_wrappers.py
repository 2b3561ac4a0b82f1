"""Wrappers: against plain Python, around discrete and continuous environments, compiled; and what they refuse."""

import functools
from typing import Any

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from gymnax.environments import spaces
from gymnax.environments.environment import Environment
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmem import envs
from jaxmem.config import ConfigError

KEY = jax.random.key(0)
STEPS = 12


@struct.dataclass
class CountParams:
    end: Any = 100
    max_steps_in_episode: Any = 100


@struct.dataclass
class CountState:
    time: jax.Array


class Count(Environment[Any, Any]):
    """Shows the time t as [t, 2 t, 3 t]; a step pays its action plus t; ends after `params.end` steps."""

    default_params = CountParams()  # pyright: ignore[reportAssignmentType]

    def reset_env(self, key, params):
        state = CountState(jnp.zeros((), jnp.int32))
        return self.show(state), state

    def step_env(self, key, state, action, params):
        state = CountState(state.time + 1)
        return self.show(state), state, action + state.time, state.time >= params.end, {"time": state.time}

    def show(self, state):
        return state.time * jnp.array([1.0, 2.0, 3.0])

    def is_terminated(self, state, params):
        return state.time >= params.end

    def action_space(self, params):
        return spaces.Discrete(3)

    def observation_space(self, params):
        return spaces.Box(jnp.array([0.0, -1.0, -2.0]), jnp.array([9.0, 8.0, 7.0]), (3,), jnp.float32)


COUNT = Count()


@functools.partial(jax.jit, static_argnames="env")
def play(env, params, actions):
    """Observations [T+1, ...], rewards, terminated, truncated, info; the episode is not reset."""

    def step(state, action):
        obs, state, reward, terminated, info = env.step_env(KEY, state, action, params)
        return state, (obs, reward, terminated, env.is_truncated(state, params), info)

    first, state = env.reset_env(KEY, params)
    _, (obs, *rest) = jax.lax.scan(step, state, actions)
    return jnp.concatenate([first[None], obs]), *rest


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4))
def test_delayed_shows_what_was_seen_some_steps_ago(steps):
    actions = jnp.zeros(STEPS, jnp.int32)
    obs, reward, *_ = play(envs.Delayed(COUNT, steps), CountParams(), actions)
    assert obs[:, 0].tolist() == [max(0, t - steps) for t in range(STEPS + 1)]
    assert reward.tolist() == list(range(1, STEPS + 1))


def repeated(actions, times, end, limit):
    """The reference: time, reward, terminated, truncated after each repeated action, up to the end of the episode."""
    time, rows = 0, []
    for action in actions:
        reward = 0
        for _ in range(times):
            time += 1
            reward += action + time
            if time >= end or time >= limit:
                break
        rows.append((time, reward, time >= end, time >= limit))
        if rows[-1][2] or rows[-1][3]:
            break
    return rows


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4),
    st.lists(st.integers(0, 2), min_size=STEPS, max_size=STEPS),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_repeated_adds_rewards_and_stops_where_the_episode_ends(times, actions, end, limit):
    env, params = envs.Repeated(COUNT, times), CountParams(end, limit)
    obs, reward, terminated, truncated, info = play(env, params, jnp.array(actions))
    rows = repeated(actions, times, end, limit)
    found = zip(obs[1:, 0].tolist(), reward.tolist(), terminated.tolist(), truncated.tolist(), strict=True)
    assert list(found)[: len(rows)] == rows
    assert info["time"][: len(rows)].tolist() == [row[0] for row in rows]
    assert envs.horizon(env, params) == -(-limit // times)
    assert len(rows) <= envs.horizon(env, params)


def test_occluded_keeps_indices_in_their_order():
    env = envs.Occluded(COUNT, [2, 0])
    obs, *_ = play(env, CountParams(), jnp.zeros(2, jnp.int32))
    assert obs.tolist() == [[0, 0], [3, 1], [6, 2]]
    space = env.observation_space()
    assert (np.asarray(space.low).tolist(), np.asarray(space.high).tolist(), space.shape, space.dtype) == (
        [-2, 0],
        [7, 9],
        (2,),
        jnp.float32,
    )
    assert env == envs.Occluded(COUNT, (2, 0))
    assert hash(env) == hash(envs.Occluded(COUNT, np.array([2, 0])))  # pyright: ignore[reportArgumentType]


def total(obs):
    return obs.sum(keepdims=True).astype(jnp.int32)


def test_occluded_takes_any_function():
    env = envs.Occluded(COUNT, total)
    obs, *_ = play(env, CountParams(), jnp.zeros(2, jnp.int32))
    assert obs.tolist() == [[0], [6], [12]]
    space = env.observation_space()
    assert (space.shape, space.dtype, space.low) == ((1,), jnp.int32, -(2**31))


def test_noisy_adds_independent_noise_of_its_scale():
    env, params = envs.Noisy(COUNT, 0.5), CountParams()
    keys = jax.random.split(KEY, 2000)
    first, state = jax.vmap(env.reset_env, (0, None))(keys, params)
    later = jax.vmap(env.step_env, (0, 0, None, None))(keys, state, 0, params)[0]
    for noise in (first, later - jnp.array([1.0, 2.0, 3.0])):
        np.testing.assert_allclose(jnp.cov(noise.T), 0.25 * jnp.eye(3), atol=0.03)
        np.testing.assert_allclose(noise.mean(0), 0, atol=0.05)
    assert env.observation_space().low == -jnp.inf
    assert play(envs.Noisy(COUNT, 0), params, jnp.zeros(2, jnp.int32))[0][:, 0].tolist() == [0, 1, 2]


def test_flickering_hides_whole_observations():
    env, params = envs.Flickering(COUNT, 0.25), CountParams()
    keys = jax.random.split(KEY, 2000)
    _, state = jax.vmap(env.reset_env, (0, None))(keys, params)
    obs = jax.vmap(env.step_env, (0, 0, None, None))(keys, state, 0, params)[0]
    dark = (obs == 0).all(axis=1)
    assert dark.mean() == pytest.approx(0.25, abs=0.03)
    assert (obs[~dark] == jnp.array([1.0, 2.0, 3.0])).all()
    # The first observation of this one is zeros anyway.
    pendulum = envs.Flickering(gymnax.make("Pendulum-v1")[0], 0.25)
    first, _ = jax.vmap(pendulum.reset_env, (0, None))(keys, pendulum.default_params)
    assert (first == 0).all(axis=1).mean() == pytest.approx(0.25, abs=0.03)


def test_zero_is_in_the_space_of_what_flickers():
    class High(Count):
        def observation_space(self, params):
            return spaces.Box(1.0, 2.0, (3,), jnp.float32)

    space = envs.Flickering(High(), 0.5).observation_space()
    assert (space.low, space.high) == (0, 2)


WRAPPERS = {
    "Occluded": lambda env: envs.Occluded(env, (1,)),
    "Noisy": lambda env: envs.Noisy(env, 0.1),
    "Delayed": lambda env: envs.Delayed(env, 2),
    "Flickering": lambda env: envs.Flickering(env, 0.5),
    "Repeated": lambda env: envs.Repeated(env, 3),
}


@pytest.mark.parametrize(
    ("id", "wrapper"),
    [(id, "all") for id in ("TMaze-v0", "CartPole-v1", "Pendulum-v1")] + [("TMaze-v0", name) for name in WRAPPERS],
)
def test_every_wrapper_runs_compiled_and_starts_again(id, wrapper):
    options = {"length": 5} if id == "TMaze-v0" else {"max_steps_in_episode": 7}
    env, params = envs.make(id, **options)
    for name, wrap in WRAPPERS.items():
        env = wrap(env) if wrapper in (name, "all") else env

    def run(key):
        obs, state = env.reset(key, params)

        def step(state, key):
            act_key, step_key = jax.random.split(key)
            action = env.action_space(params).sample(act_key)
            obs, state, reward, terminated, truncated, info = env.step(step_key, state, action, params)
            return state, (obs, reward, terminated | truncated, info["final_observation"], env.inner(state))

        return obs, jax.lax.scan(step, state, jax.random.split(key, 20))[1]

    first, (obs, reward, done, last, inner) = jax.jit(jax.vmap(run))(jax.random.split(KEY, 3))
    space = env.observation_space(params)
    assert first.shape == (3, *space.shape)
    assert obs.shape == last.shape == (3, 20, *space.shape)
    assert obs.dtype == first.dtype == space.dtype
    assert reward.shape == done.shape == (3, 20)
    assert done.any()
    if wrapper != "all":
        assert (inner.time[done] == 0).all()
    horizon = envs.horizon(env, params)
    # No 20 steps without an end, where the horizon is at most 7.
    assert horizon <= 7
    assert np.array([[row[t : t + horizon].any() for t in range(20 - horizon)] for row in done]).all()


def test_what_is_still_true_of_the_maze_is_passed_on():
    maze, params = envs.make("ActiveTMaze-v0", length=4)
    for wrap in WRAPPERS.values():
        env = wrap(maze)
        assert env == wrap(maze)
        assert env.name == "TMaze"
        assert env.default_params == maze.default_params
        assert envs.fixed_horizon(env)
        assert envs.episode_metrics(env) == ("success", "oracle", "recalled")
        assert envs.decisive_action(env) is None
        state = env.reset(KEY, params)[1]
        np.testing.assert_array_equal(env.render(state, params), maze.render(env.inner(state), params))
        assert state.time == 0
    assert envs.horizon(WRAPPERS["Noisy"](maze), params) == 7
    assert envs.horizon(WRAPPERS["Repeated"](maze), params) == 3


def test_what_an_environment_lacks_its_wrapper_lacks():
    env = envs.Delayed(COUNT, 1)
    for name in ("reset_to", "layouts", "episode_metrics", "render"):
        assert not hasattr(env, name)
    assert envs.episode_metrics(env) == ("success",)
    assert not envs.fixed_horizon(env)


def test_episodes_begin_from_a_layout_where_nothing_is_drawn_to_observe():
    maze, params = envs.make("PassiveTMaze-v0", length=4)
    layout = envs.TMazeLayout(-1)
    assert envs.Occluded(maze, (1,)).reset_to(layout, params)[0].tolist() == [-1]
    obs, state = envs.Delayed(maze, 2).reset_to(layout, params)
    assert (obs.tolist(), state.coming.tolist()) == ([0, -1], [[0, -1], [0, -1]])
    assert envs.Repeated(maze, 2).reset_to(layout)[0].tolist() == [0, -1]
    assert not hasattr(envs.Noisy(maze, 0.1), "reset_to")
    assert not hasattr(envs.Flickering(maze, 0.1), "reset_to")
    assert not hasattr(envs.Delayed(envs.Noisy(maze, 0.1), 1), "reset_to")
    # So a wrapped maze is still a finite task: half of its episodes begin with each cue.
    pomdp = envs.as_pomdp(envs.Occluded(maze, (1,)), params)
    assert pomdp.num_states > 1


BAD = [
    (lambda: envs.Occluded(COUNT, ()), "Occluded.keep is (): allowed are indices from 0 to 2, one or more, none twice"),
    (lambda: envs.Occluded(COUNT, 0), "Occluded.keep is 0: allowed are indices from 0 to 2"),  # pyright: ignore
    (lambda: envs.Occluded(envs.make("KeyToDoor-v0"), (0,)), "Occluded.env is a tuple: allowed"),  # pyright: ignore
    (lambda: envs.Occluded(COUNT, (0, 3)), "Occluded.keep is (0, 3): allowed are indices from 0 to 2"),
    (lambda: envs.Occluded(COUNT, (-1,)), "Occluded.keep is (-1,): allowed"),
    (lambda: envs.Occluded(COUNT, (1, 1)), "Occluded.keep is (1, 1): allowed"),
    (lambda: envs.Occluded(COUNT, (0.5,)), "Occluded.keep is (0.5,): allowed"),  # pyright: ignore
    (lambda: envs.Occluded(COUNT, (True, False)), "Occluded.keep is (True, False): allowed"),
    (lambda: envs.Occluded(envs.make("KeyToDoor-v0")[0], (0,)), "Occluded.keep is (0,): allowed is a function"),
    (lambda: envs.Noisy(COUNT, -1), "Noisy.scale is -1: allowed is a number >= 0"),
    (lambda: envs.Noisy(envs.make("KeyToDoor-v0")[0], 1), "Noisy.env is 'KeyToDoor': allowed are float observations"),
    (lambda: envs.Delayed(COUNT, 0), "Delayed.steps is 0: allowed is an integer >= 1"),
    (lambda: envs.Flickering(COUNT, 1.5), "Flickering.probability is 1.5: allowed is a number from 0 to 1"),
    (lambda: envs.Repeated(COUNT, 0), "Repeated.times is 0: allowed is an integer >= 1"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_wrong_arguments_are_told_in_one_line(make, message):
    with pytest.raises(ConfigError) as error:
        make()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
