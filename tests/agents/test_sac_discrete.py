"""SAC-Discrete: where gradients go, what targets follow, how it acts."""

import itertools
import math
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from gymnax.environments import spaces

from jaxmem import agents, cores
from jaxmem.agents.sac_discrete import SACDiscrete
from jaxmem.networks import NetworkOptions, episode_inputs, first_inputs
from jaxmem.replay import Episodes

STEPS, BATCH, ACTIONS = 6, 5, 3


def episodes(seed: int = 0) -> Episodes:
    rng = np.random.default_rng(seed)
    length = jnp.array([6, 6, 3, 1, 4])
    mask = np.arange(STEPS)[:, None] < np.asarray(length)
    return Episodes(
        obs=jnp.asarray(rng.integers(0, 256, (STEPS + 1, BATCH, 4, 4, 3)), jnp.uint8),
        action=jnp.asarray(rng.integers(0, ACTIONS, (STEPS, BATCH)), jnp.int32),
        log_prob=jnp.log(jax.random.uniform(jax.random.key(seed), (STEPS, BATCH), minval=0.1)),
        deviated=jnp.zeros((STEPS, BATCH), bool),
        reward=jnp.asarray(rng.normal(size=(STEPS, BATCH)) * mask, jnp.float32),
        length=length,
        terminated=jnp.array([True, False, True, False, True]),
    )


def make_agent(core: str = "lstm", dropout: float = 0.0, **options: Any) -> SACDiscrete:
    core_options = {"dropout": dropout} if core == "gpt" else {}
    parts = NetworkOptions(obs_embed=6, action_embed=2, head=(8,)).parts(
        cores.options(core, width=8, **core_options),
        spaces.Box(0, 255, (4, 4, 3), jnp.uint8),
        spaces.Discrete(ACTIONS),
        STEPS + 1,
    )
    made = agents.options("sac_discrete", **options).make(
        parts, first_inputs(jnp.zeros((1, 4, 4, 3), jnp.uint8)), STEPS
    )
    assert isinstance(made, SACDiscrete)
    return made


def state_of(agent: SACDiscrete) -> agents.AgentState:
    # Targets of their own, or a mix-up of the two nets would go unnoticed.
    return replace(agent.init(jax.random.key(0)), target_params=agent.init(jax.random.key(1)).target_params)


def losses_apart(agent: SACDiscrete) -> dict[str, Any]:
    """Gradients of the critic loss and of the policy loss, each alone."""
    state, batch = state_of(agent), episodes()

    def part(name):
        return lambda params: agent.loss(params, state, batch, jax.random.key(2))[1][name]

    return {name: jax.grad(part(f"{name}_loss"))(state.params)["params"] for name in ("critic", "policy")}


def sizes(gradients: dict) -> dict[str, float]:
    return {name: float(optax.tree.norm(part)) for name, part in gradients.items()}


def test_frozen_critics_get_nothing_from_the_policy_and_the_trunk_gets_both():
    found = {name: sizes(gradients) for name, gradients in losses_apart(make_agent()).items()}
    assert set(found["policy"]) == {"trunk", "actor", "critic_0", "critic_1"}
    assert found["policy"]["critic_0"] == found["policy"]["critic_1"] == 0
    assert found["policy"]["actor"] > 0
    assert found["critic"]["actor"] == 0
    assert min(found["critic"]["critic_0"], found["critic"]["critic_1"]) > 0
    assert min(found["critic"]["trunk"], found["policy"]["trunk"]) > 0


def test_embedding_and_core_get_both_gradients():
    for gradients in losses_apart(make_agent()).values():
        assert all(float(optax.tree.norm(gradients["trunk"][name])) > 0 for name in ("embedding", "core"))


def test_critics_that_are_not_frozen_get_the_policys_gradient():
    frozen, free = (losses_apart(make_agent(freeze_critic=flag)) for flag in (True, False))
    # The lower critic alone gets it, at each step.
    assert max(sizes(free["policy"])[name] for name in ("critic_0", "critic_1")) > 0
    for name in ("critic_0", "critic_1", "trunk", "actor"):
        jax.tree.map(np.testing.assert_array_equal, frozen["critic"][name], free["critic"][name])
    different = jax.tree.map(lambda a, b: not np.allclose(a, b), frozen["policy"]["trunk"], free["policy"]["trunk"])
    assert any(jax.tree.leaves(different))
    jax.tree.map(np.testing.assert_array_equal, frozen["policy"]["actor"], free["policy"]["actor"])


@pytest.mark.parametrize("freeze", [True, False])
def test_separate_trunks_get_each_their_own_gradient(freeze):
    found = {name: sizes(part) for name, part in losses_apart(make_agent(shared=False, freeze_critic=freeze)).items()}
    assert found["critic"]["trunk"] == found["critic"]["actor"] == 0
    assert found["critic"]["critic_trunk"] > 0
    assert found["policy"]["trunk"] > 0
    assert (found["policy"]["critic_trunk"] == 0) == freeze


@pytest.mark.parametrize(
    ("shared", "names"), [(True, {"critic_0", "critic_1"}), (False, {"critic_0", "critic_1", "critic_trunk"})]
)
def test_targets_are_copies_of_the_critics_alone_and_move_by_tau(shared, names):
    agent = make_agent(shared=shared)
    state = state_of(agent)
    assert set(state.target_params["params"]) == names
    after, metrics = jax.jit(agent.update)(state, episodes(), jax.random.key(3))
    assert set(metrics) == set(agent.metric_names)
    tau = agent.options.tau
    for name in names:
        jax.tree.map(
            lambda new, old, target: np.testing.assert_allclose(target, tau * new + (1 - tau) * old, atol=1e-6),
            after.params["params"][name],
            state.target_params["params"][name],
            after.target_params["params"][name],
        )


@pytest.mark.parametrize("shared", [True, False])
def test_no_gradient_reaches_the_targets(shared):
    agent = make_agent(shared=shared)
    state = state_of(agent)

    def loss(target_params):
        changed = replace(state, target_params=target_params)
        return agent.loss(state.params, changed, episodes(), jax.random.key(2))[0]

    assert optax.tree.norm(jax.grad(loss)(state.target_params)) == 0
    halved = jax.tree.map(lambda leaf: leaf * 0.5, state.target_params)
    assert float(loss(halved)) != float(loss(state.target_params))


@pytest.mark.parametrize(
    ("core", "shared", "returns"),
    [
        *itertools.product(["lstm", "gpt"], [True, False], [{}, {"td_lambda": 0.5}]),
        ("lstm", True, {"td_lambda": 0.8, "trace": "retrace"}),
        ("lstm", True, {"td_lambda": 1.0, "trace": "tree_backup"}),
        ("lstm", True, {"td_lambda": 1.0, "n_step": 3}),
    ],
)
def test_the_loss_is_that_of_its_pieces_in_float64(core, shared, returns):
    """Worked out from the network's outputs, step by step, without the library's losses."""
    agent = make_agent(core, discount=0.9, temperature=0.2, shared=shared, **returns)
    state, batch = state_of(agent), episodes()
    apply: Any = agent.net.apply
    inputs, start = episode_inputs(batch)
    _, online = apply(state.params, None, inputs, start, method="unroll")
    merged = {"params": state.params["params"] | state.target_params["params"]}
    features = online.features if shared else apply(merged, inputs, start, method="critic_features")
    q_target = np.asarray(apply(merged, features, method="q"), np.float64)
    logits, q = (np.asarray(x, np.float64) for x in (online.logits, online.q))
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    lower, bonus = q_target.min(0), -0.2 * (p * np.log(p)).sum(-1)
    value = (p * lower).sum(-1)
    action, reward, length = (np.asarray(x) for x in (batch.action, batch.reward, batch.length))
    mu = np.exp(np.asarray(batch.log_prob, np.float64))

    def target_of(t, row, steps):
        """The return of at most so many steps."""
        last, after = t + 1 == length[row], (t + 1, row)
        ahead = value[after] + bonus[after]
        if not last and steps > 1:
            taken = (*after, action[after])
            trace, baseline = {
                "peng": (1, value[after]),
                "retrace": (min(1, p[taken] / mu[after]), lower[taken]),
                "tree_backup": (p[taken], lower[taken]),
            }[agent.options.trace]
            ahead += agent.options.td_lambda * trace * (target_of(*after, steps - 1) - baseline)
        return reward[t, row] + 0.9 * (not (last and batch.terminated[row])) * ahead

    target = np.zeros((STEPS, BATCH))
    for row in range(BATCH):
        for t in range(length[row]):
            target[t, row] = target_of(t, row, agent.options.n_step or STEPS)
    q_taken = np.take_along_axis(q[:, :-1], action[None, ..., None], -1)[..., 0]
    mask = np.asarray(batch.mask)
    critic = np.square(target - q_taken).sum(0)[mask].mean()
    policy = (p * (0.2 * np.log(p) - q.min(0))).sum(-1)[:-1][mask].mean()
    loss, metrics = agent.loss(state.params, state, batch, jax.random.key(0))
    np.testing.assert_allclose(metrics["critic_loss"], critic, rtol=1e-5)
    np.testing.assert_allclose(metrics["policy_loss"], policy, rtol=1e-5)
    np.testing.assert_allclose(loss, 0.5 * critic + policy, rtol=1e-5)


def test_dropout_is_on_in_updates_and_while_collecting_and_off_when_greedy():
    agent, sure = make_agent("gpt", dropout=0.5), make_agent("gpt", dropout=0.5, act_dropout=False)
    state = state_of(agent)
    losses = {float(agent.loss(state.params, state, episodes(), jax.random.key(key))[0]) for key in (0, 1)}
    assert len(losses) == 2
    inputs, start = first_inputs(jnp.full((64, 4, 4, 3), 9, jnp.uint8)), jnp.ones((64,), bool)

    def carries(agent, explore):
        """How many different memories equal rows have after a step: with dropout each row its own."""
        carry, _ = agent.act(state, agent.initial_carry(64), inputs, start, jax.random.key(0), 0.5, explore=explore)
        rows = [np.asarray(leaf).reshape(64, -1) for leaf in jax.tree.leaves(carry) if leaf.shape[:1] == (64,)]
        return len(np.unique(np.concatenate(rows, axis=1), axis=0))

    assert carries(agent, explore=True) > 1
    assert carries(sure, explore=True) == carries(agent, explore=False) == 1


def test_a_clipped_gradient_leaves_the_temperature_its_own_step():
    after = {}
    for clip in (None, 1e-4):
        agent = make_agent(learn_temperature=True, temperature_learning_rate=0.01, max_grad_norm=clip)
        after[clip], metrics = jax.jit(agent.update)(state_of(agent), episodes(), jax.random.key(3))
        gradients = jax.grad(
            lambda params, agent=agent: agent.loss(params, state_of(agent), episodes(), jax.random.key(3))[0]
        )
        networks = gradients(state_of(agent).params)["params"]
        del networks["log_temperature"]
        np.testing.assert_allclose(metrics["grad_norm"], optax.tree.norm(networks), rtol=1e-5)
    temperatures = [state.params["params"]["log_temperature"] for state in after.values()]
    assert temperatures[0] == temperatures[1] != math.log(0.1)


def test_padding_does_not_matter():
    agent = make_agent()
    state, batch = state_of(agent), episodes()
    junk = jnp.arange(STEPS + 1)[:, None] > batch.length
    spoiled = replace(
        batch,
        obs=jnp.where(junk[..., None, None, None], 77, batch.obs),
        action=jnp.where(batch.mask, batch.action, 0),
    )
    first, second = (agent.loss(state.params, state, b, jax.random.key(2))[0] for b in (batch, spoiled))
    np.testing.assert_allclose(first, second, rtol=1e-6)


def biased(state: agents.AgentState, bias: jax.Array) -> agents.AgentState:
    """A policy with these logits whatever it sees."""
    head = dict(state.params["params"]["actor"])
    last = max(head, key=lambda name: int(name.split("_")[-1]))
    head[last] = {"kernel": 0 * head[last]["kernel"], "bias": bias}
    return replace(state, params={"params": state.params["params"] | {"actor": head}})


@pytest.mark.parametrize(("logits", "rises"), [([9.0, 0.0, 0.0], True), ([0.0, 0.0, 0.0], False)])
def test_a_learned_temperature_follows_the_entropy(logits, rises):
    """Half the uniform policy's entropy is wanted: more than a sure policy has, less than the uniform one has."""
    agent = make_agent(learn_temperature=True, target_entropy=0.5, temperature=0.1, temperature_learning_rate=0.01)
    state = biased(state_of(agent), jnp.array(logits))
    np.testing.assert_allclose(state.params["params"]["log_temperature"], math.log(0.1), rtol=1e-6)
    after, metrics = jax.jit(agent.update)(state, episodes(), jax.random.key(3))
    # Adam's first step is of the size of its learning rate.
    want = math.log(0.1) + (0.01 if rises else -0.01)
    np.testing.assert_allclose(after.params["params"]["log_temperature"], want, atol=1e-5)
    np.testing.assert_allclose(metrics["temperature"], 0.1, rtol=1e-6)
    assert "log_temperature" not in make_agent().init(jax.random.key(0)).params["params"]


def test_it_explores_by_its_policy_and_exploits_its_likeliest_action():
    agent = make_agent()
    state = state_of(agent)
    rows = 4000
    inputs = first_inputs(jnp.full((rows, 4, 4, 3), 9, jnp.uint8))
    start = jnp.ones((rows,), bool)
    carry = agent.initial_carry(rows)
    wanted = jnp.array([0.2, 0.5, 0.3])
    state = biased(state, jnp.log(wanted))
    act = jax.jit(agent.act, static_argnames="explore")
    _, drawn = act(state, carry, inputs, start, jax.random.key(0), 0.5, explore=True)
    np.testing.assert_allclose(np.bincount(drawn.action, minlength=3) / rows, wanted, atol=0.03)
    np.testing.assert_allclose(np.exp(drawn.log_prob), wanted[drawn.action], rtol=0.02)
    _, greedy = act(state, carry, inputs, start, jax.random.key(0), 0.5, explore=False)
    assert set(np.asarray(greedy.action)) == {1}
    assert greedy.action.dtype == jnp.int32
    assert not np.asarray(greedy.log_prob).any()
