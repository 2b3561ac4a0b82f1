"""What a policy would do at its first step, read off it instead of counted."""

import jax
import jax.numpy as jnp

from jaxmem.agents import AgentState, DiscreteAgent
from jaxmem.training.task import Task


def decisive_chance(
    task: Task, agent: DiscreteAgent, state: AgentState, key: jax.Array, progress: jax.Array | float
) -> jax.Array:
    """How likely the agent, as it explores, is to begin an episode with the task's decisive action.

    Episodes that were played cannot tell a chance of 1e-6 from none. Deviations are no part of it: they are not the
    agent's. With dropout while acting it is that under one draw of the masks.

    Args:
        task: has a decisive action; see `envs.decisive_action`.
        agent: who would act.
        state: the agent's state.
        key: randomness of dropout.
        progress: the share of the planned training that is done, for schedules.

    Returns:
        The probability, a float32 scalar: exact as far as float32 goes, down to 1e-38.
    """
    # All episodes begin alike.
    obs, _ = task.reset(key, 1)
    carry, start = agent.initial_carry(1), jnp.ones((1,), bool)
    _, log_probs = agent.behaviour(state, carry, task.first_inputs(obs), start, key, progress, explore=True)
    return jnp.exp(log_probs[0, task.decisive])
