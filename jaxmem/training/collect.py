"""Whole episodes, collected side by side by one scan."""

from dataclasses import replace
from typing import Literal

import jax
import jax.numpy as jnp

from jaxmem import envs
from jaxmem.agents import Agent, AgentState
from jaxmem.cores.anywhere import anywhere
from jaxmem.exploration import DeviationOptions, Deviations
from jaxmem.networks import Inputs
from jaxmem.replay import Episodes
from jaxmem.training.state import BESIDE, Run
from jaxmem.training.task import Task

Mode = Literal["random", "explore", "greedy"]
Outcome = dict[str, jax.Array]


def explored(
    run: Run,
    task: Task,
    agent: Agent,
    key: jax.Array,
    batch_size: int,
    progress: tuple[jax.Array | float, float],
    deviations: Deviations,
) -> tuple[Run, Episodes, Outcome]:
    """`collect` with mode "explore" by a run's agent; the run knows then where its deviations led to."""
    deviations = replace(deviations, sought=run.sought)
    episodes, outcome = collect(task, agent, run.agent, key, batch_size, "explore", progress, deviations)
    return replace(run, sought=deviations.after(episodes)), episodes, outcome


def collect(
    task: Task,
    agent: Agent,
    state: AgentState,
    key: jax.Array,
    batch_size: int,
    mode: Mode,
    progress: tuple[jax.Array | float, float] = (0.0, 0.0),
    deviations: Deviations | None = None,
) -> tuple[Episodes, Outcome]:
    """Play `batch_size` episodes to their ends.

    Rows whose episode is over wait, frozen, until the last one's end; from there to the horizon nothing is computed.

    Args:
        task: what is played.
        agent: who plays.
        state: the agent's state.
        key: randomness of environment and agent.
        batch_size: number of episodes, B.
        mode: "random" plays uniform actions, "explore" and "greedy" the agent's.
        progress: shares of the planned training that are done before the first step, and that these episodes add; for
            exploration schedules.
        deviations: what episodes do that the agent does not want; None for nothing.

    Returns:
        The episodes, padded to the horizon, and how they went: float32 [B] of return, length and each of the
        environment's episode metrics; NaN where it does not report one.
    """
    horizon = task.horizon
    reset_key, scan_key = jax.random.split(key)
    # Beside the split, so that runs without deviations draw what they drew before there were any.
    plan_key = jax.random.fold_in(key, BESIDE - 1)
    obs, env_state = task.reset(reset_key, batch_size)
    deviations = deviations or Deviations(DeviationOptions(), horizon, task.actions.size)
    plan = deviations.plan(plan_key, batch_size)

    def step(carry: tuple, inputs_t: tuple[jax.Array, jax.Array]) -> tuple[tuple, tuple]:
        env_state, inputs, memory, alive = carry
        t, key = inputs_t
        act_key, env_key = jax.random.split(key)
        deviate_key = jax.random.fold_in(key, BESIDE)
        if mode == "random":
            action, log_prob = task.random_actions(act_key, batch_size)
        else:
            start = jnp.full((batch_size,), t == 0)
            done = progress[0] + progress[1] * t / horizon
            memory, decision = agent.act(state, memory, inputs, start, act_key, done, explore=mode == "explore")
            action, log_prob = decision
        action, log_prob, deviated = deviations.apply(plan, t, action, log_prob, deviate_key)
        stepped = task.step_alive(env_key, env_state, inputs.obs, action, alive)
        inputs = Inputs(stepped.obs, action, stepped.reward)
        outputs = (stepped.obs, action, log_prob, deviated, stepped.reward, alive, stepped.terminated, stepped.said)
        return (stepped.state, inputs, memory, alive & ~stepped.ended), outputs

    def step_or_wait(carry: tuple, inputs_t: tuple[jax.Array, jax.Array]) -> tuple[tuple, tuple]:
        def wait(carry: tuple, inputs_t: tuple[jax.Array, jax.Array]) -> tuple[tuple, tuple]:
            _, outputs = jax.eval_shape(step, carry, inputs_t)
            nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), outputs[1:])
            return carry, (carry[1].obs, *nothing)

        return jax.lax.cond(anywhere(carry[-1]), step, wait, carry, inputs_t)

    carry = (
        env_state,
        task.first_inputs(obs),
        agent.initial_carry(batch_size),
        jnp.ones((batch_size,), bool),
    )
    times = jnp.arange(horizon)
    # Over all seeds at once, or a condition would compute both sides and choose.
    body = step if envs.fixed_horizon(task.env) else step_or_wait
    _, (next_obs, action, log_prob, deviated, reward, taken, terminated, said) = jax.lax.scan(
        body, carry, (times, jax.random.split(scan_key, horizon))
    )
    episodes = Episodes(
        obs=jnp.concatenate([obs[None], next_obs]),
        action=action,
        log_prob=log_prob,
        deviated=deviated,
        reward=reward,
        length=jnp.sum(taken, axis=0, dtype=jnp.int32),
        terminated=jnp.any(terminated, axis=0),
    )
    # Of the steps of an episode, one alone has what was said at its end.
    said = {name: jnp.sum(value, axis=0) for name, value in said.items()}
    return episodes, {"return": episodes.returns, "length": episodes.length.astype(jnp.float32)} | said
