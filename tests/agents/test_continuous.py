"""TD3 and SAC: where gradients go, what targets follow and when, how they act, what their losses are."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from gymnax.environments import spaces

from jaxmem import agents, cores
from jaxmem.networks import Actions, Inputs, NetworkOptions, episode_inputs, first_inputs
from jaxmem.replay import Before, Episodes

STEPS, BATCH, ACTIONS = 6, 5, 2
HORIZON = 20
ALGORITHMS = ("td3", "sac")


def episodes(seed: int = 0) -> Episodes:
    """Parts of episodes, some from the middle, some padded, some that end for good."""
    rng = np.random.default_rng(seed)
    length = jnp.array([6, 6, 3, 1, 4])
    mask = np.arange(STEPS)[:, None] < np.asarray(length)

    def normal(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    return Episodes(
        obs=normal(STEPS + 1, BATCH, 3),
        action=jnp.tanh(normal(STEPS, BATCH, ACTIONS)),
        log_prob=normal(STEPS, BATCH),
        deviated=jnp.zeros((STEPS, BATCH), bool),
        reward=normal(STEPS, BATCH) * mask,
        length=length,
        terminated=jnp.array([True, False, True, False, True]),
        before=Before(jnp.tanh(normal(BATCH, ACTIONS)), normal(BATCH)),
    )


def make_agent(algorithm: str, core: str = "mlp", core_options: dict[str, Any] | None = None, **options: Any) -> Any:
    parts = NetworkOptions(obs_embed=6, action_embed=2, head=(8,)).parts(
        cores.options(core, width=8, **(core_options or {})),
        spaces.Box(-1, 1, (3,)),
        spaces.Box(-1, 1, (ACTIONS,)),
        HORIZON + 1,
    )
    example = first_inputs(jnp.zeros((1, 3)), Actions(ACTIONS, continuous=True))
    return agents.options(algorithm, **({"context": STEPS} | options)).make(parts, example, HORIZON)


def state_of(agent: Any) -> agents.AgentState:
    # Targets of their own, or a mix-up of the two nets would go unnoticed; heads far from zero.
    init = jax.jit(agent.init)
    state = init(jax.random.key(0))
    far = jax.tree.map(lambda leaf: leaf + 0.3 * jax.random.normal(jax.random.key(2), leaf.shape), state.params)
    return replace(state, params=far, target_params=init(jax.random.key(1)).target_params)


def gradients_apart(agent: Any) -> dict[str, dict[str, float]]:
    """Sizes of the gradients of the critic loss and of the policy loss, each alone, by submodule."""
    state, batch = state_of(agent), episodes()

    def both(params):
        metrics = agent.loss(params, state, batch, jax.random.key(2))[1]
        return metrics["critic_loss"], metrics["policy_loss"]

    critic, policy = jax.jit(jax.jacrev(both))(state.params)
    return {
        name: {part: float(optax.tree.norm(leaves)) for part, leaves in found["params"].items()}
        for name, found in (("critic", critic), ("policy", policy))
    }


def by_policy(found: dict[str, dict[str, float]]) -> set[str]:
    """What the policy's loss teaches; of the critics it is the lower one at each step, which may be one alone."""
    taught = {name for name, size in found["policy"].items() if size > 0}
    return {"critics" if name in ("critic_0", "critic_1") else name for name in taught}


@pytest.mark.parametrize(
    ("algorithm", "freeze", "taught"),
    [
        ("td3", "all", {"actor"}),
        ("sac", "critic", {"actor", "trunk"}),
        ("td3", "none", {"actor", "trunk", "critics"}),
    ],
)
def test_what_is_frozen_gets_nothing_from_the_policys_loss(algorithm, freeze, taught):
    found = gradients_apart(make_agent(algorithm, freeze=freeze))
    assert by_policy(found) == taught
    assert {name for name, size in found["critic"].items() if size > 0} == {"trunk", "critic_0", "critic_1"}


@pytest.mark.parametrize("freeze", ["all", "none"])
def test_with_a_trunk_of_its_own_the_policy_teaches_that(freeze):
    found = gradients_apart(make_agent("td3", shared=False, freeze=freeze))
    critics = {"critic_trunk", "critic_0", "critic_1"}
    assert {name for name, size in found["critic"].items() if size > 0} == critics
    others = {"critic_trunk", "critics"} if freeze == "none" else set()
    assert by_policy(found) == {"actor", "trunk"} | others


def dense(params: Any, x: np.ndarray, last: str) -> np.ndarray:
    """A head of one hidden layer, in float64."""
    hidden = np.maximum(
        x @ np.asarray(params["Dense_0"]["kernel"], np.float64) + np.asarray(params["Dense_0"]["bias"]), 0
    )
    return hidden @ np.asarray(params[last]["kernel"], np.float64) + np.asarray(params[last]["bias"])


@pytest.mark.parametrize(
    ("algorithm", "shared", "core"),
    [("td3", True, "gru"), ("td3", False, "mlp"), ("sac", True, "mlp"), ("sac", False, "mlp")],
)
def test_losses_are_worked_out_by_hand(algorithm, shared, core):
    """Features are the network's and random actions the agent's, with the loss's keys; all else is NumPy."""
    discount = 0.9
    agent, batch = make_agent(algorithm, core, shared=shared, discount=discount), episodes()
    state = state_of(agent)
    if algorithm == "sac":
        # So large that a sign of the entropy cannot go unnoticed.
        state.params["params"]["log_temperature"] = jnp.float32(0.5)
    inputs, start = episode_inputs(batch)
    key = jax.random.key(3)
    _, _, follow_key, policy_key = jax.random.split(key, 4)
    copies = {"params": state.params["params"] | state.target_params["params"]}

    @jax.jit
    def features(params):
        found = agent.net.apply(params, None, inputs, start, method="unroll")[1]
        return found.policy, found.critic

    (policy, critic), (policy_copy, critic_copy) = (
        [np.asarray(x, np.float64) for x in features(params)] for params in (state.params, copies)
    )

    def values(params, features, action):
        x = np.concatenate([features, np.asarray(action)], axis=-1)
        return np.stack([dense(params["params"][name], x, "Dense_1")[..., 0] for name in ("critic_0", "critic_1")])

    def said(params, features):
        return jnp.float32(dense(params["params"]["actor"], features, "Dense_1"))

    temperature = np.exp(0.5) if algorithm == "sac" else 0.0
    follow = agent.followed(said(state.params, policy), said(copies, policy_copy), follow_key)
    next_value = values(copies, critic_copy, follow.action).min(axis=0) - temperature * np.asarray(follow.log_prob)
    time = np.arange(STEPS)[:, None]
    length, ended = np.asarray(batch.length), np.asarray(batch.terminated)
    goes_on = (time < length - 1) | ((time == length - 1) & ~ended)
    wanted = np.asarray(batch.reward) + discount * goes_on * next_value[1:]
    mask = time < length
    q = values(state.params, critic[:-1], batch.action)
    critic_loss = np.sum(((wanted - q) ** 2).sum(axis=0) * mask) / mask.sum()
    own = agent.learned(said(state.params, policy[:-1]), policy_key)
    q_own = values(state.params, critic[:-1], own.action).min(axis=0)
    policy_loss = np.sum((temperature * np.asarray(own.log_prob) - q_own) * mask) / mask.sum()

    _, metrics = jax.jit(agent.loss)(state.params, state, batch, key)
    np.testing.assert_allclose(metrics["critic_loss"], critic_loss, rtol=1e-4)
    np.testing.assert_allclose(metrics["policy_loss"], policy_loss, rtol=1e-4)
    if algorithm == "sac":
        entropy = -np.sum(np.asarray(own.log_prob) * mask) / mask.sum()
        np.testing.assert_allclose(metrics["entropy"], entropy, rtol=1e-4)


def test_noise_on_targets_is_clipped_and_actions_stay_in_their_bounds():
    agent = make_agent("td3", target_noise=3.0, target_noise_clip=0.5)
    said = jnp.zeros((2000, ACTIONS))
    action = agent.followed(said, said, jax.random.key(0)).action
    assert float(jnp.abs(action).max()) == 0.5
    assert float(jnp.mean(jnp.abs(action) == 0.5)) > 0.8
    high = agent.followed(said, said + 3, jax.random.key(0)).action
    assert float(high.max()) == 1.0


def changed(before: Any, after: Any) -> set[str]:
    """Names of submodules with a parameter that is another one."""
    different = jax.tree.map(lambda a, b: bool((a != b).any()), before["params"], after["params"])
    return {name for name, part in different.items() if any(jax.tree.leaves(part))}


def test_delayed_policies_and_targets_move_in_every_other_update_and_critics_in_each():
    agent = make_agent("td3", policy_delay=2)
    state, batch = state_of(agent), episodes()
    update = jax.jit(agent.update)
    for turn in range(4):
        after, _ = update(state, batch, jax.random.key(turn))
        critics = {"trunk", "critic_0", "critic_1"}
        due = turn % 2 == 0
        assert changed(state.params, after.params) == critics | ({"actor"} if due else set())
        assert changed(state.target_params, after.target_params) == (critics | {"actor"} if due else set())
        state = after


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_targets_move_by_tau_and_are_what_the_algorithm_needs(algorithm):
    agent = make_agent(algorithm, tau=0.25)
    state = state_of(agent)
    after, metrics = jax.jit(agent.update)(state, episodes(), jax.random.key(0))
    copies = {"trunk", "critic_0", "critic_1"} | ({"actor"} if algorithm == "td3" else set())
    assert set(after.target_params["params"]) == copies
    assert set(metrics) == set(agent.metric_names)
    assert all(np.isfinite(value) for value in metrics.values())
    for name in copies:
        expected = jax.tree.map(
            lambda old, new: 0.75 * old + 0.25 * new, state.target_params["params"][name], after.params["params"][name]
        )
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), after.target_params["params"][name], expected
        )


def test_temperature_follows_the_entropy_that_is_wanted():
    for wanted, rises in ((3.0, True), (-30.0, False)):
        agent = make_agent("sac", target_entropy=wanted)
        state = state_of(agent)
        after, metrics = jax.jit(agent.update)(state, episodes(), jax.random.key(0))
        before = state.params["params"]["log_temperature"]
        assert bool(after.params["params"]["log_temperature"] > before) is rises
        np.testing.assert_allclose(metrics["temperature"], np.exp(before), rtol=1e-6)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_how_it_acts(algorithm):
    agent = make_agent(algorithm)
    state = state_of(agent)
    rows = 2000
    inputs = first_inputs(jnp.full((rows, 3), 0.4), Actions(ACTIONS, continuous=True))
    start = jnp.ones((rows,), bool)

    @jax.jit
    def act(explore, key):
        step = [agent.act(state, agent.initial_carry(rows), inputs, start, key, 0.0, flag)[1] for flag in (True, False)]
        return jax.tree.map(lambda a, b: jnp.where(explore, a, b), *step)

    greedy, other = (act(False, jax.random.key(seed)).action for seed in (0, 1))
    np.testing.assert_array_equal(greedy, other)
    np.testing.assert_array_equal(greedy, np.broadcast_to(greedy[0], greedy.shape))
    drawn = act(True, jax.random.key(0))
    assert float(jnp.abs(drawn.action).max()) <= 1
    assert drawn.action.dtype == jnp.float32
    assert drawn.log_prob.shape == (rows,)
    if algorithm == "td3":
        noise = np.asarray(drawn.action - greedy)
        np.testing.assert_allclose(noise.std(axis=0), 0.1, rtol=0.1)
        np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=0.01)
    else:
        # Half of what a squashed Gaussian gives lies on either side of its squashed mean.
        np.testing.assert_allclose(np.mean(drawn.action > greedy, axis=0), 0.5, atol=0.05)
        assert float(jnp.std(drawn.action, axis=0).min()) > 0.01


@pytest.mark.parametrize(
    ("core", "options", "window"),
    [
        ("gpt", {"dropout": 0.0}, STEPS),
        ("gpt", {"dropout": 0.0, "positions": "rotary"}, None),
        ("lstm", {}, None),
    ],
)
def test_late_in_an_episode_it_acts_as_it_has_learned(core, options, window):
    """The policy's outputs far beyond the context equal those of a learner at the end of the last `context` steps."""
    agent = make_agent("td3", core, options)
    assert getattr(agent.net.trunk.core, "length", None) == window
    if core == "lstm":
        return
    state = state_of(agent)
    rng = np.random.default_rng(0)
    shape = (HORIZON, 2)
    inputs = Inputs(
        jnp.asarray(rng.normal(size=(*shape, 3)), jnp.float32),
        jnp.asarray(rng.uniform(-1, 1, (*shape, ACTIONS)), jnp.float32),
        jnp.zeros(shape),
    )
    start = jnp.zeros(shape, bool).at[0].set(True)

    @jax.jit
    def act(inputs, start):
        def step(carry, inputs_t):
            return agent.step(state, carry, *inputs_t, jax.random.key(0), False)

        return jax.lax.scan(step, agent.initial_carry(2), (inputs, start))[1]

    @jax.jit
    def learn(inputs, start):
        features = agent.net.apply(state.params, None, inputs, start, method="unroll")[1]
        return agent.net.apply(state.params, features.policy, method="policy")

    last = jax.tree.map(lambda leaf: leaf[-STEPS:], inputs)
    learned = learn(last, start[-STEPS:].at[0].set(True))
    np.testing.assert_allclose(act(inputs, start)[-1], learned[-1], atol=1e-5)


def test_it_acts_at_no_position_that_the_loss_did_not_teach():
    """A learned position for each step of a part, and one for what follows: that one is never acted on."""
    agent = make_agent("td3", "gpt", {"dropout": 0.0, "positions": "learned"})
    state, batch = state_of(agent), episodes()

    def table(params):
        return params["params"]["trunk"]["core"]["core"]["table"]["table"]

    gradients = jax.jit(jax.grad(lambda params: agent.loss(params, state, batch, jax.random.key(0))[0]))(state.params)
    taught = np.abs(np.asarray(table(gradients))).max(axis=-1) > 0
    np.testing.assert_array_equal(taught, [True] * STEPS + [False])

    @jax.jit
    def last_step(params):
        def step(carry, start):
            return agent.step(replace(state, params=params), carry, inputs, start, jax.random.key(0), False)

        starts = jnp.zeros((HORIZON, 1), bool).at[0].set(True)
        return jax.lax.scan(step, agent.initial_carry(1), starts)[1][-1].sum()

    inputs = first_inputs(jnp.ones((1, 3)), Actions(ACTIONS, continuous=True))
    used = np.abs(np.asarray(table(jax.grad(last_step)(state.params)))).max(axis=-1) > 0
    np.testing.assert_array_equal(used, taught)


@pytest.mark.parametrize("delay", [1, 2])
def test_gradients_are_clipped_apart_and_the_temperature_is_not(delay):
    """Adam's first moment is a tenth of the gradient that it was given."""
    agent = make_agent("sac", shared=False, freeze="none", max_grad_norm=1e-3, policy_delay=delay, target_entropy=-30.0)
    state, batch = state_of(agent), episodes()
    after, _ = jax.jit(agent.update)(state, batch, jax.random.key(0))
    moments = optax.tree.get_all_with_path(after.opt_state, "mu")
    norms = sorted(10 * float(optax.tree.norm(mu)) for _, mu in moments)
    assert len(norms) == 3
    np.testing.assert_allclose(norms[:2], 1e-3, rtol=1e-3)
    assert norms[2] > 1


def test_context_is_no_longer_than_episodes():
    assert make_agent("td3", context=HORIZON - 1).context == HORIZON - 1
    for context in (HORIZON, 1000, None):
        agent = make_agent("td3", "gpt", context=context)
        assert agent.context is None
        assert not hasattr(agent.net.trunk.core, "length")
        assert agent.net.trunk.core.max_length == HORIZON + 1
