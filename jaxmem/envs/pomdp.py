"""Finite tasks written out: every state, every random outcome and its probability."""

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxmem.config import ConfigError

# Probabilities of one thing's outcomes add up to 1 within this.
_SUM = 1e-9


class Beginning(NamedTuple):
    """One way in which an episode can begin: how likely, in which state, with which observation."""

    probability: float
    state: Hashable
    observation: Any


class Outcome(NamedTuple):
    """One outcome of an action: how likely, the state after it, what is seen and paid, and whether the episode ends."""

    probability: float
    state: Hashable
    observation: Any
    reward: float
    ended: bool = False


@dataclasses.dataclass(frozen=True)
class FinitePOMDP:
    """A finite partially observable Markov decision process with a horizon, as NumPy arrays.

    Outcomes of all states and actions lie one after another: those of action `a` in state `s` are rows
    `offsets[s * num_actions + a]` up to, without, `offsets[s * num_actions + a + 1]`. Observations come with outcomes
    and not with states, so that a thing can be seen on a first visit alone. The last step of an episode shows one too.

    Attributes:
        num_actions: A; every action is possible in every state.
        horizon: T; an episode ends after T steps at the latest.
        initial_probability: float64 [I].
        initial_state: int64 [I], from 0 to S - 1.
        initial_observation: int64 [I], from 0 to O - 1.
        offsets: int64 [S * A + 1].
        probability: float64 [N], of each outcome; they add up to 1 for each state and action.
        next_state: int64 [N].
        observation: int64 [N], seen with the outcome.
        reward: float64 [N].
        ended: bool [N], whether the episode ends with the outcome.
        observations: what each of the O numbers stands for: arrays or whatever the rules gave.
        sampled: 0 where every probability is exact; else how many draws each random one was estimated from.
    """

    num_actions: int
    horizon: int
    initial_probability: np.ndarray
    initial_state: np.ndarray
    initial_observation: np.ndarray
    offsets: np.ndarray
    probability: np.ndarray
    next_state: np.ndarray
    observation: np.ndarray
    reward: np.ndarray
    ended: np.ndarray
    observations: tuple[Any, ...]
    sampled: int = 0

    def __post_init__(self) -> None:
        """Check shapes, ranges and probabilities; raises `ConfigError`."""
        if self.num_actions < 1 or self.horizon < 1:
            raise ConfigError(
                f"pomdp has {self.num_actions} actions and horizon {self.horizon}: allowed is at least 1 of each"
            )
        rows, states = len(self.probability), self.num_states
        _check(
            len(self.offsets) == states * self.num_actions + 1 and self.offsets[-1] == rows, "offsets", "one row each"
        )
        for name in ("next_state", "observation", "reward", "ended"):
            _check(getattr(self, name).shape == (rows,), name, f"shape ({rows},)")
        _check(bool(np.all(np.isfinite(self.reward))), "reward", "finite numbers")
        for name, most in (("next_state", states), ("initial_state", states)):
            _check_range(getattr(self, name), name, most)
        for name in ("observation", "initial_observation"):
            _check_range(getattr(self, name), name, len(self.observations))
        _check(bool(np.all(self.probability > 0)) and bool(np.all(self.initial_probability > 0)), "probability", "> 0")
        sums = np.add.reduceat(self.probability, self.offsets[:-1])
        _check(
            bool(np.all(np.diff(self.offsets) > 0)) and bool(np.all(abs(sums - 1) < _SUM)), "probability", "a sum of 1"
        )
        _check(abs(self.initial_probability.sum() - 1) < _SUM, "initial_probability", "a sum of 1")

    @property
    def num_states(self) -> int:
        """S, the states that can be reached."""
        return (len(self.offsets) - 1) // self.num_actions

    @classmethod
    def from_rules(
        cls,
        initial: Iterable[tuple[Any, ...]],
        step: Callable[[Any, int], Iterable[tuple[Any, ...]]],
        num_actions: int,
        horizon: int,
        *,
        max_states: int = 500_000,
    ) -> "FinitePOMDP":
        """Write out the task that rules describe, from the states that can be reached within the horizon.

        Args:
            initial: the ways in which an episode can begin, each a `Beginning` or a tuple of the same.
            step: `step(state, action)` gives the outcomes, each an `Outcome` or a tuple of the same; states are
                anything hashable. It is not asked about states in which an episode has ended.
            num_actions: actions are 0 to num_actions - 1.
            horizon: the most steps of an episode.
            max_states: give up above that.

        Raises:
            ConfigError: more states than that, or probabilities that do not add up to 1.
        """
        builder = Builder(num_actions, horizon, max_states)
        begin = [Beginning(*item) for item in initial if item[0] != 0]
        frontier = builder.begin(begin)
        for _ in range(horizon):
            reached: list[Hashable] = []
            for state in frontier:
                for action in range(num_actions):
                    outcomes = [Outcome(*item) for item in step(state, action) if item[0] != 0]
                    reached += builder.add(state, action, outcomes)
            frontier = reached
        return builder.build()

    @classmethod
    def from_arrays(
        cls, initial: Any, transition: Any, observation: Any, reward: Any, horizon: int, first_observation: Any = None
    ) -> "FinitePOMDP":
        """A task in the textbook's form: what is seen depends on the state alone, and no episode ends before T.

        Args:
            initial: float [S], distribution of the first state.
            transition: float [S, A, S].
            observation: float [S, O], of each state.
            reward: float [S, A], expected.
            horizon: T.
            first_observation: float [S, O] where the first observation differs; None for `observation`.

        Raises:
            ConfigError: shapes that do not fit, or rows that do not add up to 1.
        """
        initial, transition, seen, paid = (
            np.asarray(x, np.float64) for x in (initial, transition, observation, reward)
        )
        if transition.ndim != 3:
            raise ConfigError(f"transition has shape {transition.shape}: allowed is [states, actions, states]")
        if seen.ndim != 2:
            raise ConfigError(f"observation has shape {seen.shape}: allowed is [states, observations]")
        states, actions = transition.shape[:2]
        first = seen if first_observation is None else np.asarray(first_observation, np.float64)
        shapes = {
            "initial": (initial, (states,)),
            "transition": (transition, (states, actions, states)),
            "observation": (seen, (states, seen.shape[-1])),
            "reward": (paid, (states, actions)),
            "first_observation": (first, seen.shape),
        }
        for name, (array, shape) in shapes.items():
            _check(array.shape == shape, name, f"shape {shape}")

        def step(state: int, action: int) -> list[Outcome]:
            chances = transition[state, action][:, None] * seen
            where = np.argwhere(chances > 0).tolist()
            return [Outcome(chances[s, o], s, o, paid[state, action]) for s, o in where]

        chances = initial[:, None] * first
        begin = [Beginning(chances[s, o], s, o) for s, o in np.argwhere(chances > 0).tolist()]
        return cls.from_rules(begin, step, actions, horizon)


class Builder:
    """States and observations by number, in the order in which they are found."""

    def __init__(self, num_actions: int, horizon: int, max_states: int) -> None:
        """A task of `num_actions` actions and at most `horizon` steps, without any states so far."""
        self._num_actions, self._horizon, self._max_states = num_actions, horizon, max_states
        self._states: dict[Hashable, int] = {}
        self._seen: dict[Hashable, int] = {}
        self._values: list[Any] = []
        self._begin: list[tuple[float, int, int]] = []
        self._rows: dict[tuple[int, int], list[tuple[float, int, int, float, bool]]] = {}

    def begin(self, ways: Sequence[Beginning]) -> list[Hashable]:
        """Add the ways in which an episode can begin; the states that are new.

        Raises:
            ConfigError: there is none, or too many states.
        """
        found = []
        for way in ways:
            number, is_new = self._state(way.state)
            found += [way.state] * is_new
            self._begin.append((way.probability, number, self._observation(way.observation)))
        if not self._begin:
            raise ConfigError("a task has no beginning: allowed is at least one of a probability above 0")
        return found

    def add(self, state: Hashable, action: int, outcomes: Sequence[Outcome]) -> list[Hashable]:
        """Add the outcomes of an action in a state that is known; the states that are new and go on.

        Raises:
            ConfigError: outcomes whose probabilities do not add up to 1, or too many states.
        """
        total = sum(outcome.probability for outcome in outcomes)
        if not abs(total - 1) < _SUM:
            raise ConfigError(
                f"probabilities of action {action} in state {_short(state)} add up to {total:.9g}: allowed is 1"
            )
        found, rows = [], []
        for outcome in outcomes:
            # Where an episode has ended nothing depends on the state any more: the one before stands for it.
            number, is_new = (self._states[state], False) if outcome.ended else self._state(outcome.state)
            found += [outcome.state] * is_new
            seen = self._observation(outcome.observation)
            rows.append((outcome.probability, number, seen, float(outcome.reward), bool(outcome.ended)))
        self._rows[self._states[state], action] = rows
        return found

    def build(self, sampled: int = 0) -> FinitePOMDP:
        """The task; states that are reached by the last step alone, of which nothing was said, stay where they are."""
        rows = []
        for state in range(len(self._states)):
            for action in range(self._num_actions):
                rows.append(self._rows.get((state, action), [(1.0, state, 0, 0.0, True)]))
        counts = np.array([len(row) for row in rows])
        flat = np.array([item for row in rows for item in row], dtype=np.float64).reshape(-1, 5)
        begin = np.array(self._begin, dtype=np.float64).reshape(-1, 3)
        return FinitePOMDP(
            num_actions=self._num_actions,
            horizon=self._horizon,
            initial_probability=begin[:, 0],
            initial_state=begin[:, 1].astype(np.int64),
            initial_observation=begin[:, 2].astype(np.int64),
            offsets=np.concatenate([[0], np.cumsum(counts)]),
            probability=flat[:, 0],
            next_state=flat[:, 1].astype(np.int64),
            observation=flat[:, 2].astype(np.int64),
            reward=flat[:, 3],
            ended=flat[:, 4] > 0,
            observations=tuple(self._values),
            sampled=sampled,
        )

    def _state(self, state: Hashable) -> tuple[int, bool]:
        number = self._states.get(state)
        if number is not None:
            return number, False
        if len(self._states) >= self._max_states:
            raise ConfigError(
                f"the task has more than {self._max_states} states: allowed is a smaller one, or a larger max_states"
            )
        self._states[state] = len(self._states)
        return len(self._states) - 1, True

    def _observation(self, value: Any) -> int:
        key = value
        if isinstance(value, np.ndarray):
            # 0.0 and -0.0 are the same number.
            plain = value + 0.0 if np.issubdtype(value.dtype, np.floating) else value
            key = (value.shape, value.dtype.str, plain.tobytes())
        try:
            known = key in self._seen
        except TypeError:
            raise ConfigError(
                f"observation {_short(value)} is a {type(value).__name__}: allowed are arrays and what can be hashed"
            ) from None
        if not known:
            self._seen[key] = len(self._values)
            self._values.append(value)
        return self._seen[key]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check(holds: bool, name: str, allowed: str) -> None:
    if not holds:
        raise ConfigError(f"pomdp.{name} is wrong: allowed is {allowed}")


def _check_range(numbers: np.ndarray, name: str, most: int) -> None:
    _check(bool(np.all((numbers >= 0) & (numbers < most))), name, f"integers from 0 to {most - 1}")
