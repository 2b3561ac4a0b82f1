"""The occluded pendulum, and the options that all control tasks share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import envs
from jaxmem.config import ConfigError

KEY = jax.random.key(0)
ID = "OccludedPendulum-v0"


@pytest.mark.parametrize(("occlude", "kept", "memory"), [("P", [0, 1], 2), ("V", [2], None), ("none", [0, 1, 2], 1)])
def test_what_is_seen_is_found_and_not_listed(occlude, kept, memory):
    env, params = envs.make(ID, occlude=occlude)
    whole, _ = envs.make(ID, occlude="none")
    obs, _ = env.reset_env(KEY, params)
    np.testing.assert_array_equal(obs, whole.reset_env(KEY, params)[0][np.array(kept)])
    assert env.observation_space(params).shape == (len(kept),)
    assert envs.spec(ID, occlude=occlude).memory_length == memory
    assert envs.options(ID).occlude == "P"  # pyright: ignore[reportAttributeAccessIssue]


def test_the_angle_alone_hides_the_velocity_and_nothing_else():
    env, params = envs.make(ID)
    _, state = env.reset_env(KEY, params)
    fast = state.replace(theta_dot=state.theta_dot + 1)
    # The same torque: the next angle tells the velocity, as two angles are all that an optimal policy needs.
    step = [env.step_env(KEY, s, jnp.zeros(1), params)[0] for s in (state, fast)]
    assert not np.allclose(step[0], step[1])


def test_the_limit_truncates_and_states_can_be_carried():
    env, params = envs.make(ID, max_steps_in_episode=5)
    assert envs.horizon(env, params) == 5

    def step(state, key):
        obs, state, reward, terminated, _ = env.step_env(key, state, env.action_space(params).sample(key), params)
        return state, (obs, reward, terminated, env.is_truncated(state, params))

    _, state = env.reset_env(KEY, params)
    # A carry has the same shapes and dtypes before and after a step: scan says so.
    last, (obs, reward, terminated, truncated) = jax.lax.scan(step, state, jax.random.split(KEY, 5))
    assert jax.tree.map(jnp.shape, last) == jax.tree.map(jnp.shape, state)
    assert reward.shape == (5,)
    assert (reward <= 0).all()
    assert obs.dtype == jnp.float32
    assert not terminated.any()
    assert truncated.tolist() == [False] * 4 + [True]


def test_options_wrap_in_a_fixed_order_and_leave_out_what_is_off():
    def names(env):
        return [type(env).__name__, *(names(env.env) if isinstance(env, envs.Wrapper) else [])]

    on = {"repeat": 2, "occlude": "V", "noise": 0.1, "delay": 3, "flicker": 0.5}
    env, params = envs.make(ID, **on)
    assert names(env) == ["Flickering", "Delayed", "Noisy", "Occluded", "Repeated", "Pendulum"]
    assert env.env.steps == 3
    assert envs.horizon(env, params) == envs.spec(ID, **on).horizon == 100
    assert env == envs.make(ID, **on)[0]
    assert names(envs.make(ID, occlude="none")[0]) == ["Pendulum"]
    assert envs.spec(ID, **on).description.endswith("velocities alone are seen, with noise and delay and flicker.")
    assert envs.spec(ID, repeat=3).horizon == 67
    for spoilt in ({"noise": 0.1}, {"delay": 1}, {"flicker": 0.1}):
        assert envs.spec(ID, **spoilt).memory_length is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"occlude": "p"}, "env.occlude is 'p': allowed is one of none, P, V"),
        ({"noise": -0.1}, "env.noise is -0.1: allowed is a number >= 0"),
        ({"delay": -1}, "env.delay is -1: allowed is an integer >= 0"),
        ({"flicker": 1.0}, "env.flicker is 1.0: allowed is a number >= 0 and < 1"),
        ({"repeat": 0}, "env.repeat is 0: allowed is an integer >= 1"),
        ({"max_steps_in_episode": 0}, "env.max_steps_in_episode is 0: allowed is an integer >= 1"),
        ({"speed": 1}, "unknown option 'speed' of environment 'OccludedPendulum-v0': known are occlude, noise, delay"),
    ],
)
def test_wrong_options_are_told_in_one_line(options, message):
    with pytest.raises(ConfigError) as error:
        envs.make(ID, **options)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
