"""An Atari game as an environment of gymnax: its methods, what they cannot do, and when its emulators go."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from atari_play import KEY

from jaxmem import envs
from jaxmem.config import ConfigError

pytest.importorskip("ale_py")


def test_one_game_is_an_environment_of_gymnax():
    env, params = envs.make("ale/pong", size=8, stack=2, max_frames=8, full_actions=True)
    assert env.num_actions == env.action_space(params).n == 18
    space = env.observation_space(params)
    assert (space.shape, space.dtype) == ((8, 8, 2), jnp.uint8)
    assert envs.episode_metrics(env) == ("score",)
    assert envs.plays_rows(env)
    assert not envs.plays_rows(envs.make("CartPole-v1")[0])
    obs, state = env.reset(KEY, params)
    assert space.contains(obs)
    seen = []
    for _ in range(4):
        obs, state, reward, terminated, truncated, info = env.step(KEY, state, 1, params)
        assert (obs.shape, reward.shape, info["score"].shape) == ((8, 8, 2), (), ())
        seen.append((bool(truncated), bool(obs[..., 0].any()), bool(info["final_observation"][..., 0].any())))
        assert not terminated
    # Two steps a game, and the next one begins at once: with one frame alone.
    assert seen == [(False, True, True), (True, False, True)] * 2


def test_emulators_go_with_their_environment():
    env, params = envs.make("ale/pong", size=8)
    _, state = env.reset(KEY, params)
    env.step(KEY, state, 1, params)
    gone = weakref.ref(env)
    del env
    gc.collect()
    assert gone() is None


def test_games_cannot_be_mapped():
    env, params = envs.make("ale/pong", size=8)
    assert env.num_actions == 6
    with pytest.raises(ConfigError, match="ale/pong cannot be mapped: allowed is no vmap"):
        jax.vmap(env.reset_env, in_axes=(0, None))(jax.random.split(KEY), params)
    _, state = env.reset_env(KEY, params)
    with pytest.raises(ConfigError, match="ale/pong cannot be mapped"):
        jax.vmap(env.step_env, in_axes=(None, None, 0, None))(KEY, state, jnp.zeros((2,), jnp.int32), params)


def test_a_state_from_elsewhere_is_an_error_and_no_crash():
    """As from a checkpoint: it is no address, and these emulators have begun no game."""
    env, params = envs.make("ale/pong", size=8)
    elsewhere, _ = envs.make("ale/pong", size=8)
    _, state = elsewhere.reset_rows(KEY, 1, params)
    assert not np.asarray(state.link).any()
    with pytest.raises(jax.errors.JaxRuntimeError, match="before reset"):
        jax.block_until_ready(jax.jit(env.step_rows)(state, jnp.zeros((1,), jnp.int32), params))
