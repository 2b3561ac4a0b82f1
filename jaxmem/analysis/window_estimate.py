"""Memory length, estimated: what a trained agent loses that remembers the latest steps alone.

Policy memory is the smallest n such that acting on the last n observations, and the n - 1 actions between them, loses
nothing (Ni et al. 2023, arXiv 2307.03864). Here an agent that was trained on whole histories is shown the end of each
alone. It may do worse with that than one that was trained so, as windows that begin inside an episode are new to it:
the estimate errs upwards, and it is of what this agent uses, not of what the task needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.agents import AgentState, Decision
from jaxmem.analysis.statistics import Interval, interval, mean
from jaxmem.config import ConfigError
from jaxmem.networks import Inputs, episode_inputs, first_inputs
from jaxmem.training.collect import Outcome, collect
from jaxmem.training.evaluate import check_seed
from jaxmem.training.loop import Program
from jaxmem.training.state import Run
from jaxmem.training.task import keep

# What differs by less than this share of the largest return is rounding.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class WindowReturns:
    """Greedy episodes of one agent that sees the last n steps alone, the same episodes for each n.

    Attributes:
        windows: the numbers n of steps, rising.
        horizon: the most steps of an episode.
        returns: float32 [windows + 1, episodes]; the last row is of whole histories.
        success: float32 [windows + 1, episodes]; nan where the environment reports none.
    """

    windows: tuple[int, ...]
    horizon: int
    returns: np.ndarray
    success: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean return, [windows + 1]."""
        return self.returns.mean(axis=1)

    @cached_property
    def band(self) -> Interval:
        """Bootstrap interval of the mean return over episodes, 95 %, [windows + 1] each."""
        return interval([self.returns.T], mean)

    @cached_property
    def difference(self) -> Interval:
        """Bootstrap interval of the mean paired difference to whole histories, 95 %, [windows] each."""
        difference = self.returns[:-1] - self.returns[-1]
        difference[abs(difference) <= _TOLERANCE * abs(self.returns).max()] = 0
        return interval([difference.T], mean)

    @property
    def worse(self) -> np.ndarray:
        """Whether a window loses something, bool [windows]: the whole interval of its `difference` is below 0."""
        return self.difference.high < 0

    @property
    def memory_length(self) -> int:
        """The smallest of the windows that is not `worse`, and no larger one is; the horizon where the largest is."""
        return self.memory_range[1]

    @property
    def memory_range(self) -> tuple[int, int]:
        """Between which n the smallest lies that loses nothing, ends included.

        The largest window that is `worse` is too short, hence the low end is one step more; the high end is the next
        window that was measured. Where none is worse, the low end is 1. A loss that so few episodes do not show is
        overlooked: the more episodes, the surer is the high end.
        """
        worse = np.flatnonzero(self.worse)
        last = int(worse[-1]) if len(worse) else -1
        low = self.windows[last] + 1 if len(worse) else 1
        return low, (*self.windows, self.horizon)[last + 1]


@dataclass(frozen=True)
class WindowDistances:
    """How far an agent's behaviour, given the last n steps alone, is from that given the whole history.

    Attributes:
        windows: the numbers n of steps, rising.
        distance: float32 [windows, episodes], mean over the steps of an episode of the total variation distance: 0
            for the same probabilities of all actions, 1 where no action is chosen by both.
    """

    windows: tuple[int, ...]
    distance: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean distance, [windows]."""
        return self.distance.mean(axis=1)

    @cached_property
    def band(self) -> Interval:
        """Bootstrap interval of the mean over episodes, 95 %, [windows] each."""
        return interval([self.distance.T], mean)


def window_returns(
    program: Program, run: Run, windows: Sequence[int], episodes: int, key: jax.Array, seed: int = 0
) -> WindowReturns:
    """Play greedy episodes with an agent whose memory is masked to the last n steps.

    At each step it begins anew from its initial memory, as if the window began an episode, and goes through the last
    n inputs; the action and the reward before the first of them are hidden. All that an agent has to offer for this is
    `act`. With whole histories it plays what an ordinary evaluation plays with the same key, and every n is given the
    same randomness.

    It takes up to horizon * n steps of the agent for each n, one after another, and holds all inputs of the episodes.

    Args:
        program: the run's program.
        run: its state, which is only read.
        windows: the numbers n of steps, at least 1 and rising; whole histories are played besides.
        episodes: number of episodes, at least 2.
        key: randomness of the episodes, as for `collect`.
        seed: which seed of the run.

    Raises:
        ConfigError: other windows or fewer episodes than these, or no such seed.
    """
    _check(program, windows, episodes, seed)
    state = jax.tree.map(lambda leaf: leaf[seed], run.agent)
    played: list[Outcome] = []
    for window in (*windows, program.task.horizon):
        played.append(jax.device_get(_play(program, episodes, state, key, jnp.int32(window))))
    nothing = np.full(episodes, np.nan, np.float32)
    return WindowReturns(
        windows=tuple(windows),
        horizon=program.task.horizon,
        returns=np.stack([outcome["return"] for outcome in played]),
        success=np.stack([outcome.get("success", nothing) for outcome in played]),
    )


def window_distances(
    program: Program, run: Run, windows: Sequence[int], episodes: int, key: jax.Array, seed: int = 0
) -> WindowDistances:
    """How far an agent's behaviour, given the last n steps alone, is from that given whole histories.

    Histories are those of greedy episodes with the whole memory; behaviour is that at the end of training, with what
    it explores, so that policies are compared by more than their best actions. It stands in for value memory: values
    cannot be read from every agent, and it says nothing of them. It shows what windows change even where no return is
    lost.

    Args:
        program: as for `window_returns`, and so are all others.
    """
    _check(program, windows, episodes, seed)
    state = jax.tree.map(lambda leaf: leaf[seed], run.agent)
    distance = jax.device_get(_distances(program, episodes, state, key, jnp.int32(windows[-1])))
    # A window above the horizon is a whole history, as is one of the horizon.
    return WindowDistances(tuple(windows), distance[np.minimum(windows, program.task.horizon) - 1])


def _check(program: Program, windows: Sequence[int], episodes: int, seed: int) -> None:
    if not windows or windows[0] < 1 or any(one >= other for one, other in zip(windows, windows[1:], strict=False)):
        raise ConfigError(f"windows are {list(windows)}: allowed are rising integers >= 1, one or more")
    if episodes < 2:
        raise ConfigError(f"episodes is {episodes}: allowed is an integer >= 2")
    check_seed(program, seed)


class _Windowed(NamedTuple):
    """An agent that acts on the last `window` steps alone, an int32 scalar.

    It has `initial_carry` and `act` as agents do. Its memory is what was seen, [horizon, B, ...], the number of steps
    so far, and the agent's own memory, which goes on as long as the history is no longer than the window.
    """

    agent: Any
    window: jax.Array
    horizon: int
    example: Inputs

    def initial_carry(self, batch_size: int) -> Any:
        def empty(leaf: jax.ShapeDtypeStruct) -> jax.Array:
            return jnp.zeros((self.horizon, batch_size, *leaf.shape[1:]), leaf.dtype)

        return jax.tree.map(empty, self.example), jnp.int32(0), self.agent.initial_carry(batch_size)

    def act(
        self,
        state: AgentState,
        carry: Any,
        inputs: Inputs,
        start: jax.Array,
        key: jax.Array,
        progress: jax.Array | float,
        explore: bool,
    ) -> tuple[Any, Decision]:
        seen, time, memory = carry
        rows = start.shape[0]
        seen = jax.tree.map(lambda steps, leaf: steps.at[time].set(leaf), seen, inputs)
        cut = time >= self.window
        first = jnp.where(cut, time - self.window + 1, time)
        memory = jax.tree.map(partial(jnp.where, cut), self.agent.initial_carry(rows), memory)

        def step(at: jax.Array, before: tuple[Any, Decision]) -> tuple[Any, Decision]:
            begins = jnp.where(cut, at == first, start)
            return self.agent.act(state, before[0], _input_at(seen, at, begins), begins, key, progress, explore)

        nothing = Decision(jnp.zeros((rows,), jnp.int32), jnp.zeros((rows,), jnp.float32))
        memory, decision = jax.lax.fori_loop(first, time + 1, step, (memory, nothing))
        return (seen, time + 1, memory), decision


def _input_at(seen: Inputs, at: jax.Array, begins: jax.Array) -> Inputs:
    """Inputs [B, ...] of one step out of [T, B, ...]; where it begins a window, as at an episode's first step."""
    inputs: Inputs = jax.tree.map(lambda leaf: leaf[at], seen)
    return keep(begins, first_inputs(inputs.obs), inputs)


@partial(jax.jit, static_argnums=(0, 1))
def _play(program: Program, count: int, state: AgentState, key: jax.Array, window: jax.Array) -> Outcome:
    task = program.task
    example = jax.eval_shape(lambda key: first_inputs(task.reset(key, 1)[0]), key)
    agent: Any = _Windowed(program.agent, window, task.horizon, example)
    return collect(task, agent, state, key, count, "greedy", (1.0, 0.0))[1]


@partial(jax.jit, static_argnums=(0, 1))
def _distances(program: Program, count: int, state: AgentState, key: jax.Array, longest: jax.Array) -> jax.Array:
    """For each n up to `longest` the mean distance over the steps of an episode: [T, B]; the rows above stay 0."""
    agent: Any = program.agent
    horizon = program.task.horizon
    episodes, _ = collect(program.task, agent, state, key, count, "greedy", (1.0, 0.0))
    inputs, start = jax.tree.map(lambda leaf: leaf[:-1], episode_inputs(episodes))

    def behave(memory: Any, now: Inputs, begins: jax.Array) -> tuple[Any, jax.Array]:
        memory, log_probs = agent.behaviour(state, memory, now, begins, key, 1.0, explore=True)
        return memory, jnp.exp(log_probs)

    _, whole = jax.lax.scan(lambda memory, step: behave(memory, *step), agent.initial_carry(count), (inputs, start))

    def from_step(first: jax.Array, sums: jax.Array) -> jax.Array:
        # An agent that begins at `first` has seen one step more with each: all windows at once.
        def go_on(seen: jax.Array, carry: tuple[Any, jax.Array]) -> tuple[Any, jax.Array]:
            memory, sums = carry
            at = first + seen
            begins = jnp.full((count,), seen == 0)
            memory, chances = behave(memory, _input_at(inputs, at, begins), begins)
            distance = 0.5 * jnp.sum(abs(chances - whole[at]), axis=-1)
            return memory, sums.at[seen].add(jnp.where(episodes.mask[at], distance, 0))

        return jax.lax.fori_loop(0, jnp.minimum(longest, horizon - first), go_on, (agent.initial_carry(count), sums))[1]

    # From the first step on it is the whole history.
    sums = jax.lax.fori_loop(1, horizon, from_step, jnp.zeros((horizon, count), jnp.float32))
    return sums / episodes.length
