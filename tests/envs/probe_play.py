"""Plays an episode of a probe by hand."""

import functools

import jax
import numpy as np


@functools.cache
def compiled(env):
    return jax.jit(env.reset_to), jax.jit(env.step_env)


def play(env, params, layout, act):
    """Observations (reset first), rewards and last info; `act` is a list or a function of the observation."""
    reset, step = compiled(env)
    obs, state = reset(layout, params)
    seen, rewards, done = [np.asarray(obs)], [], False
    while not done:
        action = act[len(rewards)] if isinstance(act, list) else act(seen[-1])
        obs, state, reward, terminated, info = step(jax.random.key(0), state, action, params)
        done = bool(terminated)
        seen.append(np.asarray(obs))
        rewards.append(float(reward))
        assert not env.is_truncated(state, params)
        assert float(info["discount"]) == 1 - done
        assert done or float(info["success"]) == 0
    assert not isinstance(act, list) or len(act) == len(rewards)
    return seen, rewards, {name: float(value) for name, value in info.items()}
