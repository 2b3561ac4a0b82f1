"""The V-trace agent: its loss by hand, episode boundaries, gradients, reuse, schedules."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from core_cases import QUICK
from unroll_cases import ACTIONS, LENGTHS, ROWS, STEPS, alone, random_state, several_episodes
from unroll_cases import make_agent as make_any_agent

from jaxmem.agents import Unroll
from jaxmem.agents.vtrace import VTrace
from jaxmem.networks import first_inputs

PLAIN = {"reward_clip": "off", "discount": 0.9}
make_agent = partial(make_any_agent, "vtrace")


@pytest.mark.parametrize("name", ["lstm", "gpt"])
def test_episodes_in_one_unroll_equal_episodes_alone(name):
    """The truth about boundaries: the same loss and gradients, with and without a cache; every core obeys the law."""
    agent = make_agent(name, {"dropout": 0.0} if name == "gpt" else {}, **PLAIN)
    params, key, unroll = random_state(agent).params, jax.random.key(1), several_episodes()
    apart = alone(unroll)

    @partial(jax.jit, compiler_options=QUICK)
    def both(params):
        of = jax.value_and_grad(agent.loss, has_aux=True)
        return of(params, unroll, key), of(params, apart, key)

    ((loss, metrics), gradients), ((loss_alone, metrics_alone), gradients_alone) = both(params)
    np.testing.assert_allclose(loss, loss_alone, rtol=1e-5)
    for name in metrics:
        np.testing.assert_allclose(metrics[name], metrics_alone[name], rtol=1e-5, err_msg=name)
    scale = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(gradients_alone))
    assert scale > 0
    for a, b in zip(jax.tree.leaves(gradients), jax.tree.leaves(gradients_alone), strict=True):
        np.testing.assert_allclose(a / scale, b / scale, atol=1e-5)


@pytest.fixture(scope="module")
def outputs() -> tuple[Unroll, np.ndarray, np.ndarray, np.ndarray]:
    """An unroll, and what `make_agent`'s network says of it: log-probabilities of all actions, values, and mask."""
    agent, unroll = make_agent(), several_episodes()
    apply: Any = agent.net.apply
    params = random_state(agent).params
    _, (logits, value) = apply(params, None, unroll.inputs, unroll.start, method="unroll")
    logits, value = np.asarray(logits, np.float64), np.asarray(value, np.float64)
    return unroll, logits - np.log(np.exp(logits).sum(-1, keepdims=True)), value, np.asarray(unroll.mask)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reduce": "mean"},
        {"normalize_advantages": True},
        {"td_lambda": 0.7, "clip_rho": 0.8},
        {"clip_c": 0.5, "clip_pg_rho": 1.7, "reward_clip": "abs_one"},
    ],
)
def test_the_loss_is_what_numpy_makes_of_the_networks_outputs(outputs, options):
    unroll, log_p, value, mask = outputs
    agent = make_agent(**PLAIN | dict(entropy_cost=0.2, barrier_cost=0.1, baseline_cost=0.3) | options)
    settings = agent.options
    log_prob = np.take_along_axis(log_p[:-1], np.asarray(unroll.action)[..., None], -1)[..., 0]
    rho = np.exp(log_prob - np.asarray(unroll.log_prob)) * mask
    discount = np.asarray(unroll.discounts(0.9), np.float64)
    rewards = np.asarray(unroll.reward, np.float64)
    assert abs(rewards).max() > 1.5
    target = value.copy()
    advantage = np.zeros_like(rho)
    for t in reversed(range(STEPS)):
        c = settings.td_lambda * np.minimum(options.get("clip_c", 1), rho[t])
        reward = rewards[t].clip(-1, 1) if "reward_clip" in options else rewards[t]
        clipped = np.minimum(float(settings.clip_rho or np.inf), rho[t])
        delta = clipped * (reward + discount[t] * value[t + 1] - value[t])
        ahead = value[t + 1] + settings.td_lambda * (target[t + 1] - value[t + 1])
        advantage[t] = np.minimum(options.get("clip_pg_rho", 1), rho[t]) * (reward + discount[t] * ahead - value[t])
        target[t] = value[t] + delta + discount[t] * c * (target[t + 1] - value[t + 1])
    if settings.normalize_advantages:
        advantage = (advantage - advantage[mask].mean()) / advantage[mask].std()
    entropy = -(np.exp(log_p) * log_p).sum(-1)[:-1]
    barrier = log_p.mean(-1)[:-1]
    losses = -log_prob * advantage + 0.3 * 0.5 * (target[:-1] - value[:-1]) ** 2 - 0.2 * entropy - 0.1 * barrier
    expected = losses[mask].mean() if settings.reduce == "mean" else losses[mask].sum()
    loss, metrics = agent.loss(random_state(agent).params, unroll, jax.random.key(0))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss"], losses[mask].mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics["ratio"], rho[mask].mean(), rtol=1e-5)


def test_without_clips_and_with_lambda_one_it_is_monte_carlo_actor_critic(outputs):
    """Whole episodes, on-policy, discount 1: the policy gradient's weight is the return less the baseline."""
    unroll, log_p, value, _ = outputs
    log_prob = np.take_along_axis(log_p[:-1], np.asarray(unroll.action)[..., None], -1)[..., 0]
    mask = np.ones((LENGTHS[0], ROWS), bool)
    episodes = alone(replace(unroll, log_prob=jnp.asarray(log_prob, jnp.float32)))
    first = jax.tree.map(lambda leaf: leaf[:, :ROWS], episodes)
    agent = make_agent(
        reward_clip="off",
        discount=1.0,
        clip_rho=None,
        clip_c=None,
        clip_pg_rho=None,
        entropy_cost=0.0,
        baseline_cost=1.0,
    )
    reward = np.asarray(unroll.reward)[: LENGTHS[0]]
    returns = np.cumsum(reward[::-1], axis=0)[::-1]
    error = returns - value[: LENGTHS[0]]
    _, metrics = agent.loss(random_state(agent).params, first, jax.random.key(0))
    np.testing.assert_allclose(metrics["value_loss"], 0.5 * (error**2)[mask].mean(), rtol=1e-4)
    np.testing.assert_allclose(metrics["policy_loss"], (-log_prob[: LENGTHS[0]] * error).mean(), rtol=1e-4)
    np.testing.assert_allclose(metrics["ratio"], 1, rtol=1e-5)


def test_gradients_reach_what_each_loss_is_for():
    agent, unroll = make_agent(**PLAIN), several_episodes()
    params = random_state(agent).params

    @jax.jit
    def parts(params):
        return {
            name: jax.grad(lambda p, name=name: agent.loss(p, unroll, jax.random.key(0))[1][name])(params)["params"]
            for name in ("policy_loss", "value_loss", "entropy")
        }

    found = {
        loss: {name: float(optax.tree.norm(part)) for name, part in gradients.items()}
        for loss, gradients in parts(params).items()
    }
    for loss, reached in (("policy_loss", "actor"), ("entropy", "actor"), ("value_loss", "critic")):
        assert found[loss][reached] > 0
        assert found[loss]["critic" if reached == "actor" else "actor"] == 0, "advantages and targets are constants"
        assert found[loss]["trunk"] > 0


@pytest.mark.parametrize("act_dropout", [False, True])
def test_updates_drop_out_where_acting_does(act_dropout):
    agent = make_agent("gpt", {"dropout": 0.5}, **PLAIN, act_dropout=act_dropout)
    params, unroll = random_state(agent).params, several_episodes()
    loss = jax.jit(agent.loss, compiler_options=QUICK)
    one, other = (loss(params, unroll, jax.random.key(number))[0] for number in range(2))
    assert (one != other) == act_dropout


def test_what_was_not_done_does_not_matter():
    agent, unroll = make_agent(**PLAIN), several_episodes()
    params, key = random_state(agent).params, jax.random.key(0)
    junk = ~unroll.mask
    spoiled = replace(
        unroll,
        action=jnp.where(junk, (unroll.action + 1) % ACTIONS, unroll.action),
        log_prob=jnp.where(junk, -30.0, unroll.log_prob),
    )
    assert junk.any()
    gradient = jax.jit(jax.grad(agent.loss, has_aux=True))
    jax.tree.map(np.testing.assert_array_equal, gradient(params, unroll, key), gradient(params, spoiled, key))


@pytest.fixture(scope="module")
def updated() -> tuple[VTrace, Any]:
    agent = make_agent(**PLAIN, learning_rate=0.01)
    return agent, jax.jit(agent.update)


def test_using_steps_again_makes_ratios_differ_from_one(updated):
    agent, update = updated
    state, unroll = random_state(agent), several_episodes()
    apply: Any = agent.net.apply
    _, (logits, _) = apply(state.params, None, unroll.inputs, unroll.start, method="unroll")
    log_prob = jnp.take_along_axis(jax.nn.log_softmax(logits[:-1]), unroll.action[..., None], -1)[..., 0]
    unroll = replace(unroll, log_prob=log_prob)
    state, first = update(state, unroll, jax.random.key(0), 0.0)
    _, second = update(state, unroll, jax.random.key(0), 0.0)
    np.testing.assert_allclose(first["ratio"], 1, rtol=1e-5)
    assert abs(float(second["ratio"]) - 1) > 1e-3
    assert set(first) == set(agent.metric_names)


def test_the_step_size_falls_linearly_to_its_share(updated):
    agent, update = updated
    np.testing.assert_allclose([agent.learning_rate(p) for p in (0.0, 0.25, 1.0)], [0.01, 0.0075, 0.0], atol=1e-9)
    state, unroll = random_state(agent), several_episodes()
    moved = []
    for progress in (0.0, 0.5, 1.0):
        after, _ = update(state, unroll, jax.random.key(0), progress)
        moved.append(float(optax.tree.norm(jax.tree.map(jnp.subtract, after.params, state.params))))
    np.testing.assert_allclose(moved, [moved[0], moved[0] / 2, 0], rtol=1e-4)


def test_rmsprop_is_the_one_of_the_code():
    """Epsilon is added to the root: one parameter with gradient g moves by lr * g / (sqrt(0.01 g^2) + eps)."""
    agent = make_agent(max_grad_norm=None, learning_rate=0.1)
    optimizer = agent.optimizer(0.1)
    gradient = jnp.array([2.0, -0.001])
    step: Any = optimizer.update(gradient, optimizer.init(gradient))[0]
    g = np.array([2.0, -0.001])
    np.testing.assert_allclose(step, -0.1 * g / (np.sqrt(0.01 * g**2) + 0.01), rtol=1e-5)


def test_what_is_drawn_says_how_likely_it_was():
    agent = make_agent()
    state, rows = random_state(agent), 4000
    inputs, start = first_inputs(jnp.full((rows, 2), 0.7)), jnp.ones((rows,), bool)
    act = jax.jit(agent.act, static_argnames="explore")
    _, explored = act(state, agent.initial_carry(rows), inputs, start, jax.random.key(0), 0.0, explore=True)
    share = np.bincount(explored.action, minlength=ACTIONS) / rows
    for action in range(ACTIONS):
        probability = np.exp(np.asarray(explored.log_prob)[np.asarray(explored.action) == action])
        np.testing.assert_allclose(probability, share[action], atol=0.03)
    _, greedy = act(state, agent.initial_carry(rows), inputs, start, jax.random.key(0), 0.0, explore=False)
    assert set(np.asarray(greedy.action)) == {int(np.argmax(share))}
