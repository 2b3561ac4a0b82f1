"""Probe tasks with continuous actions whose best actions and values are known; all of them last two steps."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces
from probe_env import DISCOUNT, Probe
from support import small_config

from jaxmem import agents, cores, envs
from jaxmem.networks import Inputs, NetworkOptions
from jaxmem.training import LoopOptions
from jaxmem.training.loop import Program

# Bounds that are not [-1, 1]: who forgets to scale gets other answers.
LOW, HIGH = 0.0, 4.0
BEST = {-1.0: -0.5, 1.0: 0.5}

AGENTS: dict[str, dict[str, Any]] = {"td3": {"act_noise": 0.4, "target_noise": 0.0}, "sac": {"temperature": 0.05}}


class ContinuousProbe(Probe):
    """As `Probe`, but the last action is a number from 0 to 4, and being off the cue's costs the square of that.

    The cue's action is 1 for cue -1 and 3 for cue 1, and the cost is counted in halves of the box. With kind "limit"
    every step pays 1, and a time limit ends the episode.
    """

    def step_env(self, key, state, action, params):
        off = (action[0] - jnp.where(state.cue > 0, 3.0, 1.0)) / 2
        obs, state, paid, terminated, info = super().step_env(key, state, 0, params)
        if self.kind == "memory":
            paid = jnp.where(state.time == 2, -jnp.square(off), 0.0)
        return obs, state, paid, terminated, info

    def action_space(self, params):
        return spaces.Box(LOW, HIGH, (1,))


def trained(kind: str, core: str, algorithm: str, **agent: Any) -> Any:
    name = f"ContinuousProbe-{kind}-{core}-{algorithm}-{agent}"
    envs.register(name, lambda: ContinuousProbe(kind))
    options = {"discount": DISCOUNT, "batch_size": 32, "learning_rate": 5e-3, "tau": 0.05, "context": None}
    config = small_config(
        env=envs.options(name),
        core=cores.options(core, width=16, **({"dropout": 0.0} if core == "gpt" else {})),
        agent=agents.options(algorithm, **options | AGENTS[algorithm] | agent),
        network=NetworkOptions(obs_embed=8, action_embed=8, head=(16,)),
        loop=LoopOptions(episodes=9600, collect=32, updates=4, random_episodes=32),
        seeds=1,
    )
    program = Program(config)
    run = jax.jit(lambda key: program.iterate(program.init(key), 150))(jax.random.key(0))
    params = jax.tree.map(lambda leaf: leaf[0], run.agent.params)
    made: Any = program.agent

    def said(cue: float, last: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Best actions [2] of the episode that begins with `cue`, and values [2] of the action `last`."""
        second = 0.0 if kind == "limit" else 0.5
        inputs = Inputs(
            obs=jnp.array([[[cue, 0.0]], [[0.0, second]]]),
            prev_action=jnp.zeros((2, 1, 1)),
            prev_reward=jnp.zeros((2, 1)),
        )
        start = jnp.array([[True], [False]])
        features = made.net.apply(params, None, inputs, start, method="unroll")[1]
        best = made.best(made.net.apply(params, features.policy, method="policy"))
        q = made.net.apply(params, features.critic, jnp.full((2, 1, 1), last), method="q").min(axis=0)
        return np.asarray(best)[:, 0, 0], np.asarray(q)[:, 0]

    return said


@pytest.mark.parametrize(
    ("algorithm", "core", "options"),
    [
        ("td3", "gpt", {}),
        pytest.param("td3", "lstm", {"shared": False, "freeze": "critic", "policy_delay": 2}, marks=pytest.mark.slow),
        pytest.param("sac", "gru", {}, marks=pytest.mark.slow),
    ],
)
def test_the_cue_is_remembered_and_worth_what_it_is(algorithm, core, options):
    said = trained("memory", core, algorithm, **options)
    for cue, best in BEST.items():
        action, q = said(cue, last=best)
        np.testing.assert_allclose(action[1], best, atol=0.12)
        np.testing.assert_allclose(q[1], 0.0, atol=0.1)
        np.testing.assert_allclose(said(cue, last=-best)[1][1], -1.0, atol=0.25)


@pytest.mark.slow
def test_without_memory_the_middle_is_the_best():
    said = trained("memory", "mlp", "td3")
    for cue in BEST:
        action, _ = said(cue)
        np.testing.assert_allclose(action[1], 0.0, atol=0.15)


@pytest.mark.parametrize("context", [pytest.param(None, marks=pytest.mark.slow), 1])
def test_value_goes_on_past_a_time_limit_and_the_end_of_a_part(context):
    """1 + d + d^2 + ... = 2, with whole episodes and with parts of one step."""
    said = trained("limit", "mlp", "td3", context=context)
    np.testing.assert_allclose(said(0.0)[1], 1 / (1 - DISCOUNT), atol=0.15)


@pytest.mark.slow
def test_value_ends_with_the_episode():
    said = trained("delay", "gru", "td3")
    np.testing.assert_allclose(said(0.0)[1], [DISCOUNT, 1.0], atol=0.1)
