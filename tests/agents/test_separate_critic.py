"""A value with an embedding and a memory of its own: what it shares with the policy, and what not."""

from dataclasses import fields, replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from unroll_cases import ROWS, STEPS, make_agent, random_state, several_episodes

from jaxmem.agents import Unroll

KEY = jax.random.key(0)
STEPWISE = [field.name for field in fields(Unroll) if field.name != "memory"]
leaves = jax.tree.leaves


def test_a_critic_of_its_own_takes_no_part_in_the_policys_memory():
    agent = make_agent("ppo", normalize_over="off", separate_critic=True, baseline_cost=1.0, entropy_cost=0.0)
    state = random_state(agent)
    batch = agent.prepare(state, several_episodes(), KEY)

    def reached(advantage: float, target: float) -> set[str]:
        changed = replace(batch, advantage=batch.advantage * advantage, target=batch.value + target)
        gradients = jax.grad(lambda params: agent.loss(params, changed, KEY)[0])(state.params)["params"]
        return {name for name, part in gradients.items() if any(jnp.abs(leaf).max() > 1e-7 for leaf in leaves(part))}

    assert reached(advantage=1, target=0) == {"trunk", "actor"}
    assert reached(advantage=0, target=1) == {"critic_trunk", "critic"}


@pytest.mark.parametrize("separate", [False, True])
def test_gradients_of_a_critic_of_its_own_are_clipped_apart(separate):
    agent = make_agent("ppo", separate_critic=separate, max_grad_norm=0.5, adam_b2=0.9, adam_epsilon=1.0)
    params = random_state(agent).params
    clip = agent.clipped(optax.identity())

    def sizes(of_critic: float) -> dict[str, float]:
        """What clipping leaves, where the policy's gradient is 1 in each number."""
        names = params["params"]
        filled = {
            name: jax.tree.map(lambda p, n=name: jnp.full_like(p, of_critic if n.startswith("critic") else 1.0), part)
            for name, part in names.items()
        }
        left, _ = clip.update({**params, "params": filled}, clip.init(params), params)
        return {name: float(optax.tree.norm(part)) for name, part in left["params"].items()}

    small, large = sizes(0.0), sizes(1e4)
    policy = np.hypot(small["trunk"], small["actor"])
    np.testing.assert_allclose(policy, 0.5, rtol=1e-5)
    if separate:
        np.testing.assert_allclose([large["trunk"], large["actor"]], [small["trunk"], small["actor"]], rtol=1e-5)
        np.testing.assert_allclose(np.hypot(large["critic_trunk"], large["critic"]), 0.5, rtol=1e-5)
    else:
        assert large["trunk"] < 0.01 * small["trunk"]


def test_a_critic_of_its_own_remembers_from_unroll_to_unroll():
    """The value's memory goes on while acting: it says the same of the second half alone as of the whole."""
    agent = make_agent("ppo", separate_critic=True)
    state, unroll = random_state(agent), several_episodes()
    whole = agent.outputs(state.params, unroll, KEY)
    half, memory = STEPS // 2, agent.initial_carry(ROWS)
    assert not unroll.start[half].any()
    for t in range(half):
        inputs = jax.tree.map(lambda leaf, t=t: leaf[t], unroll.inputs)
        memory, _ = agent.act(state, memory, inputs, unroll.start[t], KEY, 0.0, explore=True)
    later = Unroll(memory, *(jax.tree.map(lambda leaf: leaf[half:], getattr(unroll, name)) for name in STEPWISE))
    rest = agent.outputs(state.params, later, KEY)
    np.testing.assert_allclose(rest.value, whole.value[half:], atol=1e-5)
    np.testing.assert_allclose(rest.logits, whole.logits[half:], atol=1e-5)
