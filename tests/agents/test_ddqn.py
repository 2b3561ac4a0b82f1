"""Double DQN: what its loss sees, where gradients go, how it explores."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxmem import agents, cores
from jaxmem.agents.ddqn import DoubleDQN
from jaxmem.config import ConfigError
from jaxmem.networks import NetworkOptions, episode_inputs, first_inputs
from jaxmem.replay import Episodes

STEPS, BATCH = 6, 5


def episodes(seed: int = 0) -> Episodes:
    rng = np.random.default_rng(seed)
    length = jnp.array([6, 6, 3, 1, 4])
    mask = np.arange(STEPS)[:, None] < np.asarray(length)
    return Episodes(
        obs=jnp.asarray(rng.normal(size=(STEPS + 1, BATCH, 2)), jnp.float32),
        action=jnp.asarray(rng.integers(0, 3, (STEPS, BATCH)), jnp.int32),
        log_prob=jnp.zeros((STEPS, BATCH)),
        deviated=jnp.zeros((STEPS, BATCH), bool),
        reward=jnp.asarray(rng.normal(size=(STEPS, BATCH)) * mask, jnp.float32),
        length=length,
        terminated=jnp.array([True, False, True, False, True]),
    )


def make_agent(core: str = "gpt", **options: Any) -> DoubleDQN:
    from gymnax.environments import spaces

    core_options = {"dropout": 0.0} if core == "gpt" else {}
    parts = NetworkOptions(obs_embed=6, action_embed=2, head=(8,)).parts(
        cores.options(core, width=8, **core_options), spaces.Box(-1, 1, (2,)), spaces.Discrete(3), STEPS + 1
    )
    made = agents.options("ddqn", **options).make(parts, first_inputs(jnp.zeros((1, 2))), STEPS)
    assert isinstance(made, DoubleDQN)
    return made


@pytest.fixture(scope="module")
def agent() -> DoubleDQN:
    return make_agent(discount=0.9, separate_selector=False)


@pytest.fixture(scope="module")
def state(agent):
    fresh = agent.init(jax.random.key(0))
    # Targets of their own, or a mix-up of the two nets would go unnoticed.
    return replace(fresh, target_params=agent.init(jax.random.key(1)).params)


def q_values(agent, params, batch):
    inputs, start = episode_inputs(batch)
    return np.asarray(agent.net.apply(params, None, inputs, start, method="unroll")[1], np.float64)


@pytest.mark.parametrize(
    "returns",
    [
        {},
        {"td_lambda": 0.7},
        {"td_lambda": 0.7, "trace": "watkins"},
        {"td_lambda": 1.0, "trace": "retrace"},
        {"td_lambda": 1.0, "n_step": 3},
    ],
    ids=str,
)
def test_loss_is_the_mean_squared_double_q_error_over_valid_steps(agent, state, returns):
    agent, batch = replace(agent, options=replace(agent.options, **returns)), episodes()
    loss, metrics = agent.loss(state.params, state, batch, jax.random.key(2))
    q, q_target = q_values(agent, state.params, batch), q_values(agent, state.target_params, batch)
    action, reward, length = (np.asarray(x) for x in (batch.action, batch.reward, batch.length))

    def target(t, b, steps):
        """The return of at most so many steps."""
        last = t + 1 == length[b]
        greedy = q[t + 1, b].argmax()
        is_cut = last or steps == 1 or (agent.options.trace != "peng" and action[t + 1, b] != greedy)
        mixing = 0.0 if is_cut else agent.options.td_lambda
        ahead = (1 - mixing) * q_target[t + 1, b, greedy] + (mixing * target(t + 1, b, steps - 1) if mixing else 0)
        return reward[t, b] + (0.0 if last and batch.terminated[b] else 0.9) * ahead

    errors = [
        target(t, b, agent.options.n_step or STEPS) - q[t, b, action[t, b]]
        for b in range(BATCH)
        for t in range(length[b])
    ]
    np.testing.assert_allclose(loss, np.mean(np.square(errors)), rtol=1e-5)
    np.testing.assert_allclose(metrics["loss"], loss)


def test_padding_changes_nothing(agent, state):
    batch = episodes()
    after = ~np.asarray(batch.mask)
    junk = replace(
        batch,
        obs=batch.obs.at[1:].set(jnp.where(after[..., None], 1e6, batch.obs[1:])),
        action=jnp.where(after, 2, batch.action),
    )
    gradient = jax.jit(jax.grad(agent.loss, has_aux=True))
    expected, _ = gradient(state.params, state, batch, jax.random.key(2))
    found, _ = gradient(state.params, state, junk, jax.random.key(2))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), expected, found)


def test_gradient_reaches_embedding_core_and_head_and_not_the_targets(agent, state):
    def loss(params, target_params):
        return agent.loss(params, replace(state, target_params=target_params), episodes(), jax.random.key(2))[0]

    online, target = jax.grad(loss, argnums=(0, 1))(state.params, state.target_params)
    assert all(float(jnp.abs(leaf).max()) == 0 for leaf in jax.tree.leaves(target))
    parts = online["params"]["trunk"] | {"head": online["params"]["head"]}
    assert set(parts) == {"embedding", "core", "head"}
    assert all(optax.tree.norm(part) > 0 for part in parts.values())


def test_targets_remember_the_first_observation(agent, state):
    """A target net that started one step later, or from another episode's memory, would not notice a change of it.

    The online net's head is zero: its values and choices are the same whatever it sees, so that a change of the loss
    comes from the target net alone.
    """
    head = jax.tree.map(jnp.zeros_like, state.params["params"]["head"])
    blind = {"params": state.params["params"] | {"head": head}}
    batch = episodes()
    changed = replace(batch, obs=batch.obs.at[0].multiply(-10.0))
    key = jax.random.key(2)
    before, _ = agent.loss(blind, replace(state, params=blind), batch, key)
    after, _ = agent.loss(blind, replace(state, params=blind), changed, key)
    assert float(before) != float(after)


def test_update_moves_targets_by_tau(agent, state):
    after, metrics = jax.jit(agent.update)(state, episodes(), jax.random.key(3))
    assert set(metrics) == set(agent.metric_names)
    expected = jax.tree.map(
        lambda new, old: agent.options.tau * new + (1 - agent.options.tau) * old, after.params, state.target_params
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-7), after.target_params, expected)
    moved = optax.tree.norm(jax.tree.map(jnp.subtract, after.params, state.params))
    assert moved > 0


def test_epsilon_falls_over_the_first_tenth_to_one_over_the_horizon():
    agent = make_agent()
    progress = jnp.array([0.0, 0.05, 0.1, 0.5, 1.0])
    middle = (1 + 1 / STEPS) / 2
    np.testing.assert_allclose(
        agent.exploration.epsilon.at(progress), [1, middle, 1 / STEPS, 1 / STEPS, 1 / STEPS], rtol=1e-6
    )
    chosen = make_agent(epsilon_start=0.4, epsilon_end=0.2, epsilon_fraction=1.0)
    np.testing.assert_allclose(chosen.exploration.epsilon.at(progress), [0.4, 0.39, 0.38, 0.3, 0.2], rtol=1e-5)


def test_acting_is_greedy_or_explores_at_the_rate_of_epsilon():
    agent = make_agent(epsilon_start=0.3, epsilon_end=0.3)
    state = agent.init(jax.random.key(0))
    rows = 3000
    inputs = first_inputs(jnp.ones((rows, 2)))
    start = jnp.ones((rows,), bool)
    act = jax.jit(agent.act, static_argnames="explore")
    _, greedy = act(state, agent.initial_carry(rows), inputs, start, jax.random.key(1), 0.0, explore=False)
    assert len(set(np.asarray(greedy.action))) == 1
    np.testing.assert_array_equal(greedy.log_prob, np.zeros(rows))
    _, explored = act(state, agent.initial_carry(rows), inputs, start, jax.random.key(1), 0.0, explore=True)
    # A random action is the greedy one a third of the time.
    other = np.asarray(explored.action) != np.asarray(greedy.action)
    np.testing.assert_allclose(np.mean(other), 0.2, atol=0.03)
    np.testing.assert_allclose(np.exp(explored.log_prob), np.where(other, 0.1, 0.8), rtol=1e-5)


def test_dropout_follows_its_options():
    from gymnax.environments import spaces

    parts = NetworkOptions(obs_embed=6, action_embed=2, head=(8,)).parts(
        cores.options("gpt", width=8, dropout=0.5), spaces.Box(-1, 1, (2,)), spaces.Discrete(3), STEPS + 1
    )
    example = first_inputs(jnp.zeros((1, 2)))

    def loss_of(key: int, **options: bool) -> float:
        agent = agents.options("ddqn", separate_selector=False, **options).make(parts, example, STEPS)
        assert isinstance(agent, DoubleDQN)
        state = agent.init(jax.random.key(0))
        return float(agent.loss(state.params, state, episodes(), jax.random.key(key))[0])

    assert loss_of(1, target_dropout=True) != loss_of(2, target_dropout=True)
    assert loss_of(1, target_dropout=True) != loss_of(1, target_dropout=False)


def test_reward_input_is_used_only_where_it_has_a_width():
    from gymnax.environments import spaces

    batch = episodes()
    other = replace(batch, reward=batch.reward + 1.0)
    for width, differs in [(0, False), (2, True)]:
        parts = NetworkOptions(obs_embed=4, action_embed=4 - width, reward_embed=width, head=(8,)).parts(
            cores.options("lstm", width=8), spaces.Box(-1, 1, (2,)), spaces.Discrete(3), STEPS + 1
        )
        agent = agents.options("ddqn").make(parts, first_inputs(jnp.zeros((1, 2))), STEPS)
        params = agent.init(jax.random.key(0)).params
        assert np.any(q_values(agent, params, batch) != q_values(agent, params, other)) == differs


def test_unknown_names_and_options_are_one_line():
    with pytest.raises(ConfigError, match="unknown agent 'dqn'.*known are ddqn"):
        agents.options("dqn")
    with pytest.raises(ConfigError, match="unknown option of agent 'gamma'"):
        agents.options("ddqn", gamma=0.9)
    with pytest.raises(ConfigError, match="agent.n_step is 5: with agent.td_lambda 0 a return has one step"):
        agents.options("ddqn", n_step=5)
