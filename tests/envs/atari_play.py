"""Plays Atari games for tests."""

import jax
import numpy as np

from jaxmem import envs

KEY = jax.random.key(0)
# An emulator takes a sixth of a second to start, and as long to be given a seed: few are used.
STEPS = 400


def recorder(id, rows=1, **options):
    """A function of a key and actions [T, B] that plays them: what is seen and said, first observation included."""
    env, params = envs.make(id, **options)

    def play(key, actions):
        obs, state = env.reset_rows(key, rows, params)

        def step(state, action):
            obs, state, reward, terminated, truncated, info = env.step_rows(state, action, params)
            assert all(leaf.shape[0] == rows for leaf in jax.tree.leaves(state))
            said = {"reward": reward, "terminated": terminated, "truncated": truncated, **info}
            return state, {"obs": obs, "ended": terminated | truncated, **said}

        return obs, jax.lax.scan(step, state, actions)[1]

    compiled = jax.jit(play)
    return lambda key, actions: jax.tree.map(np.asarray, compiled(key, actions))


def random_actions(number, actions, steps=STEPS, rows=1):
    return np.random.default_rng(number).integers(0, actions, (steps, rows)).astype(np.int32)


def after(ended):
    """The steps after those that ended an episode."""
    return np.concatenate([np.zeros_like(ended[:1]), ended[:-1]])
