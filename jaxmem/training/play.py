"""A given number of steps, played on from where the last ones ended."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from jaxmem.agents import Agent, AgentState, Unroll
from jaxmem.exploration import Deviations
from jaxmem.networks import Inputs
from jaxmem.training.task import Task, episode_outcomes, keep

Sums = dict[str, jax.Array]


@struct.dataclass
class Actors:
    """B rows in the middle of their episodes.

    Attributes:
        env_state: the environment's state.
        memory: the agent's memory of what came before `inputs`.
        inputs: what is seen next.
        start: bool [B], whether that begins an episode.
        cut: bool [B], whether it is the last observation of an episode, at which nothing will be done: where a time
            limit ended it, and of environments that begin anew by themselves, at every end.
        plan: the deviations of the episodes.
        reward: float32 [B], sum of the rewards of the episode so far.
        length: float32 [B], its steps so far.
    """

    env_state: Any
    memory: Any
    inputs: Inputs
    start: jax.Array
    cut: jax.Array
    plan: Any
    reward: jax.Array
    length: jax.Array


def begin(task: Task, agent: Agent, key: jax.Array, rows: int, deviations: Deviations) -> Actors:
    """B rows at the beginning of an episode each."""
    reset_key, plan_key = jax.random.split(key)
    obs, env_state = task.reset(reset_key, rows)
    zero = jnp.zeros((rows,), jnp.float32)
    start = jnp.ones((rows,), bool)
    # Arrays of their own: the run is donated, and one buffer cannot be donated twice.
    return Actors(
        env_state=env_state,
        memory=agent.initial_carry(rows),
        inputs=task.first_inputs(obs),
        start=start,
        cut=~start,
        plan=deviations.plan(plan_key, rows),
        reward=zero,
        length=jnp.zeros((rows,), jnp.float32),
    )


def play(
    task: Task,
    agent: Agent,
    state: AgentState,
    actors: Actors,
    key: jax.Array,
    steps: int,
    progress: tuple[jax.Array | float, float],
    deviations: Deviations,
) -> tuple[Actors, Unroll, jax.Array, Sums]:
    """Play on for `steps` steps of every row, exploring; where an episode ends, the next one begins.

    Args:
        task: what is played.
        agent: who plays.
        state: the agent's state.
        actors: where the rows are.
        key: randomness of environment and agent.
        steps: length of the unroll, T.
        progress: as for `collect`.
        deviations: what episodes do that the agent does not want.

    Returns:
        Where the rows are then; what happened; how many episodes ended, int32; and sums over those, float32, of return,
        length and each of the environment's episode metrics.
    """
    rows = actors.start.shape[0]
    names = episode_outcomes(task)

    def step(carry: tuple, inputs_t: tuple[jax.Array, jax.Array]) -> tuple[tuple, tuple]:
        actors, count, sums = carry
        t, key = inputs_t
        act_key, deviate_key, env_key, reset_key, plan_key = jax.random.split(key, 5)
        done = progress[0] + progress[1] * t / steps
        memory, (action, log_prob) = agent.act(
            state, actors.memory, actors.inputs, actors.start, act_key, done, explore=True
        )
        step_of_episode = actors.length.astype(jnp.int32)
        action, log_prob, deviated = deviations.apply(actors.plan, step_of_episode, action, log_prob, deviate_key)
        stepped = task.step(env_key, actors.env_state, action)
        taken = ~actors.cut
        reward = jnp.where(taken, stepped.reward, 0)
        terminated = taken & stepped.terminated
        over = {"return": actors.reward + reward, "length": actors.length + taken} | stepped.said
        ended = taken & stepped.ended
        sums = {name: sums[name] + jnp.sum(jnp.where(ended, over[name], 0)) for name in names}
        onward = task.onward(reset_key, stepped, actors.cut)
        after = Actors(
            env_state=onward.state,
            memory=memory,
            inputs=keep(onward.start, task.first_inputs(onward.obs), Inputs(onward.obs, action, reward)),
            start=onward.start,
            cut=onward.cut,
            plan=keep(onward.start, deviations.plan(plan_key, rows), actors.plan),
            reward=jnp.where(ended, 0, over["return"]),
            length=jnp.where(ended, 0, over["length"]),
        )
        outputs = (actors.inputs, actors.start, action, log_prob, deviated, reward, terminated, taken)
        return (after, count + jnp.sum(ended, dtype=jnp.int32), sums), outputs

    nothing = {name: jnp.zeros((), jnp.float32) for name in names}
    (after, count, sums), (inputs, start, *did) = jax.lax.scan(
        step, (actors, jnp.zeros((), jnp.int32), nothing), (jnp.arange(steps), jax.random.split(key, steps))
    )
    action, log_prob, deviated, reward, terminated, taken = did
    unroll = Unroll(
        memory=actors.memory,
        inputs=jax.tree.map(lambda past, last: jnp.concatenate([past, last[None]]), inputs, after.inputs),
        start=jnp.concatenate([start, after.start[None]]),
        action=action,
        log_prob=log_prob,
        deviated=deviated & taken,
        reward=reward,
        terminated=terminated,
        mask=taken,
    )
    return after, unroll, count, sums
