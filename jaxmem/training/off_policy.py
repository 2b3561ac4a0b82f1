"""Iterations of agents that learn from a replay: play whole episodes, store them, learn from stored ones."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp

from jaxmem import envs
from jaxmem import replay as episode_replay
from jaxmem.agents import AgentState, EpisodeAgent, recentre
from jaxmem.exploration import Deviations
from jaxmem.networks import episode_inputs
from jaxmem.redistribution import Redistribution
from jaxmem.replay import BalanceOptions, Episodes, Replay
from jaxmem.training.collect import collect, explored
from jaxmem.training.options import LoopOptions
from jaxmem.training.state import BESIDE, Run, count_steps, count_updates, fresh
from jaxmem.training.task import Task


@dataclass(frozen=True, eq=False)
class OffPolicy:
    """One seed's loop around a replay of whole episodes."""

    task: Task
    agent: EpisodeAgent
    loop: LoopOptions
    deviations: Deviations
    balance: BalanceOptions
    redistribution: Redistribution | None

    def begin(self, state: AgentState, collect_key: jax.Array, key: jax.Array, eval_key: jax.Array) -> Run:
        """A run whose replay holds random episodes, from which first updates were made."""
        loop = self.loop
        episodes, outcome = collect(self.task, self.agent, state, collect_key, loop.random_episodes, "random")
        store = episode_replay.init(episodes, loop.replay_episodes(self.task.horizon))
        run = fresh(self.task, self.agent, self.redistribution, self.deviations, state, store, key, eval_key)
        run = self._store(run, episodes, outcome)
        key, update_key = jax.random.split(run.key)
        first_updates = self._updates(episodes, round_up=False) if loop.updates is None else 0
        return self._update(replace(run, key=key), first_updates, update_key)

    def iterate(self, run: Run, progress: tuple[jax.Array | float, float]) -> Run:
        """Collect, store, update."""
        key, collect_key, update_key = jax.random.split(run.key, 3)
        run = replace(run, key=key)
        run, episodes, outcome = explored(
            run, self.task, self.agent, collect_key, self.loop.collect, progress, self.deviations
        )
        updates = self.loop.updates
        if updates is None:
            updates = self._updates(episodes, round_up=True)
        return self._update(self._store(run, episodes, outcome), updates, update_key)

    def _updates(self, episodes: Episodes, round_up: bool) -> jax.Array | int:
        """Updates that a collection pays for: a Python int where every episode has the same length."""
        per_step = self.loop.updates_per_step
        if envs.fixed_horizon(self.task.env):
            steps = episodes.length.shape[0] * self.task.horizon
            return math.ceil(per_step * steps) if round_up else int(per_step * steps)
        count = per_step * jnp.sum(episodes.length)
        return (jnp.ceil(count) if round_up else jnp.floor(count)).astype(jnp.int32)

    def _store(self, run: Run, episodes: Episodes, outcome: dict[str, jax.Array]) -> Run:
        agent = recentre(run.agent, episode_inputs(episodes)[0], episodes.mask)
        run = replace(run, agent=agent, experience=episode_replay.add(run.experience, episodes))
        sums = {name: jnp.sum(values) for name, values in outcome.items()}
        return count_steps(run, jnp.sum(episodes.length), episodes.length.shape[0], sums)

    def _sampler(self, stored: Replay) -> Callable[[jax.Array], Episodes]:
        """What draws the batch of an update; what it needs to know of the whole replay is computed here, once."""
        size, steps = self.agent.batch_size, self.agent.context
        if self.balance.share == 0:
            if steps is None:
                return lambda key: episode_replay.sample(stored, key, size)
            ends = episode_replay.part_ends(stored, steps)
            return lambda key: episode_replay.sample_parts(stored, ends, key, size, steps)
        favoured = episode_replay.favoured(stored, self.balance)
        if steps is None:
            return lambda key: episode_replay.sample_balanced(stored, favoured, key, size)

        def parts(key: jax.Array) -> Episodes:
            rows_key, part_key = jax.random.split(key)
            rows = episode_replay.balanced_rows(stored, favoured, rows_key, size)
            return episode_replay.random_parts(stored, rows, part_key, steps)

        return parts

    def _update(self, run: Run, updates: jax.Array | int, key: jax.Array) -> Run:
        sample, model = self._sampler(run.experience), self.redistribution
        if model is not None:
            # Drawn alike, also where updates are not: what is learned is what returns to expect.
            draw = partial(episode_replay.sample, run.experience, batch_size=model.options.batch_size)
            learned = model.learn(run.redistribution, draw, jax.random.fold_in(key, BESIDE))
            run = replace(run, redistribution=learned)

        def one(index: jax.Array, carry: tuple) -> tuple:
            agent, sums = carry
            sample_key, update_key = jax.random.split(jax.random.fold_in(key, index))
            batch, said = sample(sample_key), {}
            if model is not None:
                batch, said = model.apply(run.redistribution, batch)
            agent, metrics = self.agent.update(agent, batch, update_key)
            return agent, jax.tree.map(jnp.add, sums, metrics | said)

        agent, sums = jax.lax.fori_loop(0, updates, one, (run.agent, run.window.metrics))
        return count_updates(run, agent, updates, sums)
