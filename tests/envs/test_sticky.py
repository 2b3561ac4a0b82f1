"""Sticky actions, and MinAtar with them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import envs
from jaxmem.config import ConfigError


def test_the_last_action_is_taken_again_as_often_as_it_says():
    env, params = envs.make("StickyBreakout-MinAtar", sticky=0.3)
    _, state = env.reset_env(jax.random.key(0), params)
    assert int(state.action) == 0
    # From one state, that has moved right last, the agent wants left: who sticks is one cell further to the right.
    state = state.replace(action=jnp.int32(2))

    @jax.jit
    def moved(key):
        return env.step_env(key, state, 1, params)[1]

    after = jax.vmap(moved)(jax.random.split(jax.random.key(1), 2000))
    stuck = np.asarray(after.action) == 2
    assert 0.25 < stuck.mean() < 0.35
    place = np.asarray(after.inner.pos)
    here = int(state.inner.pos)
    np.testing.assert_array_equal(place[stuck], here + 1)
    np.testing.assert_array_equal(place[~stuck], here - 1)


def test_without_any_it_is_the_game_itself():
    env, params = envs.make("StickyBreakout-MinAtar", sticky=0.0)
    plain, plain_params = envs.make("Breakout-MinAtar")
    obs, state = env.reset_env(jax.random.key(2), params)
    plain_obs, plain_state = plain.reset_env(jax.random.key(2), plain_params)
    np.testing.assert_array_equal(obs, plain_obs)
    step, plain_step = jax.jit(env.step_env), jax.jit(plain.step_env)
    for action in (1, 2, 2, 0, 1):
        # The game has no chance of its own after its beginning.
        obs, state, reward, over, _ = step(jax.random.key(3), state, action, params)
        plain_obs, plain_state, plain_reward, plain_over, _ = plain_step(
            jax.random.key(4), plain_state, action, plain_params
        )
        np.testing.assert_array_equal(obs, plain_obs)
        assert (float(reward), bool(over)) == (float(plain_reward), bool(plain_over))


def test_each_game_is_registered_and_says_what_it_is():
    for game, horizon in (("Breakout", 1000), ("Asterix", 1000), ("Freeway", 2500), ("SpaceInvaders", 1000)):
        spec = envs.spec(f"Sticky{game}-MinAtar")
        assert spec.horizon == horizon
        assert "sticky actions" in spec.description
    env, params = envs.make("StickyFreeway-MinAtar", max_steps_in_episode=7)
    assert envs.horizon(env, params) == 7


def test_continuous_actions_stick_as_well():
    plain, params = envs.make("OccludedPendulum-v0")
    env = envs.Sticky(plain, 1.0)
    _, state = env.reset_env(jax.random.key(0), params)
    assert state.action.shape == (1,)
    _, state, *_ = env.step_env(jax.random.key(1), state, jnp.ones((1,)), params)
    np.testing.assert_array_equal(state.action, 0)


def test_no_such_probability():
    with pytest.raises(ConfigError, match="env.sticky is 1.5: allowed is a number from 0 to 1"):
        envs.options("StickyBreakout-MinAtar", sticky=1.5)
    plain, _ = envs.make("Breakout-MinAtar")
    with pytest.raises(ConfigError, match="Sticky.probability is -1"):
        envs.Sticky(plain, -1)
