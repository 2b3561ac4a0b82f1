"""The compiled loop: a configuration made into pure functions of a run, over all its seeds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp

from jaxmem import agents, envs
from jaxmem.agents import Agent
from jaxmem.config import ConfigError
from jaxmem.exploration import Deviations
from jaxmem.networks import Inputs, NetworkParts
from jaxmem.redistribution import Redistribution
from jaxmem.training.collect import Mode, collect
from jaxmem.training.decision import decisive_chance
from jaxmem.training.off_policy import OffPolicy
from jaxmem.training.on_policy import OnPolicy
from jaxmem.training.options import RunConfig
from jaxmem.training.seeds import over_seeds
from jaxmem.training.state import Metrics, Run, update_metrics
from jaxmem.training.task import Task


@dataclass(frozen=True, eq=False)
class Program:
    """A configuration, made into pure functions of a `Run`.

    `init`, `iterate`, `evaluate`, `report` and `clear_window` act on all seeds at once and can be jitted; `iterate`
    takes the number of iterations as an argument, so that chunks of any length share one compilation.

    Environments that play rows (`envs.plays_rows`) are not part of a `Run`: their program has one run at a time, of
    which `init` or `begin_anew` must have begun the episodes here, and lives as long as what was compiled of it.
    """

    config: RunConfig

    def __post_init__(self) -> None:
        # Now, since the first use may be inside a trace: arrays that an environment makes would be tracers there.
        _ = self.agent, self.redistribution, self.eval_task

    @cached_property
    def task(self) -> Task:
        """The environment that is trained on."""
        task = Task.of(self.config.env)
        self.config.check_size(task.horizon)
        return task

    @cached_property
    def eval_task(self) -> Task:
        """What evaluations play: the same task, unless the environment's options say otherwise, or it plays rows."""
        options = self.config.env.evaluated()
        if options == self.config.env and not self.begins_anew:
            return self.task
        return Task.of(options)

    @property
    def begins_anew(self) -> bool:
        """Whether no checkpoint holds the environment, so that a run that goes on from one begins its episodes anew."""
        return envs.plays_rows(self.task.env)

    @cached_property
    def agent(self) -> Agent:
        """The algorithm, bound to network and task."""
        self._check_actions()
        self._check_rows()
        agent = self.config.agent.make(*self._parts, self.task.horizon)
        self._check_metrics(agent)
        return agent

    @cached_property
    def redistribution(self) -> Redistribution | None:
        """The model that gives the learner's rewards, bound to network and task; None where there is none."""
        return self.config.redistribution.make(*self._parts)

    @cached_property
    def _parts(self) -> tuple[NetworkParts, Inputs]:
        """What networks are assembled from, and inputs of one row to initialise them with."""
        task, config = self.task, self.config
        obs_space, action_space = task.env.observation_space(task.params), task.env.action_space(task.params)
        # The learner also sees the observation after the last action.
        parts = config.network.parts(config.core, obs_space, action_space, task.horizon + 1, config.auxiliary)
        return parts, task.first_inputs(jnp.zeros((1, *obs_space.shape), obs_space.dtype))

    @cached_property
    def learner(self) -> OffPolicy | OnPolicy:
        """How one seed plays and learns."""
        agent: Any = self.agent
        task, config = self.task, self.config
        deviations = Deviations(config.deviation, task.horizon, task.actions.size)
        if config.agent.on_policy:
            return OnPolicy(task, agent, config.loop, deviations, self.redistribution)
        return OffPolicy(task, agent, config.loop, deviations, config.balance, self.redistribution)

    def _check_actions(self) -> None:
        options, continuous = self.config.agent, self.task.actions.continuous
        if options.continuous == continuous:
            return
        fitting = [name for name in agents.registered_agents if agents.options(name).continuous == continuous]
        kind, allowed = "continuous" if continuous else "discrete", " or ".join(fitting)
        raise ConfigError(
            f"agent.name is {options.name!r}: {self.config.env.id} has {kind} actions, allowed is {allowed}"
        )

    def _check_rows(self) -> None:
        if not self.begins_anew:
            return
        config, env_id = self.config, self.config.env.id
        if config.seeds > 1:
            raise ConfigError(
                f"seeds is {config.seeds}: {env_id} plays one seed at a time, allowed is 1; run it again with another "
                "--seed"
            )
        if not config.agent.on_policy:
            known = {name: agents.options(name) for name in agents.registered_agents}
            fitting = [name for name, agent in known.items() if agent.on_policy and not agent.continuous]
            raise ConfigError(
                f"agent.name is {config.agent.name!r}: it learns from a replay of whole episodes, {env_id} plays in "
                f"rows that go on, allowed is {' or '.join(fitting)}"
            )
        if config.loop.unroll is None:
            raise ConfigError(f"loop.unroll is none: {env_id} plays in rows that go on, allowed is a number of steps")

    def _check_metrics(self, agent: Agent) -> None:
        env_id, names = self.config.env.id, envs.episode_metrics(self.task.env)
        taken = sorted({"return", "length", *update_metrics(agent, self.redistribution)} & set(names))
        if taken:
            raise ConfigError(f"{env_id} has the episode metric {taken[0]!r}: allowed is a name that training has not")
        if self.config.loop.stop_success is not None and "success" not in self.task.reports:
            raise ConfigError(f"loop.stop_success is {self.config.loop.stop_success}: {env_id} reports no success")

    def init(self, key: jax.Array) -> Run:
        """A run of every seed; where there is a replay, it holds random episodes, and first updates were made."""
        return self._over_seeds(self._init)(jax.random.split(key, self.config.seeds))

    def begin_anew(self, run: Run) -> Run:
        """The run with new episodes in all rows, everything else as it was; where `begins_anew`."""
        learner: Any = self.learner
        return self._over_seeds(learner.begin_anew)(run)

    def iterate(self, run: Run, iterations: jax.Array | int) -> Run:
        """Go on for a number of iterations: play and learn."""
        return self._over_seeds(lambda run: jax.lax.fori_loop(0, iterations, lambda _, run: self._iteration(run), run))(
            run
        )

    def evaluate(self, run: Run, episodes: int | None = None, mode: Mode = "greedy") -> Metrics:
        """Play episodes: float32 [seeds] of how they went on average. The run is only read.

        Args:
            run: the run.
            episodes: how many for each seed; None for the configured number.
            mode: "greedy", or "explore" as at the end of training.
        """
        episodes = self.config.loop.eval_episodes if episodes is None else episodes
        return self._over_seeds(lambda run: self._evaluate(run, episodes, mode))(run)

    def report(self, run: Run) -> Metrics:
        """What is told of a run at an evaluation, float32 [seeds] by column. The run is only read.

        `eval/`: means over greedy episodes. `policy/decisive`, for tasks that have such an action: see
        `decision.decisive_chance`.
        """
        columns = {f"eval/{name}": values for name, values in self.evaluate(run).items()}
        if self.task.decisive is not None:
            columns["policy/decisive"] = self._over_seeds(self._decisive)(run)
        return columns

    def clear_window(self, run: Run) -> Run:
        """The run with its sums since the last evaluation set to zero."""
        return replace(run, window=jax.tree.map(jnp.zeros_like, run.window))

    def _over_seeds(self, function: Callable) -> Callable:
        return over_seeds(function, self.config.seeds)

    def _init(self, key: jax.Array) -> Run:
        agent_key, collect_key, run_key, eval_key = jax.random.split(key, 4)
        return self.learner.begin(self.agent.init(agent_key), collect_key, run_key, eval_key)

    def _iteration(self, run: Run) -> Run:
        total = self.config.loop.iterations
        progress = (run.iterations / total, 1 / total)
        return self.learner.iterate(replace(run, iterations=run.iterations + 1), progress)

    def _evaluate(self, run: Run, count: int, mode: Mode) -> Metrics:
        key = jax.random.fold_in(run.eval_key, run.iterations)
        _, outcome = collect(self.eval_task, self.agent, run.agent, key, count, mode, (1.0, 0.0))
        return {name: jnp.mean(value) for name, value in outcome.items()}

    def _decisive(self, run: Run) -> jax.Array:
        # A task has such an action only if its actions are discrete.
        agent: Any = self.agent
        key = jax.random.fold_in(run.eval_key, run.iterations)
        progress = run.iterations / self.config.loop.iterations
        return decisive_chance(self.task, agent, run.agent, key, progress)
