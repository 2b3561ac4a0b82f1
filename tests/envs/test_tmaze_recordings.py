"""Every recorded T-Maze episode, replayed step by step."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import envs

RECORDINGS = np.load(Path(__file__).parents[1] / "data" / "trajectories.npz")
IDS = {"tmaze_passive": "PassiveTMaze-v0", "tmaze_active": "ActiveTMaze-v0"}
NAMES = sorted({key.rsplit("/", 1)[0] for key in RECORDINGS.files if key.startswith("tmaze_")})


def recording(name):
    return {key.rsplit("/", 1)[1]: RECORDINGS[key] for key in RECORDINGS.files if key.startswith(f"{name}/")}


def test_all_recordings_are_there():
    assert len(NAMES) == 12


@pytest.mark.parametrize("name", NAMES)
def test_recorded_episodes_replay_exactly(name):
    want = recording(name)
    options = {key: want[key].item() for key in ("length", "penalty", "goal_reward", "distract_reward")}
    env, params = envs.make(IDS[name.split("/")[0]], **options)
    assert envs.horizon(env, params) == want["actions"].shape[1]

    def play(goal_y, actions):
        obs, state = env.reset_to(envs.TMazeLayout(goal_y), params)

        def step(state, action):
            seen, state, reward, done, info = env.step_env(jax.random.key(0), state, action, params)
            out = seen, reward, done, info["success"], env.is_truncated(state, params)
            return state, (*out, jnp.stack([state.x, state.y]))

        _, outs = jax.lax.scan(step, state, actions)
        return obs, outs

    first, (obs, reward, done, success, truncated, pos) = jax.jit(jax.vmap(play))(want["goal_y"], want["actions"])
    obs = np.concatenate([first[:, None], obs], axis=1)
    assert obs.dtype == np.float32
    assert obs.tobytes() == want["obs"].tobytes()
    assert reward.dtype == np.float32
    np.testing.assert_allclose(reward, want["reward"].astype(np.float32), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(done, want["done"])
    np.testing.assert_array_equal(success[:, -1], want["success"].astype(np.float32))
    np.testing.assert_array_equal(pos, want["pos"][:, 1:])
    assert not truncated.any()
