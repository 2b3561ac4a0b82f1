"""Auxiliary predictions: what is predicted of which steps, and what learns from it."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from core_cases import QUICK
from support import assert_same_bits, small_config
from unroll_cases import ACTIONS, ROWS, STEPS, make_agent, random_state, several_episodes

from jaxmem.agents import AgentOptions
from jaxmem.agents.auxiliary import learner_unroll
from jaxmem.config import ConfigError
from jaxmem.networks import AuxiliaryOptions
from jaxmem.replay import Episodes
from jaxmem.training.loop import Program

BOTH = AuxiliaryOptions(next_obs=0.5, reward=2.0)
AGENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddqn": ("ddqn", {"separate_selector": False}),
    "sac": ("sac_discrete", {}),
    "sac-separate": ("sac_discrete", {"shared": False}),
    "vtrace": ("vtrace", {"reduce": "mean"}),
    "ppo": ("ppo", {}),
}


def episodes() -> Episodes:
    rng = np.random.default_rng(0)
    return Episodes(
        obs=jnp.asarray(rng.normal(size=(STEPS + 1, ROWS, 2)), jnp.float32),
        action=jnp.asarray(rng.integers(0, ACTIONS, (STEPS, ROWS)), jnp.int32),
        log_prob=jnp.full((STEPS, ROWS), -1.0),
        deviated=jnp.zeros((STEPS, ROWS), bool),
        reward=jnp.asarray(rng.normal(size=(STEPS, ROWS)), jnp.float32),
        length=jnp.array([STEPS, 4]),
        terminated=jnp.array([True, False]),
    )


def loss(agent: Any, state: Any, params: Any) -> tuple[jax.Array, Any]:
    key = jax.random.key(1)
    if agent.options.on_policy:
        return agent.loss(params, agent.prepare(state, several_episodes(), key), key)
    return agent.loss(params, state, episodes(), key)


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_adds_the_errors_and_its_trunks_alone_learn_from_them(name):
    kind, options = AGENTS[name]
    agent, without = (make_agent(kind, "gru", auxiliary=auxiliary, **options) for auxiliary in (BOTH, None))
    state = random_state(agent)

    def both(params: Any) -> Any:
        return tuple(
            jax.value_and_grad(lambda p, a=a: loss(a, state, p), has_aux=True)(params) for a in (agent, without)
        )

    ((total, metrics), gradient), ((own, own_metrics), own_gradient) = jax.jit(both, compiler_options=QUICK)(
        state.params
    )
    assert {*metrics, "grad_norm"} == set(agent.metric_names)
    assert {*own_metrics, "grad_norm"} == set(without.metric_names)
    added = 0.5 * metrics["next_obs_error"] + 2 * metrics["reward_error"]
    np.testing.assert_allclose(total, own + added, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss"], total, rtol=1e-6)
    difference = jax.tree.map(jnp.subtract, gradient, own_gradient)["params"]
    trunks = [name for name in difference if name.endswith("trunk")]
    assert len(trunks) == 1 + (name == "sac-separate")
    for trunk in trunks:
        assert set(difference[trunk]) == {"embedding", "core", "predictor"}
        assert all(optax.tree.norm(part) > 1e-3 for part in difference.pop(trunk).values())
    assert optax.tree.norm(difference) < 1e-5


@pytest.mark.parametrize("options", [BOTH, AuxiliaryOptions(reward=1.0)], ids=["both", "reward"])
def test_what_follows_is_predicted_where_it_is_part_of_the_episode(options):
    agent, unroll = make_agent("vtrace", "gru", auxiliary=options), several_episodes()
    params = random_state(agent).params
    outputs, auxiliary = learner_unroll(agent.net, params, unroll, True, jax.random.key(0))
    arguments = (params, None, unroll.inputs, unroll.start)
    plain = agent.net.apply(*arguments, method="unroll")[1]
    assert_same_bits(outputs, plain)
    _, features = agent.net.apply(*arguments, method=lambda net, *inputs: net.trunk.unroll(*inputs))
    action = jax.nn.one_hot(unroll.action, ACTIONS)
    said = agent.net.apply(
        params,
        jnp.concatenate([features[:-1], action], axis=-1).reshape(STEPS * ROWS, -1),
        method=lambda net, x: net.trunk.predictor.head(x),
    ).reshape(STEPS, ROWS, -1)
    errors: dict[str, list[float]] = {"next_obs_error": [], "reward_error": []}
    for t in range(STEPS):
        for b in range(ROWS):
            if unroll.mask[t, b]:
                errors["reward_error"].append(float(said[t, b, -1] - unroll.reward[t, b]) ** 2)
                # The observation after an episode's last step is not in the unroll.
                if not unroll.start[t + 1, b] and options.next_obs:
                    distance = said[t, b, :2] - unroll.inputs.obs[t + 1, b]
                    errors["next_obs_error"].append(float(jnp.mean(jnp.square(distance))))
    expected = {name: np.mean(values) for name, values in errors.items() if values}
    assert set(auxiliary.errors) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(auxiliary.errors[name], value, rtol=1e-5)


def test_padding_and_the_learners_own_rewards_change_nothing():
    from jaxmem.agents import Unroll

    agent, batch = make_agent("ddqn", "gru", auxiliary=BOTH), episodes()
    params = random_state(agent).params

    @jax.jit
    def errors(steps: Any) -> Any:
        return learner_unroll(agent.net, params, steps, True, jax.random.key(0))[1].errors

    after = ~np.asarray(batch.mask)
    junk = replace(
        batch,
        obs=batch.obs.at[1:].set(jnp.where(after[..., None], 1e3, batch.obs[1:])),
        action=jnp.where(after, 2, batch.action),
        reward=jnp.where(after, 7.0, batch.reward),
    )
    expected = errors(Unroll.of(batch))
    assert_same_bits(expected, errors(Unroll.of(junk)))
    # What the environment paid is predicted, whatever the learner is told that it was worth.
    assert_same_bits(expected, errors(replace(Unroll.of(batch), reward=jnp.zeros_like(batch.reward))))


def test_without_weights_parameters_are_those_of_a_network_that_knows_nothing_of_it():
    agent, without = (make_agent("sac_discrete", "gru", auxiliary=options) for options in (BOTH, None))
    params, plain = (item.init(jax.random.key(0)).params["params"] for item in (agent, without))
    assert set(params["trunk"]) - set(plain["trunk"]) == {"predictor"}
    del params["trunk"]["predictor"]
    assert_same_bits(params, plain)
    assert make_agent("ddqn", auxiliary=AuxiliaryOptions()).net.trunk.predictor is None


def test_a_run_reports_the_errors():
    program = Program(small_config(auxiliary=AuxiliaryOptions(next_obs=0.1)))
    run = jax.eval_shape(program.init, jax.random.key(0))
    assert set(run.window.metrics) == {"loss", "q", "grad_norm", "next_obs_error"}


def test_an_agent_that_cannot_learn_them_refuses_them():
    config = small_config()
    with pytest.raises(ConfigError, match=r"^auxiliary has weights: mine learns no predictions, allowed is 0$"):
        replace(config, agent=AgentOptions(name="mine"), auxiliary=BOTH)
