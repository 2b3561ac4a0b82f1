"""Collected episodes are what the environment plays, whole, and padded correctly."""

import jax
import numpy as np
import pytest
from countdown import Countdown, Recorder
from gymnax.environments.environment import EnvParams

from jaxmem import envs
from jaxmem.training.collect import collect
from jaxmem.training.task import Task

ROWS = 40


@pytest.fixture(scope="module")
def played():
    task = Task(Countdown(), EnvParams(max_steps_in_episode=5), 5, ("success",))
    function = jax.jit(lambda key: collect(task, Recorder(), None, key, ROWS, "explore"))  # type: ignore[arg-type]
    return function(jax.random.key(0))


def test_lengths_ends_and_rewards_of_variable_episodes(played):
    episodes, outcome = played
    length = np.asarray(episodes.obs[0, :, 1])
    assert len(set(length)) == 8
    np.testing.assert_array_equal(episodes.length, np.minimum(length, 5))
    np.testing.assert_array_equal(episodes.terminated, length <= 5)
    np.testing.assert_array_equal(episodes.returns, np.minimum(length, 5))
    np.testing.assert_array_equal(episodes.reward, np.asarray(episodes.mask, np.float32))
    np.testing.assert_array_equal(outcome["success"], np.full(ROWS, 0.5))


def test_padding_repeats_the_last_observation_and_no_new_episode_begins(played):
    episodes, _ = played
    times = np.minimum(np.arange(6)[:, None], np.asarray(episodes.length))
    np.testing.assert_array_equal(episodes.obs[:, :, 0], times)
    assert (np.asarray(episodes.obs[:, :, 1]) == np.asarray(episodes.obs[0, :, 1])).all()


def test_memory_starts_with_the_episode_and_is_carried(played):
    episodes, _ = played
    expected = np.broadcast_to(np.arange(5)[:, None] % 2, (5, ROWS))
    np.testing.assert_array_equal(episodes.action, expected)


def test_what_was_chosen_is_recorded_with_how_likely_it_was(played):
    episodes, _ = played
    np.testing.assert_array_equal(episodes.log_prob, np.broadcast_to(-np.arange(5.0)[:, None], (5, ROWS)))


def test_random_mode_plays_every_action_and_fixed_horizons_are_full():
    task = Task.of(envs.options("ActiveTMaze-v0", length=4))
    assert task.horizon == 7
    episodes, outcome = collect(task, Recorder(), None, jax.random.key(1), 64, "random")  # type: ignore[arg-type]
    assert set(np.unique(episodes.action)) == {0, 1, 2, 3}
    np.testing.assert_allclose(np.exp(episodes.log_prob), 0.25, rtol=1e-6)
    assert (np.asarray(episodes.length) == 7).all()
    assert np.asarray(episodes.terminated).all()
    assert set(np.unique(outcome["success"])) <= {0.0, 1.0}


def test_an_environment_says_how_its_episodes_went():
    task = Task.of(envs.options("KeyToDoor-v0", max_frames=(15, 5, 1)))
    episodes, outcome = collect(task, Recorder(), None, jax.random.key(1), 64, "random")  # type: ignore[arg-type]
    assert set(outcome) == {"return", "length", "success", "apples", "key"}
    np.testing.assert_allclose(outcome["return"], outcome["apples"] + 5 * outcome["success"])
    assert 0 < np.mean(outcome["key"]) < 1
    np.testing.assert_array_equal(outcome["length"], np.full(64, 21.0))
    assert all(value.dtype == np.float32 for value in outcome.values())
    assert episodes.obs.dtype == np.uint8


def test_environments_without_success_have_none():
    task = Task.of(envs.options("CartPole-v1", max_steps_in_episode=3))
    episodes, outcome = collect(task, Recorder(), None, jax.random.key(1), 2, "random")  # type: ignore[arg-type]
    assert np.isnan(outcome["success"]).all()
    assert not np.asarray(episodes.terminated).any()
    np.testing.assert_array_equal(episodes.discounts(0.9), np.full((3, 2), 0.9, np.float32))
