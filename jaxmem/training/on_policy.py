"""Iterations of agents that learn from their own latest steps: play, learn from just that, forget it."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from jaxmem.agents import AgentState, Batch, Unroll, UnrollAgent, recentre
from jaxmem.exploration import Deviations
from jaxmem.redistribution import Redistribution
from jaxmem.replay import Episodes
from jaxmem.training.collect import explored
from jaxmem.training.options import LoopOptions
from jaxmem.training.play import begin, play
from jaxmem.training.state import BESIDE, Metrics, Run, count_steps, count_updates, fresh
from jaxmem.training.task import Task


@dataclass(frozen=True, eq=False)
class OnPolicy:
    """One seed's loop: whole episodes, or unrolls of a given length whose rows go on where they were."""

    task: Task
    agent: UnrollAgent
    loop: LoopOptions
    deviations: Deviations
    redistribution: Redistribution | None

    def begin(self, state: AgentState, collect_key: jax.Array, key: jax.Array, eval_key: jax.Array) -> Run:
        """A run in which nothing was played yet."""
        whole = self.loop.unroll is None
        actors = () if whole else begin(self.task, self.agent, collect_key, self.loop.collect, self.deviations)
        return fresh(self.task, self.agent, self.redistribution, self.deviations, state, actors, key, eval_key)

    def begin_anew(self, run: Run) -> Run:
        """A run with unrolls whose rows all begin an episode; everything else stays."""
        key = jax.random.fold_in(run.key, BESIDE - 2)
        return replace(run, experience=begin(self.task, self.agent, key, self.loop.collect, self.deviations))

    def iterate(self, run: Run, progress: tuple[jax.Array | float, float]) -> Run:
        """Play, and pass over what was played: in each pass, a gradient step on each part of the rows."""
        key, play_key, update_key = jax.random.split(run.key, 3)
        prepare_key, order_key = jax.random.split(jax.random.fold_in(run.key, BESIDE - 1))
        run, unroll, said = self._play(replace(run, key=key), play_key, progress)
        batch = self.agent.prepare(run.agent, unroll, prepare_key)
        updates, parts = self.loop.steps_on_latest, self.loop.minibatches

        def part(index: jax.Array) -> Batch:
            if parts == 1:
                return batch
            order = jax.random.permutation(jax.random.fold_in(order_key, index // parts), self.loop.collect)
            size = self.loop.collect // parts
            return batch.rows(jax.lax.dynamic_slice_in_dim(order, index % parts * size, size))

        def one(index: jax.Array, carry: tuple) -> tuple:
            agent, sums = carry
            agent, metrics = self.agent.update(agent, part(index), jax.random.fold_in(update_key, index), progress[0])
            return agent, jax.tree.map(jnp.add, sums, metrics | said)

        agent, sums = jax.lax.fori_loop(0, updates, one, (run.agent, run.window.metrics))
        return count_updates(run, recentre(agent, unroll.inputs, unroll.mask), updates, sums)

    def _play(self, run: Run, key: jax.Array, progress: tuple[jax.Array | float, float]) -> tuple[Run, Unroll, Metrics]:
        loop = self.loop
        if loop.unroll is None:
            run, episodes, outcome = explored(run, self.task, self.agent, key, loop.collect, progress, self.deviations)
            sums = {name: jnp.sum(values) for name, values in outcome.items()}
            run = count_steps(run, jnp.sum(episodes.length), loop.collect, sums)
            run, episodes, said = self._redistribute(run, episodes, jax.random.fold_in(key, BESIDE))
            return run, Unroll.of(episodes), said
        actors, unroll, ended, sums = play(
            self.task, self.agent, run.agent, run.experience, key, loop.unroll, progress, self.deviations
        )
        return count_steps(replace(run, experience=actors), jnp.sum(unroll.mask), ended, sums), unroll, {}

    def _redistribute(self, run: Run, episodes: Episodes, key: jax.Array) -> tuple[Run, Episodes, Metrics]:
        """Let the model learn from the episodes, then give them their rewards; nothing happens where there is none."""
        model = self.redistribution
        if model is None:
            return run, episodes, {}
        learned = model.learn(run.redistribution, lambda _: episodes, key)
        episodes, said = model.apply(learned, episodes)
        return replace(run, redistribution=learned), episodes, said
