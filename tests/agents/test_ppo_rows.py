"""The PPO agent where it compares rows step by step, and where rewards are of several kinds."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import small_config
from unroll_cases import alone, make_agent, random_state, several_episodes

from jaxmem import agents
from jaxmem.agents.advantages import relative_rewards
from jaxmem.config import ConfigError
from jaxmem.losses import by_size
from jaxmem.training import LoopOptions

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def state():
    return random_state(make_agent("ppo"))


def test_the_step_baseline_is_what_the_other_rows_got_at_the_same_step(state):
    steps = alone(several_episodes())
    plain, less = (
        make_agent("ppo", normalize_over="off", step_baseline=flag).prepare(state, steps, KEY) for flag in (False, True)
    )
    mask, advantage = np.asarray(steps.mask), np.asarray(plain.advantage, np.float64)
    assert mask.sum(1).min() < mask.shape[1], "no row is over before the others"
    for t, row in np.argwhere(mask):
        others = [advantage[t, other] for other in np.flatnonzero(mask[t]) if other != row]
        np.testing.assert_allclose(less.advantage[t, row], advantage[t, row] - np.mean(others), atol=1e-5)
    assert not np.asarray(less.advantage)[~mask].any()
    np.testing.assert_array_equal(less.target, plain.target)


def test_values_may_be_of_rewards_over_the_other_rows(state):
    steps = alone(several_episodes())
    plain, relative = (
        make_agent("ppo", discount=0.9, td_lambda=0.8, normalize_over="off", relative_values=flag)
        for flag in (False, True)
    )
    reward, _ = relative_rewards(steps.reward, steps.discounts(0.9), steps.terminated, steps.mask, 0.9)
    want = plain.prepare(state, replace(steps, reward=reward), KEY)
    got = relative.prepare(state, steps, KEY)
    for name in ("target", "advantage"):
        np.testing.assert_allclose(getattr(got, name), getattr(want, name), atol=1e-6)
    assert (np.asarray(got.target) != np.asarray(plain.prepare(state, steps, KEY).target)).any()


@pytest.mark.parametrize(("relative", "far", "alike"), [(False, False, False), (True, True, False), (True, True, True)])
def test_each_kind_of_reward_has_values_of_its_own(relative, far, alike):
    """As if the others were not paid; advantages add up, in one unit. Large ones may be credited further back."""
    steps = alone(several_episodes())
    sizes = float(np.median(np.abs(np.asarray(steps.reward)[np.asarray(steps.mask)])))
    shared: dict[str, Any] = dict(
        discount=0.9, td_lambda=0.8, policy_lambda=0.5, normalize_over="off", relative_values=relative
    )
    kinds: dict[str, Any] = dict(reward_sizes=(sizes,), far_size=sizes if far else None, sizes_alike=alike)
    agent = make_agent("ppo", **kinds, **shared)
    split = random_state(agent)
    got = agent.prepare(split, steps, KEY)
    _, (_, value) = agent.net.apply(split.params, None, steps.inputs, steps.start, method="unroll")
    assert got.target.shape == got.value.shape == (*steps.mask.shape, 2)
    judged = []
    for kind, reward in enumerate(jnp.moveaxis(by_size(steps.reward, (sizes,)), -1, 0)):
        assert np.asarray(reward).any()
        by_itself = make_agent("ppo", **shared)._judged(
            value[..., kind],
            reward,
            0.8 if far and kind else 0.5,
            steps,
            steps.mask.astype(jnp.float32),
        )
        np.testing.assert_allclose(got.target[..., kind], by_itself.target, atol=1e-5)
        judged.append(by_itself)
    units = np.ones(2) if alike else np.array([one.unit for one in judged])
    weights = units / np.sqrt(np.sum(units**2)) if relative else np.ones(2)
    added = sum(weight * one.advantage for weight, one in zip(weights, judged, strict=True))
    np.testing.assert_allclose(got.advantage, added, atol=1e-5)
    # The loss counts each kind, and reports their sum as the value.
    _, metrics = agent.loss(split.params, got, KEY)
    mask = np.asarray(steps.mask)
    error = np.square(np.asarray(value[:-1]) - got.target).sum(-1)
    np.testing.assert_allclose(metrics["value"], np.asarray(value[:-1]).sum(-1)[mask].mean(), rtol=1e-4)
    assert metrics["value_loss"] >= 0.5 * error[mask].mean() * (1 - 1e-4)


@pytest.mark.parametrize("wrong", [(0.3, 0.3), (1.0, 0.3), (0.0,), 3.0])
def test_sizes_of_rewards_are_positive_and_in_order(wrong):
    with pytest.raises(ConfigError, match="agent.reward_sizes is .*: allowed is a list of numbers > 0, in order"):
        agents.options("ppo", reward_sizes=wrong)


def test_far_rewards_are_one_of_the_kinds_and_farther_than_others():
    with pytest.raises(ConfigError, match="agent.far_size is 1.0: allowed is one of agent.reward_sizes, or none"):
        agents.options("ppo", far_size=1.0, reward_sizes=(0.5, 2.0), policy_lambda=0.9)
    with pytest.raises(ConfigError, match="agent.far_size is 2.0: without agent.policy_lambda, allowed is none alone"):
        agents.options("ppo", far_size=2.0, reward_sizes=(0.5, 2.0))


@pytest.mark.parametrize("lacks", [{"relative_values": False}, {"reward_sizes": ()}])
def test_kinds_weigh_alike_where_there_are_kinds_and_units(lacks):
    given = {"relative_values": True, "reward_sizes": (0.5,), "sizes_alike": True}
    with pytest.raises(ConfigError, match="agent.sizes_alike is on: it takes agent.relative_values and"):
        agents.options("ppo", **given | lacks)


@pytest.mark.parametrize("field", ["relative_values", "step_baseline"])
def test_rows_that_are_compared_step_by_step_play_whole_episodes(field):
    config = small_config(agent=agents.options("ppo", **{field: True}), loop=LoopOptions(collect=2))
    with pytest.raises(ConfigError, match="loop.unroll is 4: ppo compares rows step by step"):
        replace(config, loop=LoopOptions(unroll=4))
    with pytest.raises(ConfigError, match="loop.collect is 1: ppo compares rows step by step, allowed is 2 and more"):
        replace(config, loop=LoopOptions(collect=1))
