"""How lives and time limits of Atari end episodes, and what is paid where rewards are clipped."""

from typing import Any

import numpy as np
import pytest
from atari_play import KEY, after, random_actions, recorder

from jaxmem import envs

pytest.importorskip("ale_py")


def test_clipped_rewards_are_signs_and_the_score_stays_the_true_one():
    # Nothing moves in the first 4 seconds.
    actions = random_actions(0, 9, 120)
    _, paid = recorder("ale/ms_pacman", size=8, stack=1)(KEY, actions)
    _, clipped = recorder("ale/ms_pacman", size=8, stack=1, clip_rewards=True)(KEY, actions)
    assert paid["reward"].max() >= 10
    np.testing.assert_array_equal(clipped["reward"], np.sign(paid["reward"]))
    np.testing.assert_array_equal(clipped["score"], paid["score"])


@pytest.mark.parametrize("fire", [False, True])
def test_a_lost_life_ends_an_episode_and_the_game_goes_on(fire):
    options = {"size": 12, "fire_reset": fire}
    actions = random_actions(0, 4)
    _, lives = recorder("ale/breakout", episodic_life=True, **options)(KEY, actions)
    lost = lives["terminated"] & (lives["lives"] > 0)
    assert lost.sum() >= 4
    assert (lives["terminated"] & (lives["lives"] == 0)).any()
    # In the plain game the same happens: fire is pressed there as well, nothing has to be done by hand.
    if not fire:
        actions[after(lost)] = 0
    _, whole = recorder("ale/breakout", **options)(KEY, actions)
    for name in ("obs", "lives", "truncated"):
        np.testing.assert_array_equal(lives[name], whole[name])
    # A life is no game, and has no score.
    assert np.isnan(lives["score"]).all()
    assert np.isfinite(whole["score"]).all()
    np.testing.assert_array_equal(lives["terminated"], whole["terminated"] | lost)
    fell = np.diff(whole["lives"], axis=0) < 0
    np.testing.assert_array_equal(lives["terminated"][1:], fell)
    begins = after(lives["terminated"])
    np.testing.assert_array_equal(lives["reward"], np.where(begins, 0, whole["reward"]))


def test_whoever_was_trained_by_lives_plays_whole_games():
    trained: Any = envs.options("ale/breakout", size=12, episodic_life=True, fire_reset=True)
    evaluated = trained.evaluated()
    assert (evaluated.episodic_life, evaluated.fire_reset) == (False, True)
    # An agent that never presses fire, as it never had to, loses one life after the other.
    actions = np.where(random_actions(0, 4) == 1, 0, random_actions(0, 4))
    _, record = recorder("ale/breakout", size=12, fire_reset=True)(KEY, actions)
    assert record["lives"].min() <= 3


def test_a_time_limit_truncates_and_the_no_ops_do_not_count():
    options = {"size": 8, "max_frames": 42, "frame_skip": 5}
    env, params = envs.make("ale/pong", **options)
    assert envs.horizon(env, params) == envs.spec("ale/pong", **options).horizon == 9
    _, record = recorder("ale/pong", **options)(KEY, random_actions(0, 6, 30))
    steps = np.zeros((30, 1), bool)
    # Each game is 9 steps, and the one that begins the next.
    steps[[8, 18, 28]] = True
    np.testing.assert_array_equal(record["truncated"], steps)
    assert not record["terminated"].any()
