"""Every recorded Key-to-Door and Visual Match episode, replayed pixel by pixel."""

from pathlib import Path

import jax
import numpy as np
import pytest

from jaxmem import envs

RECORDINGS = np.load(Path(__file__).parents[1] / "data" / "trajectories.npz")
GAMES = ("key_to_door", "visual_match_passive", "visual_match_active")
NAMES = sorted({key.rsplit("/", 1)[0] for key in RECORDINGS.files if key.startswith(GAMES)})


def recording(name):
    return {key.rsplit("/", 1)[1]: RECORDINGS[key] for key in RECORDINGS.files if key.startswith(f"{name}/")}


def made(game, want):
    options = {key: want[key].item() for key in ("apple_reward", "final_reward", "respawn_every", "num_apples")}
    options["max_frames"] = tuple(want["max_frames"].tolist())
    if game == "key_to_door":
        layout = envs.KeyToDoorLayout(want["start_rc"], want["key_rc"], want["apple_mask"])
        return envs.make("KeyToDoor-v0", **options), layout
    layout = envs.VisualMatchLayout(want["start_rc"], want["cue_rc"], want["target"], want["hue"], want["apple_mask"])
    return envs.make("VisualMatch-v0", mode=game.rsplit("_", 1)[1], **options), layout


def test_all_recordings_are_there():
    assert len(NAMES) == 16


@pytest.mark.parametrize("name", NAMES)
def test_recorded_episodes_replay_exactly(name):
    want = recording(name)
    (env, params), layouts = made(name.split("/")[0], want)
    assert envs.horizon(env, params) == want["actions"].shape[1]

    def play(layout, actions):
        obs, state = env.reset_to(layout, params)

        def step(state, action):
            seen, state, reward, done, info = env.step_env(jax.random.key(0), state, action, params)
            return state, (seen, reward, done, info, env.is_truncated(state, params), state.cell)

        _, outs = jax.lax.scan(step, state, actions)
        return obs, outs

    first, (obs, reward, done, info, truncated, cell) = jax.jit(jax.vmap(play))(layouts, want["actions"])
    obs = np.concatenate([first[:, None], obs], axis=1)
    assert obs.dtype == np.uint8
    np.testing.assert_array_equal(obs, want["obs"])
    assert reward.dtype == np.float32
    np.testing.assert_allclose(reward, want["reward"].astype(np.float32), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(done, want["done"])
    np.testing.assert_array_equal(info["success"][:, -1], want["success"].astype(np.float32))
    assert not info["success"][:, :-1].any()
    np.testing.assert_array_equal(np.stack(np.divmod(cell, 11), axis=-1), want["player_rc"][:, 1:])
    assert not truncated.any()
    eaten = (want["reward"] - want["final_reward"] * want["success"][:, None] * last_reward(want)) > 0
    np.testing.assert_array_equal(info["apples"], eaten.cumsum(axis=1))
    if "has_key_at_reward" in want:
        np.testing.assert_array_equal(info["key"][:, -1], want["has_key_at_reward"])


def last_reward(want):
    """Where the last room paid: the only rewards there."""
    steps = np.arange(want["actions"].shape[1])
    return (steps >= want["max_frames"][:2].sum()) & (want["reward"] > 0)
