"""The compiled loop: a run's state, one iteration of it, and chunks of iterations."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from jaxmem import envs
from jaxmem import replay as episode_replay
from jaxmem.agents import Agent, AgentState
from jaxmem.config import ConfigError
from jaxmem.networks import first_inputs
from jaxmem.training.collect import Task, collect
from jaxmem.training.options import RunConfig

Metrics = dict[str, jax.Array]


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
        replay: the stored episodes.
        key: randomness of training.
        eval_key: randomness of evaluations; never advanced.
        episodes: int32, episodes collected, random ones included.
        env_steps: int32, steps taken in them.
        updates: int32, gradient steps.
        window: sums since the last evaluation.
    """

    agent: AgentState
    replay: episode_replay.Replay
    key: jax.Array
    eval_key: jax.Array
    episodes: jax.Array
    env_steps: jax.Array
    updates: jax.Array
    window: Window


@dataclass(frozen=True, eq=False)
class Program:
    """A configuration, made into pure functions of a `Run`.

    `init`, `iterate`, `evaluate` and `clear_window` act on all seeds at once and can be jitted; `iterate` takes the
    number of iterations as an argument, so that chunks of any length share one compilation.
    """

    config: RunConfig

    def __post_init__(self) -> None:
        # Now, since the first use may be inside a trace: arrays that an environment makes would be tracers there.
        _ = self.agent

    @cached_property
    def task(self) -> Task:
        """The environment that is trained on."""
        task = Task.of(self.config.env)
        self.config.check_size(task.horizon)
        return task

    @cached_property
    def agent(self) -> Agent:
        """The algorithm, bound to network and task."""
        task, config = self.task, self.config
        obs_space, action_space = task.env.observation_space(task.params), task.env.action_space(task.params)
        # The learner also sees the observation after the last action.
        parts = config.network.parts(config.core, obs_space, action_space, task.horizon + 1)
        example = first_inputs(jnp.zeros((1, *obs_space.shape), obs_space.dtype))
        agent = config.agent.make(parts, example, task.horizon)
        self._check_metrics(agent)
        return agent

    def _check_metrics(self, agent: Agent) -> None:
        env_id, names = self.config.env.id, envs.episode_metrics(self.task.env)
        taken = sorted({"return", "length", *agent.metric_names} & set(names))
        if taken:
            raise ConfigError(f"{env_id} has the episode metric {taken[0]!r}: allowed is a name that training has not")
        if self.config.loop.stop_success is not None and "success" not in self.task.reports:
            raise ConfigError(f"loop.stop_success is {self.config.loop.stop_success}: {env_id} reports no success")

    def init(self, key: jax.Array) -> Run:
        """A run of every seed, its replay filled with random episodes and its first updates made."""
        return self._over_seeds(self._init)(jax.random.split(key, self.config.seeds))

    def iterate(self, run: Run, iterations: jax.Array | int) -> Run:
        """Go on for a number of iterations: collect, store, update."""
        return self._over_seeds(lambda run: jax.lax.fori_loop(0, iterations, lambda _, run: self._iteration(run), run))(
            run
        )

    def evaluate(self, run: Run, episodes: int | None = None) -> Metrics:
        """Play greedy episodes: float32 [seeds] of how they went on average. The run is only read."""
        episodes = self.config.loop.eval_episodes if episodes is None else episodes
        return self._over_seeds(lambda run: self._evaluate(run, episodes))(run)

    def clear_window(self, run: Run) -> Run:
        """The run with its sums since the last evaluation set to zero."""
        return replace(run, window=jax.tree.map(jnp.zeros_like, run.window))

    def _over_seeds(self, function: Callable) -> Callable:
        if self.config.seeds > 1:
            return jax.vmap(function)

        # A batch axis of one would turn every matrix product into a batched one, which CPUs run more slowly.
        def one_seed(argument: Any) -> Any:
            first = jax.tree.map(lambda leaf: leaf[0], argument)
            return jax.tree.map(lambda leaf: leaf[None], function(first))

        return one_seed

    def _init(self, key: jax.Array) -> Run:
        agent_key, collect_key, run_key, eval_key = jax.random.split(key, 4)
        loop = self.config.loop
        agent = self.agent.init(agent_key)
        episodes, outcome = collect(self.task, self.agent, agent, collect_key, loop.random_episodes, "random")
        store = episode_replay.init(episodes, loop.replay_episodes(self.task.horizon))
        zero = jnp.zeros((), jnp.int32)
        total = jnp.zeros((), jnp.float32)
        names = self.agent.metric_names
        run = Run(
            agent=agent,
            replay=store,
            key=run_key,
            eval_key=eval_key,
            episodes=zero,
            env_steps=zero,
            updates=zero,
            window=Window(total, {name: total for name in outcome}, total, {name: total for name in names}),
        )
        run = self._store(run, episodes, outcome)
        key, update_key = jax.random.split(run.key)
        first_updates = 0
        if loop.updates is None:
            first_updates = self._updates(episodes, round_up=False)
        return self._update(replace(run, key=key), first_updates, update_key)

    def _iteration(self, run: Run) -> Run:
        key, collect_key, update_key = jax.random.split(run.key, 3)
        loop = self.config.loop
        run = replace(run, key=key)
        planned = loop.iterations * loop.collect
        trained = (run.episodes - loop.random_episodes) / planned
        episodes, outcome = collect(
            self.task,
            self.agent,
            run.agent,
            collect_key,
            loop.collect,
            "explore",
            progress=(trained, loop.collect / planned),
        )
        updates = loop.updates
        if updates is None:
            updates = self._updates(episodes, round_up=True)
        return self._update(self._store(run, episodes, outcome), updates, update_key)

    def _updates(self, episodes: episode_replay.Episodes, round_up: bool) -> jax.Array | int:
        """Updates that a collection pays for: a Python int where every episode has the same length."""
        per_step = self.config.loop.updates_per_step
        if envs.fixed_horizon(self.task.env):
            steps = episodes.length.shape[0] * self.task.horizon
            return math.ceil(per_step * steps) if round_up else int(per_step * steps)
        count = per_step * jnp.sum(episodes.length)
        return (jnp.ceil(count) if round_up else jnp.floor(count)).astype(jnp.int32)

    def _store(self, run: Run, episodes: episode_replay.Episodes, outcome: Metrics) -> Run:
        count = episodes.length.shape[0]
        window = run.window
        return replace(
            run,
            replay=episode_replay.add(run.replay, episodes),
            episodes=run.episodes + count,
            env_steps=run.env_steps + jnp.sum(episodes.length),
            window=replace(
                window,
                episodes=window.episodes + count,
                outcomes={name: total + jnp.sum(outcome[name]) for name, total in window.outcomes.items()},
            ),
        )

    def _update(self, run: Run, updates: jax.Array | int, key: jax.Array) -> Run:
        def one(index: jax.Array, carry: tuple) -> tuple:
            agent, sums = carry
            sample_key, update_key = jax.random.split(jax.random.fold_in(key, index))
            batch = episode_replay.sample(run.replay, sample_key, self.agent.batch_size)
            agent, metrics = self.agent.update(agent, batch, update_key)
            return agent, jax.tree.map(jnp.add, sums, metrics)

        agent, sums = jax.lax.fori_loop(0, updates, one, (run.agent, run.window.metrics))
        return replace(
            run,
            agent=agent,
            updates=run.updates + updates,
            window=replace(run.window, updates=run.window.updates + updates, metrics=sums),
        )

    def _evaluate(self, run: Run, count: int) -> Metrics:
        key = jax.random.fold_in(run.eval_key, run.episodes)
        _, outcome = collect(self.task, self.agent, run.agent, key, count, "greedy")
        return {name: jnp.mean(value) for name, value in outcome.items()}
