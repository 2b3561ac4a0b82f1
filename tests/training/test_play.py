"""Unrolls go on where they were, and episodes begin and end inside them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from countdown import LIMIT, Countdown, Recorder
from gymnax.environments.environment import EnvParams
from support import assert_same_bits

from jaxmem.agents import Unroll
from jaxmem.exploration import DeviationOptions, Deviations
from jaxmem.training.collect import collect
from jaxmem.training.play import begin, play
from jaxmem.training.task import Task

ROWS, STEPS = 30, 13
TASK = Task(Countdown(), EnvParams(max_steps_in_episode=LIMIT), LIMIT, ("success",))
AGENT = Recorder()
DEVIATIONS = Deviations(DeviationOptions(), LIMIT, 2)


@pytest.fixture(scope="module")
def played():
    """Two unrolls, the second going on where the first one ended, with what was counted in each."""

    def twice(key):
        actors = begin(TASK, AGENT, key, ROWS, DEVIATIONS)  # type: ignore[arg-type]
        unrolls = []
        for play_key in jax.random.split(key):
            actors, *rest = play(TASK, AGENT, None, actors, play_key, STEPS, (0.0, 0.1), DEVIATIONS)  # type: ignore[arg-type]
            unrolls.append(rest)
        return unrolls

    return jax.jit(twice)(jax.random.key(0))


@pytest.fixture(scope="module")
def unrolls(played) -> list[Unroll]:
    return [jax.tree.map(np.asarray, unroll) for unroll, _, _ in played]


def test_rows_follow_the_environment_step_by_step(unrolls):
    """Each row, both unrolls joined, is read as a person would and compared with what is recorded."""
    time, length, start, mask, terminated, reward, action = (
        np.concatenate([pick(unroll)[:STEPS] for unroll in unrolls])
        for pick in (
            lambda u: u.inputs.obs[..., 0],
            lambda u: u.inputs.obs[..., 1],
            lambda u: u.start,
            lambda u: u.mask,
            lambda u: u.terminated,
            lambda u: u.reward,
            lambda u: u.action,
        )
    )
    kinds = set()
    for row in range(ROWS):
        expected_time, cut = 0, False
        for t in range(2 * STEPS):
            here = t, row
            assert time[here] == expected_time
            assert start[here] == (expected_time == 0)
            assert mask[here] == (not cut)
            assert action[here] == expected_time % 2, "the memory counts the steps of its episode"
            ends = not cut and expected_time + 1 == length[here]
            assert terminated[here] == ends
            assert reward[here] == mask[here]
            limit = not cut and not ends and expected_time + 1 == LIMIT
            kinds |= {name for name, is_so in (("ends", ends), ("limit", limit)) if is_so}
            expected_time = 0 if ends or cut else expected_time + 1
            cut = limit
    assert kinds == {"ends", "limit"}


def test_inputs_tell_of_the_step_before_within_the_episode_alone(unrolls):
    for unroll in unrolls:
        start = unroll.start[1:]
        previous = np.where(start, -1, unroll.action)
        np.testing.assert_array_equal(unroll.inputs.prev_action[1:], previous)
        np.testing.assert_array_equal(unroll.inputs.prev_reward[1:], np.where(start, 0, unroll.reward))


def test_the_second_unroll_begins_with_what_the_first_one_saw_last(unrolls):
    first, second = unrolls
    assert_same_bits(
        jax.tree.map(lambda leaf: leaf[STEPS], (first.inputs, first.start)),
        jax.tree.map(lambda leaf: leaf[0], (second.inputs, second.start)),
    )
    # The recorder's memory is the number of the step before, and begins with 7.
    np.testing.assert_array_equal(first.memory, np.full(ROWS, 7))
    carried = np.where(second.start[0], -1, second.memory)
    np.testing.assert_array_equal(carried, second.inputs.obs[0, :, 0] - 1)


def test_episodes_that_ended_are_counted_once(played, unrolls):
    returns = lengths = count = 0.0
    for unroll, (_, ended, sums) in zip(unrolls, played, strict=True):
        final = np.concatenate([unroll.terminated, np.zeros((1, ROWS), bool)])[:STEPS]
        cut = ~unroll.terminated & unroll.mask & (unroll.inputs.obs[1:, :, 0] == LIMIT)
        lasts = final | cut
        assert int(ended) == lasts.sum()
        np.testing.assert_allclose(sums["success"], 0.5 * lasts.sum())
        returns, lengths, count = returns + sums["return"], lengths + sums["length"], count + lasts.sum()
        played_steps = unroll.inputs.obs[:STEPS, :, 0][lasts] + 1
        np.testing.assert_allclose(sums["length"], played_steps.sum())
    # A reward of 1 a step.
    assert returns == lengths
    assert count > ROWS


def test_values_go_on_through_a_time_limit_and_not_past_an_end(unrolls):
    for unroll in unrolls:
        discounts = np.asarray(unroll.discounts(0.9))
        np.testing.assert_allclose(discounts, np.where(unroll.mask & ~unroll.terminated, 0.9, 0), rtol=1e-6)
        cut = ~unroll.mask[1:]
        assert cut.any()
        assert (discounts[:-1][cut] > 0).all(), "the step before the last observation"
        assert (discounts[1:][cut] == 0).all(), "the last observation itself"


def test_whole_episodes_make_an_unroll():
    episodes, _ = collect(TASK, AGENT, None, jax.random.key(1), ROWS, "explore")  # type: ignore[arg-type]
    unroll = Unroll.of(episodes)
    assert unroll.memory is None
    np.testing.assert_array_equal(unroll.mask, episodes.mask)
    np.testing.assert_array_equal(unroll.discounts(0.9), episodes.discounts(0.9))
    np.testing.assert_array_equal(jnp.sum(unroll.terminated, axis=0), episodes.terminated)
