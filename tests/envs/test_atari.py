"""Atari games beside the library's own interface: what the emulators show, pay and say."""

import jax
import numpy as np
import pytest
from atari_play import KEY, STEPS, after, random_actions, recorder
from support import assert_same_bits

from jaxmem import envs

pytest.importorskip("ale_py")

from ale_py.vector_env import AtariVectorEnv

ROWS = 2
ACTIONS = random_actions(0, 4, rows=ROWS)


@pytest.fixture(scope="module")
def breakout():
    return recorder("ale/breakout", ROWS, size=12)


@pytest.fixture(scope="module")
def games(breakout):
    """Random actions in Breakout, in which whole games end: the first observations, and what came of each step."""
    first, record = breakout(KEY, ACTIONS)
    assert record["terminated"].sum() >= 3
    return first, record


def in_the_library(key, actions, **options):
    """The same games by the library's interface for the host."""
    rows = actions.shape[1]
    seeds = np.asarray(jax.random.randint(key, (rows,), 0, 2**31 - 1))
    vector = AtariVectorEnv(
        "breakout", rows, repeat_action_probability=0.25, reward_clipping=False, use_fire_reset=False, **options
    )
    obs = [vector.reset(seed=seeds)[0].copy()]
    rewards, ends = [], []
    for action in actions:
        seen, reward, terminated, _, _ = vector.step(action)
        obs.append(seen.copy())
        rewards.append(reward.copy())
        ends.append(terminated.copy())
    return np.stack(obs), np.stack(rewards), np.stack(ends)


def test_games_are_those_of_the_library(games):
    first, record = games
    obs, reward, terminated = in_the_library(KEY, ACTIONS, img_height=12, img_width=12)
    assert first.dtype == record["obs"].dtype == np.uint8
    np.testing.assert_array_equal(np.concatenate([first[None], record["obs"]]), np.moveaxis(obs, 2, -1))
    np.testing.assert_array_equal(record["reward"], reward)
    np.testing.assert_array_equal(record["terminated"], terminated)
    assert record["reward"].dtype == record["score"].dtype == np.float32
    assert record["terminated"].dtype == record["truncated"].dtype == bool
    assert not record["truncated"].any()


def test_colours_stay_beside_their_frame():
    first, record = recorder("ale/breakout", size=12, grayscale=False)(KEY, random_actions(0, 4, 6))
    obs, _, _ = in_the_library(KEY, random_actions(0, 4, 6), img_height=12, img_width=12, grayscale=False)
    seen = np.concatenate([first[None], record["obs"]])
    assert seen.shape == (7, 1, 12, 12, 12)
    np.testing.assert_array_equal(seen.reshape(7, 1, 12, 12, 4, 3), np.moveaxis(obs, 2, -2))


def test_the_same_key_and_actions_give_the_same_bits(breakout, games):
    again, fresh = breakout(KEY, ACTIONS), recorder("ale/breakout", ROWS, size=12, threads=1)(KEY, ACTIONS)
    assert_same_bits(again, games)
    assert_same_bits(fresh, games)
    other = breakout(jax.random.key(1), ACTIONS)
    assert not np.array_equal(other[1]["obs"][:20], games[1]["obs"][:20])


def test_games_begin_after_no_ops_whose_number_is_random():
    firsts = []
    for noop_max in (30, 0):
        env, params = envs.make("ale/freeway", noop_max=noop_max)
        obs = [np.asarray(env.reset(jax.random.key(number), params)[0]) for number in range(4)]
        firsts.append({seen[..., -1].tobytes() for seen in obs})
        # Before the first frame there was none.
        assert not np.any([seen[..., :-1] for seen in obs])
    assert len(firsts[0]) > 1
    assert len(firsts[1]) == 1


def test_the_step_after_the_end_begins_the_next_game_whatever_the_action(breakout, games):
    _, record = games
    begins = after(record["terminated"])
    assert begins.any()
    assert not record["reward"][begins].any()
    assert not record["ended"][begins].any()
    assert (record["score"][begins] == 0).all()
    assert (record["lives"][begins] == 5).all()
    assert not record["obs"][begins][..., :-1].any()
    assert record["obs"][record["terminated"]][..., :-1].any()
    assert (record["lives"][record["terminated"]] == 0).all()
    actions = ACTIONS.copy()
    actions[begins] = (actions[begins] + 1) % 4
    assert_same_bits(breakout(KEY, actions), games)


def test_the_score_is_the_sum_of_what_the_game_paid(games):
    _, record = games
    total = np.zeros(ROWS)
    for t in range(STEPS):
        total = np.where(after(record["terminated"])[t], 0, total) + record["reward"][t]
        np.testing.assert_array_equal(record["score"][t], total)
    assert record["score"].max() > 0
