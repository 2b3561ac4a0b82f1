"""Credit-assignment length, estimated: after how many steps a trained agent's actions have paid off.

The credit-assignment length of a history is the first n at which the n-step return of the greedy action exceeds that of
every action that is not greedy, with the policy's own actions afterwards; that of a policy is the largest over the
histories that it meets (Ni et al. 2023, arXiv 2307.03864). Here it is estimated for all histories of some times
together: n-step returns are means over the histories that are met at a time. Single histories of that time may need
longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.agents import AgentState, Decision
from jaxmem.analysis.statistics import Interval, interval, mean
from jaxmem.config import ConfigError
from jaxmem.networks import Inputs
from jaxmem.training.collect import collect
from jaxmem.training.evaluate import check_seed
from jaxmem.training.loop import Program
from jaxmem.training.state import Run

_DEFAULT_TIMES = 8
# What differs by less than this share of the largest return is rounding.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class PairedReturns:
    """What comes of each action at some times, against what the agent itself does there.

    Index n - 1 of the axis `horizon` is of n-step returns; beyond an episode's end they stay what they are.

    Attributes:
        times: the steps at which an action is replaced, from 0, rising.
        returns: float64 [times, actions, horizon], mean n-step return of taking the action; nan where all episodes are
            over.
        difference: float64 [times, actions, horizon], mean of the agent's own action's n-step return less this one's,
            over the histories in which its own action is another; nan where there are none.
        band: bootstrap interval of `difference` over these histories, 95 %; nan where there are fewer than two.
        pairs: int [times, actions], how many these are.
    """

    times: tuple[int, ...]
    returns: np.ndarray
    difference: np.ndarray
    band: Interval
    pairs: np.ndarray

    @property
    def behind(self) -> np.ndarray:
        """The actions that are worse than the own one, bool [times, actions]: at the end the interval is above 0.

        All others count as greedy too.
        """
        return self.band.low[..., -1] > 0

    @property
    def improvable(self) -> np.ndarray:
        """Times at which some action is better than the own one, bool [times]: at the end the interval is below 0.

        The policy is not greedy there, and the length that is found there is not that of a greedy one.
        """
        return (self.band.high[..., -1] < 0).any(axis=1)

    @property
    def credit_lengths(self) -> np.ndarray:
        """Int [times], the first n at which the own action is ahead of all `behind`: the intervals are above 0.

        It is 0 where none is behind; by the definition it would be 1 there, but too few pairs look the same. Each n has
        an interval of its own: of many n, one may be above 0 by chance.
        """
        return self._first(self.band.low > 0)

    @property
    def earliest(self) -> np.ndarray:
        """Int [times], the first n at which it may be ahead of all `behind`: the intervals' upper ends are above 0."""
        return self._first(self.band.high > 0)

    @property
    def credit_length(self) -> int:
        """The largest of `credit_lengths`."""
        return int(self.credit_lengths.max())

    @property
    def credit_range(self) -> tuple[int, int]:
        """The largest of `earliest` and of `credit_lengths`: where the mean return of all histories gets ahead.

        The latter is `credit_length` itself, as that waits until the intervals' lower ends are above 0.
        """
        return int(self.earliest.max()), self.credit_length

    def _first(self, ahead: np.ndarray) -> np.ndarray:
        of_all = (ahead | ~self.behind[..., None]).all(axis=1)
        return np.where(self.behind.any(axis=1), of_all.argmax(axis=1) + 1, 0)


def spread_times(horizon: int) -> tuple[int, ...]:
    """The first step, the last one, and a few equally far apart in between."""
    return tuple(np.unique(np.linspace(0, horizon - 1, _DEFAULT_TIMES).astype(int)).tolist())


def paired_returns(
    program: Program,
    run: Run,
    times: Sequence[int] | None,
    pairs: int,
    key: jax.Array,
    discount: float = 1.0,
    seed: int = 0,
) -> PairedReturns:
    """Play greedy episodes, and the same ones again with the action at some time replaced by each action.

    All are given the same randomness, and are the same up to that time; the agent goes on greedily afterwards. That is
    times * actions episodes a pair.

    Args:
        program: the run's program.
        run: its state, which is only read.
        times: the steps at which an action is replaced, from 0 and rising; None for `spread_times`.
        pairs: number of episodes, at least 2.
        key: randomness of the episodes, as for `collect`.
        discount: gamma, from 0 to 1.
        seed: which seed of the run.

    Raises:
        ConfigError: other times, pairs or discounts than these, or no such seed.
    """
    task = program.task
    times = spread_times(task.horizon) if times is None else tuple(times)
    _check(task.horizon, times, pairs, discount)
    check_seed(program, seed)
    state = jax.tree.map(lambda leaf: leaf[seed], run.agent)
    actions = task.env.action_space(task.params).n

    def play(time: int, action: int) -> _Played:
        return jax.device_get(_play(program, pairs, state, key, jnp.int32(time), jnp.int32(action)))

    own = play(-1, 0)
    reports = []
    for time in times:
        met = own.length > time
        rewards = np.stack([play(time, action).reward[time:, met] for action in range(actions)])
        reports.append(_compare(rewards, own.action[time, met], discount, task.horizon))
    returns, difference, low, high, count = (np.stack(part) for part in zip(*reports, strict=True))
    return PairedReturns(times, returns, difference, Interval(low, high), count)


def _check(horizon: int, times: tuple[int, ...], pairs: int, discount: float) -> None:
    rising = all(one < other for one, other in zip(times, times[1:], strict=False))
    if not times or not rising or times[0] < 0 or times[-1] >= horizon:
        raise ConfigError(f"times are {list(times)}: allowed are rising integers from 0 to {horizon - 1}, one or more")
    if pairs < 2:
        raise ConfigError(f"pairs is {pairs}: allowed is an integer >= 2")
    if not 0 <= discount <= 1:
        raise ConfigError(f"discount is {discount}: allowed is a number from 0 to 1")


def _compare(rewards: np.ndarray, own: np.ndarray, discount: float, horizon: int) -> tuple[np.ndarray, ...]:
    """What `PairedReturns` has of one time.

    Args:
        rewards: float32 [actions, T, P], of the P histories with each action, from that time on.
        own: int [P], what the agent itself does.
        discount: gamma.
        horizon: up to which the results are continued.

    Returns:
        returns, difference and the interval's ends, float64 [actions, horizon] each, and pairs, int [actions].
    """
    actions, steps, count = rewards.shape
    # Sums of float32 in float64: they are the same in any order, so that what ties does so exactly.
    totals = np.cumsum(rewards * discount ** np.arange(steps, dtype=float)[:, None], axis=1)
    ahead = np.take_along_axis(totals, own[None, None], axis=0) - totals
    ahead[abs(ahead) <= _TOLERANCE * abs(totals).max(initial=0)] = 0
    found = np.full((4, actions, steps), np.nan)
    others = np.zeros(actions, int)
    for action in range(actions):
        of_others = ahead[action][:, own != action].T
        others[action] = len(of_others)
        if count:
            found[0, action] = totals[action].mean(axis=1)
        if len(of_others):
            found[1, action] = of_others.mean(axis=0)
            found[2:, action] = interval([of_others], mean)
    continued = np.pad(found, ((0, 0), (0, 0), (0, horizon - steps)), mode="edge")
    return *continued, others


class _Replaced(NamedTuple):
    """An agent whose action at one time is another; its memory is the agent's and the number of steps so far.

    It has `initial_carry` and `act` as agents do; `time` and `action` are int32 scalars.
    """

    agent: Any
    time: jax.Array
    action: jax.Array

    def initial_carry(self, batch_size: int) -> Any:
        return self.agent.initial_carry(batch_size), jnp.int32(0)

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
        memory, step = carry
        memory, decision = self.agent.act(state, memory, inputs, start, key, progress, explore)
        action = jnp.where(step == self.time, self.action, decision.action)
        return (memory, step + 1), decision._replace(action=action)


class _Played(NamedTuple):
    """Of episodes: action [T, B], reward [T, B], length [B]; NumPy's arrays on the host."""

    action: Any
    reward: Any
    length: Any


@partial(jax.jit, static_argnums=(0, 1))
def _play(
    program: Program, count: int, state: AgentState, key: jax.Array, time: jax.Array, action: jax.Array
) -> _Played:
    """Greedy episodes, but for the action at one time; a time of -1 never comes."""
    agent: Any = _Replaced(program.agent, time, action)
    episodes, _ = collect(program.task, agent, state, key, count, "greedy", (1.0, 0.0))
    return _Played(episodes.action, episodes.reward, episodes.length)
