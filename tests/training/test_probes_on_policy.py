"""V-trace on the probe tasks whose values are known, in whole episodes and in unrolls that cut through them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probe_env import DISCOUNT, Probe
from support import small_config

from jaxmem import agents, cores, envs
from jaxmem.networks import Inputs, NetworkOptions, PolicyValueOutputs
from jaxmem.training import LoopOptions
from jaxmem.training.loop import Program


def trained(kind: str, core: str, unroll: int | None, **agent: Any):
    """A function from cue and first action to what the trained network says of both steps of that episode."""
    name = f"Probe-{kind}-{core}-{unroll}-{agent}"
    envs.register(name, lambda: Probe(kind))
    config = small_config(
        env=envs.options(name),
        core=cores.options(core, width=16),
        agent=agents.options(
            "vtrace",
            **{
                "discount": DISCOUNT,
                "optimizer": "adam",
                "learning_rate": 5e-3,
                "reduce": "mean",
                "entropy_cost": 0.02,
                **agent,
            },
        ),
        network=NetworkOptions(obs_embed=8, action_embed=8, head=(16,)),
        loop=LoopOptions(episodes=64 * 150, collect=64, updates=3, unroll=unroll),
        seeds=1,
    )
    program = Program(config)
    run = jax.jit(lambda key: program.iterate(program.init(key), 150))(jax.random.key(0))
    params = jax.tree.map(lambda leaf: leaf[0], run.agent.params)
    net: Any = program.agent.net  # type: ignore[attr-defined]
    apply = jax.jit(lambda inputs, start: net.apply(params, None, inputs, start, method="unroll")[1])

    def says(cue: float, action: int = 0) -> PolicyValueOutputs:
        second = 0.0 if kind == "limit" else 0.5
        inputs = Inputs(
            obs=jnp.array([[[cue, 0.0]], [[0.0, second]]]),
            prev_action=jnp.array([[-1], [action]]),
            prev_reward=jnp.zeros((2, 1)),
        )
        logits, value = apply(inputs, jnp.array([[True], [False]]))
        return PolicyValueOutputs(logits[:, 0], value[:, 0])

    return says


UNROLLS = pytest.mark.parametrize("unroll", [None, 5])


@UNROLLS
def test_value_is_discounted_and_not_bootstrapped_past_the_end(unroll):
    np.testing.assert_allclose(trained("delay", "gru", unroll)(0.0).value, [DISCOUNT, 1.0], atol=0.08)


@UNROLLS
def test_value_goes_on_past_a_time_limit(unroll):
    """1 + d + d^2 + ... = 2: an agent that takes the limit for an end says 1 at the last step."""
    np.testing.assert_allclose(trained("limit", "mlp", unroll)(0.0).value, [1 / (1 - DISCOUNT)] * 2, atol=0.15)


@UNROLLS
def test_memory_is_needed_and_found(unroll):
    """What is paid is to do in the second step what the cue of the first one said."""
    says = trained("memory", "lstm", unroll)
    for cue in (-1.0, 1.0):
        for action in (0, 1):
            logits, value = says(cue, action)
            np.testing.assert_allclose(value, [DISCOUNT, 1.0], atol=0.15)
            assert jnp.argmax(logits[1]) == int(cue > 0)
