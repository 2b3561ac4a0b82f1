"""Probe tasks whose values are known: each isolates one thing that learning code gets wrong in silence.

All probes last two steps. A trained agent's Q-values must be the known ones, not only its choices. SAC-Discrete's hold
its policy's entropy besides, whose weight is so small here that the tolerance covers it.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probe_env import DISCOUNT, Probe
from support import small_config

from jaxmem import agents, cores, envs
from jaxmem.networks import Inputs, NetworkOptions
from jaxmem.training import LoopOptions
from jaxmem.training.loop import Program

AGENTS: dict[str, dict[str, Any]] = {"ddqn": {"epsilon_end": 0.5}, "sac_discrete": {"temperature": 0.05}}


def trained(kind: str, core: str, algorithm: str = "ddqn", **agent: Any):
    name = f"Probe-{kind}-{core}-{algorithm}-{agent}"
    envs.register(name, lambda: Probe(kind))
    config = small_config(
        env=envs.options(name),
        core=cores.options(core, width=16),
        agent=agents.options(
            algorithm,
            discount=DISCOUNT,
            batch_size=32,
            learning_rate=5e-3,
            tau=0.05,
            **AGENTS[algorithm],
            **agent,
        ),
        network=NetworkOptions(obs_embed=8, action_embed=8, head=(16,)),
        loop=LoopOptions(episodes=9600, collect=32, updates=4, random_episodes=32),
        seeds=1,
    )
    program = Program(config)
    run = jax.jit(lambda key: program.iterate(program.init(key), 150))(jax.random.key(0))
    params = jax.tree.map(lambda leaf: leaf[0], run.agent.params)

    def q(cue: float, action: int = 0) -> np.ndarray:
        """Q-values [2 steps, 2 actions] of the episode that begins with `cue` and `action`."""
        second = 0.0 if kind == "limit" else 0.5
        inputs = Inputs(
            obs=jnp.array([[[cue, 0.0]], [[0.0, second]]]),
            prev_action=jnp.array([[-1], [action]]),
            prev_reward=jnp.zeros((2, 1)),
        )
        start = jnp.array([[True], [False]])
        net: Any = program.agent.net  # type: ignore[attr-defined]
        outputs = net.apply(params, None, inputs, start, method="unroll")[1]
        # The lower of two critics where there are two.
        return np.asarray((outputs.q.min(axis=0) if algorithm == "sac_discrete" else outputs)[:, 0])

    return q


@pytest.mark.parametrize("algorithm", AGENTS)
def test_value_is_discounted_and_not_bootstrapped_past_the_end(algorithm):
    q = trained("delay", "gru", algorithm)
    np.testing.assert_allclose(q(0.0), [[DISCOUNT] * 2, [1.0] * 2], atol=0.08)


@pytest.mark.parametrize("algorithm", AGENTS)
def test_value_goes_on_past_a_time_limit(algorithm):
    """1 + d + d^2 + ... = 2: an agent that takes the limit for an end says 1 at the last step."""
    q = trained("limit", "mlp", algorithm)
    np.testing.assert_allclose(q(0.0), np.full((2, 2), 1 / (1 - DISCOUNT)), atol=0.15)


@pytest.mark.parametrize("td_lambda", [0.0, 0.9])
def test_actions_are_told_apart(td_lambda):
    q = trained("action", "gru", td_lambda=td_lambda, trace="watkins")
    np.testing.assert_allclose(q(0.0)[1], [0.0, 1.0], atol=0.08)
    np.testing.assert_allclose(q(0.0)[0], [DISCOUNT] * 2, atol=0.08)


@pytest.mark.parametrize("shared", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_policy_tells_actions_apart_with_either_kind_of_trunk(shared):
    q = trained("action", "gru", "sac_discrete", shared=shared)
    np.testing.assert_allclose(q(0.0)[1], [0.0, 1.0], atol=0.08)
    np.testing.assert_allclose(q(0.0)[0], [DISCOUNT] * 2, atol=0.08)


@pytest.mark.parametrize(("core", "algorithm"), [("gpt", "ddqn"), ("lstm", "ddqn"), ("lstm", "sac_discrete")])
def test_memory_is_needed_and_found(core, algorithm):
    dropout = {"act_dropout": False} | ({"target_dropout": False} if algorithm == "ddqn" else {})
    q = trained("memory", core, algorithm, **dropout)
    for cue, values in [(-1.0, [1.0, 0.0]), (1.0, [0.0, 1.0])]:
        for action in (0, 1):
            np.testing.assert_allclose(q(cue, action)[1], values, atol=0.15)


def test_without_memory_the_cue_is_worth_nothing():
    """The control: half the reward whatever it does, in every state."""
    q = trained("memory", "mlp")
    np.testing.assert_allclose(q(1.0)[1], [0.5, 0.5], atol=0.15)
    np.testing.assert_allclose(q(-1.0)[1], [0.5, 0.5], atol=0.15)


def test_truncation_and_termination_reach_the_probe():
    """The probes themselves: what ends them is what the tests above rely on."""
    for kind, ends in [("delay", [True, False]), ("limit", [False, True])]:
        env = Probe(kind)
        _, state = env.reset(jax.random.key(0))
        for last in (False, True):
            _, state, reward, terminated, truncated, _ = env.step(jax.random.key(1), state, 1)
            if last:
                assert [bool(terminated), bool(truncated)] == ends
                assert float(reward) == 1.0
