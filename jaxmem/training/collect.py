"""Whole episodes, collected side by side by one scan."""

import math
from dataclasses import replace
from typing import Literal

import jax
import jax.numpy as jnp

from jaxmem.agents import Agent, AgentState
from jaxmem.exploration import DeviationOptions, Deviations
from jaxmem.networks import Inputs, first_inputs
from jaxmem.replay import Episodes
from jaxmem.training.state import BESIDE, Run
from jaxmem.training.task import Task, keep

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

    Rows whose episode is over wait, frozen, until the horizon.

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
    action_space = task.env.action_space(task.params)
    deviations = deviations or Deviations(DeviationOptions(), horizon, action_space.n)
    plan = deviations.plan(plan_key, batch_size)

    def step(carry: tuple, inputs_t: tuple[jax.Array, jax.Array]) -> tuple[tuple, tuple]:
        env_state, inputs, memory, alive = carry
        t, key = inputs_t
        act_key, env_key = jax.random.split(key)
        deviate_key = jax.random.fold_in(key, BESIDE)
        if mode == "random":
            action = jax.vmap(action_space.sample)(jax.random.split(act_key, batch_size))
            log_prob = jnp.full((batch_size,), -math.log(action_space.n), jnp.float32)
        else:
            start = jnp.full((batch_size,), t == 0)
            done = progress[0] + progress[1] * t / horizon
            memory, decision = agent.act(state, memory, inputs, start, act_key, done, explore=mode == "explore")
            action, log_prob = decision
        action, log_prob, deviated = deviations.apply(plan, t, action, log_prob, deviate_key)
        obs, next_state, reward, terminated, truncated, said = task.step(env_key, env_state, action)
        obs = keep(alive, obs, inputs.obs)
        env_state = keep(alive, next_state, env_state)
        reward = jnp.where(alive, reward, 0)
        ended = alive & (terminated | truncated)
        inputs = Inputs(obs, action.astype(jnp.int32), reward)
        said = jax.tree.map(lambda value: jnp.where(ended, value, 0), said)
        outputs = (obs, action, log_prob, deviated, reward, alive, ended & terminated, said)
        return (env_state, inputs, memory, alive & ~ended), outputs

    carry = (
        env_state,
        first_inputs(obs),
        agent.initial_carry(batch_size),
        jnp.ones((batch_size,), bool),
    )
    times = jnp.arange(horizon)
    _, (next_obs, action, log_prob, deviated, reward, taken, terminated, said) = jax.lax.scan(
        step, carry, (times, jax.random.split(scan_key, horizon))
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
