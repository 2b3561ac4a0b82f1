"""The PPO agent: what is made of an unroll beforehand, its loss by hand, and where gradients go."""

from dataclasses import fields, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from core_cases import QUICK
from unroll_cases import ACTIONS, LENGTHS, ROWS, STEPS, alone, make_agent, random_state, several_episodes

from jaxmem import agents
from jaxmem.agents import Unroll
from jaxmem.agents.advantages import calibrated
from jaxmem.agents.ppo import PPOBatch
from jaxmem.config import ConfigError
from jaxmem.networks import first_inputs

AGENT = make_agent("ppo", discount=0.9, td_lambda=0.8, normalize_over="off")
KEY = jax.random.key(0)
STEPWISE = [field.name for field in fields(Unroll) if field.name != "memory"]
leaves = jax.tree.leaves
prepare = jax.jit(AGENT.prepare, compiler_options=QUICK)


@pytest.fixture(scope="module")
def state():
    return random_state(AGENT)


@pytest.fixture(scope="module")
def outputs(state) -> tuple[np.ndarray, np.ndarray]:
    """What the network says of `several_episodes()`: log-probabilities of all actions, and values, float64."""
    unroll, apply = several_episodes(), AGENT.net.apply
    _, (logits, value) = apply(state.params, None, unroll.inputs, unroll.start, method="unroll")
    logits = np.asarray(logits, np.float64)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True)), np.asarray(value, np.float64)


@pytest.fixture(scope="module")
def batch(state) -> PPOBatch:
    return prepare(state, several_episodes(), KEY)


def test_advantages_are_generalised_advantages(batch, outputs):
    """Schulman et al. 2016, eq. 16: a sum of TD errors within each episode, which bootstraps through time limits."""
    unroll, (log_p, value) = several_episodes(), outputs
    taken = np.take_along_axis(log_p[:-1], np.asarray(unroll.action)[..., None], -1)[..., 0]
    mask, done = np.asarray(unroll.mask), np.asarray(unroll.terminated)
    delta = np.asarray(unroll.reward) + 0.9 * value[1:] * ~done - value[:-1]
    for row in range(ROWS):
        for t in range(STEPS):
            expected, weight = 0.0, 1.0
            for k in range(t, STEPS):
                if not mask[k, row]:
                    break
                expected += weight * delta[k, row]
                if done[k, row]:
                    break
                weight *= 0.9 * 0.8
            if mask[t, row]:
                np.testing.assert_allclose(batch.advantage[t, row], expected, atol=1e-5)
    np.testing.assert_allclose(batch.target, value[:-1] + np.where(mask, batch.advantage, 0), atol=1e-5)
    np.testing.assert_array_equal(batch.weight, np.ones_like(mask))
    np.testing.assert_allclose(batch.value, value[:-1], atol=1e-5)
    np.testing.assert_allclose(batch.log_prob, taken, atol=1e-5)


def test_calibrated_values_bend_the_policys_advantages_alone(state, outputs):
    # Nothing is paid: of what values say, only what stands where rows are cut off comes true.
    steps = several_episodes()
    steps = replace(steps, reward=jnp.zeros_like(steps.reward))
    both = [
        make_agent("ppo", discount=0.9, td_lambda=1.0, policy_lambda=0.3, calibrate=flag, normalize_over="off")
        for flag in (False, True)
    ]
    plain, bent = (jax.jit(a.prepare, compiler_options=QUICK)(state, steps, KEY) for a in both)
    assert plain.trust == 1
    assert 0 < bent.trust < 1
    np.testing.assert_allclose(bent.trust, calibrated(jnp.asarray(outputs[1]), plain.target, steps.mask)[1], rtol=1e-4)
    np.testing.assert_array_equal(bent.target, plain.target)
    np.testing.assert_array_equal(bent.value, plain.value)
    assert (np.asarray(bent.advantage) != np.asarray(plain.advantage)).any()


def test_nothing_is_calibrated_where_the_policy_takes_the_values_returns():
    with pytest.raises(ConfigError, match="agent.calibrate is on: agent.policy_lambda is none, allowed is a number"):
        agents.options("ppo", calibrate=True)


def test_the_policy_may_look_less_far_than_the_values(state, batch):
    both = make_agent("ppo", discount=0.9, td_lambda=0.8, policy_lambda=0.3, normalize_over="off")
    short = make_agent("ppo", discount=0.9, td_lambda=0.3, normalize_over="off")
    mixed, near = (jax.jit(a.prepare, compiler_options=QUICK)(state, several_episodes(), KEY) for a in (both, short))
    np.testing.assert_allclose(mixed.advantage, near.advantage, atol=1e-6)
    np.testing.assert_allclose(mixed.target, batch.target, atol=1e-6)
    assert (np.asarray(near.target) != np.asarray(batch.target)).any()


@pytest.mark.parametrize("clip_value", [None, 0.05])
@pytest.mark.parametrize("normalize", ["off", "minibatch"])
def test_the_loss_is_what_numpy_makes_of_the_networks_outputs(batch, outputs, state, clip_value, normalize):
    (log_p, value), mask = outputs, np.asarray(batch.steps.mask)
    costs: dict[str, Any] = dict(entropy_cost=0.2, barrier_cost=0.1, baseline_cost=0.3, clip_ratio=0.1)
    agent = make_agent("ppo", normalize_over=normalize, clip_value=clip_value, **costs)
    rng = np.random.default_rng(5)
    old = replace(
        batch,
        log_prob=batch.log_prob + jnp.asarray(rng.normal(scale=0.3, size=mask.shape), jnp.float32),
        value=batch.value + jnp.asarray(rng.normal(scale=0.3, size=mask.shape), jnp.float32),
    )
    ratio = np.exp(np.asarray(batch.log_prob, np.float64) - np.asarray(old.log_prob))
    assert (np.abs(ratio - 1)[mask] > 0.1).any()
    advantage = np.asarray(old.advantage, np.float64)
    if normalize == "minibatch":
        advantage = (advantage - advantage[mask].mean()) / advantage[mask].std()
    policy = -np.minimum(ratio * advantage, ratio.clip(0.9, 1.1) * advantage)
    error = (value[:-1] - old.target) ** 2
    if clip_value is not None:
        near = old.value + np.clip(value[:-1] - old.value, -clip_value, clip_value)
        error = np.maximum(error, (near - old.target) ** 2)
    entropy, barrier = -(np.exp(log_p) * log_p).sum(-1)[:-1], log_p.mean(-1)[:-1]
    expected = (policy + 0.3 * 0.5 * error - 0.2 * entropy - 0.1 * barrier)[mask].mean()
    loss, metrics = agent.loss(state.params, old, KEY)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(metrics["clipped"], (np.abs(ratio - 1) > 0.1)[mask].mean(), rtol=1e-6)
    np.testing.assert_allclose(metrics["kl"], (ratio - 1 - np.log(ratio))[mask].mean(), rtol=1e-3)


def test_over_an_iteration_advantages_are_normalised_once(state):
    agent = make_agent("ppo", normalize_over="iteration")
    batch = agent.prepare(state, several_episodes(), KEY)
    advantage = np.asarray(batch.advantage)[np.asarray(batch.steps.mask)]
    np.testing.assert_allclose([advantage.mean(), advantage.std()], [0, 1], atol=1e-4)
    part = batch.rows(jnp.array([1]))
    np.testing.assert_array_equal(part.advantage, batch.advantage[:, 1:])


def test_episodes_in_one_unroll_equal_episodes_alone(state):
    apart = alone(several_episodes())

    @partial(jax.jit, compiler_options=QUICK)
    def gradient(params: Any, unroll: Any) -> Any:
        return jax.grad(lambda p: AGENT.loss(p, AGENT.prepare(state, unroll, KEY), KEY)[0])(params)

    for a, b in zip(
        *(jax.tree.leaves(gradient(state.params, steps)) for steps in (several_episodes(), apart)), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5 * max(1.0, float(jnp.abs(b).max())))


def test_the_first_step_is_that_of_an_actor_critic(batch, state):
    """Before any update all ratios are 1: the gradient is that of log-probability times advantage."""

    def by_log_prob(params: Any) -> jax.Array:
        log_prob = AGENT.outputs(params, batch.steps, KEY).log_prob
        return -jnp.sum(jnp.where(batch.steps.mask, log_prob * batch.advantage, 0)) / batch.steps.mask.sum()

    got = jax.grad(lambda p: AGENT.loss(p, batch, KEY)[1]["policy_loss"])(state.params)["params"]
    expected = jax.grad(by_log_prob)(state.params)["params"]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), got, expected)
    norms = {name: float(optax.tree.norm(part)) for name, part in got.items()}
    assert norms["actor"] > 0
    assert norms["trunk"] > 0
    assert norms["critic"] == 0


def test_an_update_is_left_out_once_the_policy_has_gone_far_enough(state):
    agent = make_agent("ppo", target_kl=0.01)
    batch = agent.prepare(state, several_episodes(), KEY)
    update = jax.jit(agent.update, compiler_options=QUICK)
    near, metrics = update(state, batch, KEY, 0.0)
    assert metrics["kl"] < 1e-6
    assert any((a != b).any() for a, b in zip(leaves(near.params), leaves(state.params), strict=True))
    # As if the policy had been another one.
    far = replace(batch, log_prob=batch.log_prob + 0.5)
    kept, metrics = update(state, far, KEY, 0.0)
    assert metrics["kl"] > 0.01
    for a, b in zip(leaves(kept), leaves(state), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_a_deviation_chose_says_nothing_of_how_far_the_policy_went(batch, state):
    deviated = jnp.zeros_like(batch.steps.mask).at[2].set(True)
    odd = replace(batch, log_prob=batch.log_prob.at[2].add(-9.0), steps=replace(batch.steps, deviated=deviated))
    assert AGENT.loss(state.params, odd, KEY)[1]["kl"] < 1e-6
    assert AGENT.loss(state.params, replace(odd, steps=batch.steps), KEY)[1]["kl"] > 1


def test_rows_are_rows(batch):
    part = batch.rows(jnp.array([1, 0, 1]))
    assert part.steps.inputs.obs.shape == (STEPS + 1, 3, 2)
    np.testing.assert_array_equal(part.steps.action[:, 2], batch.steps.action[:, 1])
    memory = AGENT.initial_carry(ROWS)
    memory = jax.tree.map(lambda leaf: leaf + jnp.arange(ROWS).reshape(-1, *[1] * (leaf.ndim - 1)), memory)
    carried = replace(batch.steps, memory=memory).rows(jnp.array([1]))
    for leaf in jax.tree.leaves(carried.memory):
        np.testing.assert_array_equal(leaf, jnp.ones_like(leaf))
    assert sum(LENGTHS) == STEPS


@pytest.mark.parametrize("kind", ["ratio", "masked", "keep"])
def test_what_a_deviation_chose_has_a_weight_and_lets_no_more_through_than_it_would_have_happened(kind, state):
    """Its step's weight is by kind; earlier steps see beyond it with min(1, ratio), as V-trace's do."""
    agent = make_agent("ppo", discount=0.9, td_lambda=0.8, deviation_weight=kind)
    unroll = several_episodes()
    plain = jax.jit(agent.prepare, compiler_options=QUICK)(state, unroll, KEY)
    # In the first episode, four steps long, the third one deviates, with half of the policy's probability.
    deviated = jnp.zeros_like(unroll.mask).at[2].set(True)
    log_prob = jnp.where(deviated, plain.log_prob + jnp.log(2.0), unroll.log_prob)
    batch = jax.jit(agent.prepare, compiler_options=QUICK)(
        state, replace(unroll, deviated=deviated, log_prob=log_prob), KEY
    )
    weight = {"ratio": 0.5, "masked": 0.0, "keep": np.where(np.asarray(batch.advantage[2]) > 0, 1, 0.5)}[kind]
    np.testing.assert_allclose(batch.weight[2], np.broadcast_to(weight, (ROWS,)), rtol=1e-5)
    np.testing.assert_array_equal(batch.weight[np.arange(STEPS) != 2], np.ones((STEPS - 1, ROWS)))
    np.testing.assert_allclose(batch.advantage[2], plain.advantage[2], rtol=1e-5)
    np.testing.assert_allclose(batch.target[2] - batch.value[2], 0.5 * (plain.target[2] - plain.value[2]), rtol=1e-4)
    np.testing.assert_array_equal(batch.advantage[3:], plain.advantage[3:])
    assert (np.asarray(batch.advantage[:2]) != np.asarray(plain.advantage[:2])).all()


@pytest.mark.parametrize(
    ("epsilon", "temperature"), [(0.6, 1.0), (0.0, 2.0), (0.2, 0.5), (0.1, 0.0), (0.0, 0.0)], ids=str
)
def test_what_a_bandit_teaches_while_exploring(epsilon, temperature):
    """By enumeration, weighted with the behaviour: the policy's gradient is unbiased where every action can be drawn.

    Of what cannot be, nothing is learned. Targets are biased to the policy proportional to min(behaviour, policy).
    """
    schedules = dict(epsilon_start=epsilon, epsilon_end=epsilon)
    schedules |= dict(act_temperature_start=temperature, act_temperature_end=temperature)
    agent = make_agent("ppo", core="mlp", normalize_over="off", **schedules)
    state, worth = random_state(agent), jnp.array([0.0, -1.0, 2.0])
    action, ones = jnp.arange(ACTIONS), jnp.ones((1, ACTIONS), bool)
    inputs = first_inputs(jnp.full((ACTIONS, 2), 0.7))
    _, log_b = agent.behaviour(state, agent.initial_carry(ACTIONS), inputs, ones[0], KEY, 0.5, explore=True)
    behaviour = jnp.exp(log_b[0])
    unroll = Unroll(
        memory=None,
        inputs=jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), inputs),
        start=jnp.concatenate([ones, ~ones]),
        action=action[None],
        # Those of probability 0 count nothing.
        log_prob=jnp.where(behaviour > 0, log_b[0], 0)[None],
        deviated=~ones,
        reward=worth[None],
        terminated=ones,
        mask=ones,
    )

    @partial(jax.jit, compiler_options=QUICK)
    def learned(params: Any) -> Any:
        batch = agent.prepare(state, unroll, KEY)
        expected = replace(batch, weight=ACTIONS * behaviour * batch.weight)
        gradient = jax.grad(lambda params: agent.loss(params, expected, KEY)[1]["policy_loss"])(params)
        return gradient, behaviour @ (batch.target - batch.value)[0]

    def known(params: Any) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        logits, _, value, _ = agent.outputs(params, unroll, KEY)
        policy, advantage = jax.nn.softmax(logits[0, 0]), worth - value[0]
        weight = jax.lax.stop_gradient(jnp.where(behaviour > 0, policy * advantage, 0))
        return -jnp.sum(weight * jnp.log(policy)), (policy, advantage)

    gradient, target = learned(state.params)
    by_hand, (policy, advantage) = jax.grad(known, has_aux=True)(state.params)
    assert np.abs(policy - behaviour).max() > 0.05
    assert optax.tree.norm(by_hand["params"]["actor"]) > 0.01
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
        gradient["params"]["actor"],
        by_hand["params"]["actor"],
    )
    np.testing.assert_allclose(target, jnp.minimum(behaviour, policy) @ advantage, atol=1e-5)
