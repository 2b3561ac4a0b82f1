"""The state of a run, and what is added up in it between evaluations."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from jaxmem.agents import Agent, AgentState
from jaxmem.exploration import Deviations
from jaxmem.redistribution import Redistribution
from jaxmem.training.task import Task, episode_outcomes

Metrics = dict[str, jax.Array]

BESIDE = 2**31 - 1
"""Folded into a key, it gives one that no split gives: those are what small numbers give."""


@struct.dataclass
class Window:
    """Sums of what happened since the last evaluation, float32 scalars: over episodes and over updates."""

    episodes: jax.Array
    outcomes: Metrics
    updates: jax.Array
    metrics: Metrics


@struct.dataclass
class Run:
    """Everything that training needs to go on. Every array has a leading seed axis between compiled calls.

    Attributes:
        agent: parameters, targets, optimiser.
        experience: what is kept from one iteration to the next: a replay, or rows in the middle of their episodes.
        key: randomness of training.
        eval_key: randomness of evaluations; never advanced.
        iterations: int32, iterations that were begun.
        episodes: int32, episodes that ended, random ones included.
        env_steps: int32, steps taken in all.
        updates: int32, gradient steps.
        window: sums since the last evaluation.
        redistribution: what the model has learned that gives the learner's rewards; nothing where there is none.
        sought: what deviations led to, where later ones go by it.
    """

    agent: AgentState
    experience: Any
    key: jax.Array
    eval_key: jax.Array
    iterations: jax.Array
    episodes: jax.Array
    env_steps: jax.Array
    updates: jax.Array
    window: Window
    redistribution: Any = ()
    sought: Any = ()


def fresh(
    task: Task,
    agent: Agent,
    redistribution: Redistribution | None,
    deviations: Deviations,
    state: AgentState,
    experience: Any,
    key: jax.Array,
    eval_key: jax.Array,
) -> Run:
    """A run before its first step; `state` is the agent's."""
    # Arrays of their own: the run is donated, and one buffer cannot be donated twice.
    counters = {name: jnp.zeros((), jnp.int32) for name in ("iterations", "episodes", "env_steps", "updates")}

    def total() -> jax.Array:
        return jnp.zeros((), jnp.float32)

    window = Window(
        episodes=total(),
        outcomes={name: total() for name in episode_outcomes(task)},
        updates=total(),
        metrics={name: total() for name in update_metrics(agent, redistribution)},
    )
    model = () if redistribution is None else redistribution.init(jax.random.fold_in(key, BESIDE))
    return Run(
        agent=state,
        experience=experience,
        key=key,
        eval_key=eval_key,
        window=window,
        redistribution=model,
        sought=deviations.first_sought(),
        **counters,
    )


def update_metrics(agent: Agent, redistribution: Redistribution | None) -> tuple[str, ...]:
    """What is told of updates."""
    return (*agent.metric_names, *(() if redistribution is None else redistribution.metric_names))


def count_steps(run: Run, env_steps: jax.Array, episodes: jax.Array | int, sums: Metrics) -> Run:
    """The run after `env_steps` more, in which `episodes` ended with these sums of how they went."""
    window = run.window
    return replace(
        run,
        episodes=run.episodes + episodes,
        env_steps=run.env_steps + env_steps,
        window=replace(
            window,
            episodes=window.episodes + episodes,
            outcomes={name: total + sums[name] for name, total in window.outcomes.items()},
        ),
    )


def count_updates(run: Run, agent: AgentState, updates: jax.Array | int, metrics: Metrics) -> Run:
    """The run with an agent that has learned: `metrics` are the window's, with those of `updates` more added."""
    window = replace(run.window, updates=run.window.updates + updates, metrics=metrics)
    return replace(run, agent=agent, updates=run.updates + updates, window=window)
