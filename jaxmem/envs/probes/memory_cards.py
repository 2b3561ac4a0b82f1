"""Memory Cards: find the partner of the card that is shown."""

import dataclasses
import itertools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces

from jaxmem.config import ConfigError
from jaxmem.envs.pomdp import Beginning, FinitePOMDP, Outcome
from jaxmem.envs.probes.base import (
    Probe,
    Step,
    check_counts,
    check_seed,
    int32,
    noise_key,
    random_seed,
    seed_space,
)

FACE_DOWN, REMOVED, FIRST_VALUE = range(3)
_MOST_PAIRS = 3


@struct.dataclass
class MemoryCardsParams:
    """`limit` is T, the most steps of an episode; it may be an array, so that one can `vmap` over limits."""

    limit: int | jax.Array = 50


@struct.dataclass
class MemoryCardsState:
    """State of an episode.

    Attributes:
        values: int32 [2 * pairs], the value of each card.
        removed: bool [2 * pairs], whether each card was removed.
        shown: int32, the card that is face up; 0 once all are removed.
        seed: uint32, decides which cards are shown.
        time: int32, steps taken.
    """

    values: jax.Array
    removed: jax.Array
    shown: jax.Array
    seed: jax.Array
    time: jax.Array


@struct.dataclass
class MemoryCardsLayout:
    """What is random in an episode, integers of any dtype.

    Attributes:
        values: [2 * pairs], the value of each card, each from 0 to pairs - 1 twice.
        seed: from 0 to 2^32 - 1; decides which cards are shown.
    """

    values: Any
    seed: Any = 0


@dataclasses.dataclass(frozen=True)
class MemoryCards(Probe[MemoryCardsState, MemoryCardsParams, MemoryCardsLayout]):
    """Memory Cards (Esslinger et al. 2022, arXiv 2206.01078).

    `pairs` pairs of cards lie face down. At each step one of those left, each as likely, lies face up, and the action
    has to name its partner. If it does, both are removed; else the card is turned down again. The card that was named
    is never turned up.

    Observation, float32 [2 * pairs, pairs + 2]:
        For each card a one-hot of: face down, removed, face up with value 0, 1, ...

    Action:
        0 to 2 * pairs - 1: a card.

    Reward, float32:
        0 for the partner; -1 for anything else, also the shown card itself and removed ones. The worst return is -T;
        the best is 0 for an agent that knows the cards, less for one that has to see them first.

    End:
        `terminated` once all pairs are removed, or after T = `params.limit` steps: the limit is part of the task, and
        nothing comes after it. Never `truncated`.

    Info:
        * `success`, float32: 1.0 on the last step if all pairs were removed, else 0.0.
        * `discount`, float32: 0.0 on the last step, else 1.0.

    State, params, layout:
        `MemoryCardsState`, `MemoryCardsParams`, `MemoryCardsLayout`. The key of a reset decides the layout, and the
        layout's seed, folded with the time, which of the cards left is shown: `step_env` is deterministic.
    """

    fixed_horizon: ClassVar[bool] = False

    pairs: int = 5

    @property
    def default_params(self) -> MemoryCardsParams:
        """Params of at most 50 steps."""
        return MemoryCardsParams()

    def step_env(
        self, key: jax.Array, state: MemoryCardsState, action: int | float | jax.Array, params: MemoryCardsParams
    ) -> Step[MemoryCardsState]:
        """Take one step without resetting; `key` is not used."""
        card = np.arange(2 * self.pairs)
        pair = state.values == state.values[state.shown]
        # Pairs are removed together: the partner of a card that is left is left too.
        right = jnp.any(pair & (card == jnp.asarray(action)) & (card != state.shown))
        removed, time = state.removed | (pair & right), state.time + 1
        state = dataclasses.replace(state, removed=removed, shown=self._show(removed, state.seed, time), time=time)
        return self._stepped(state, jnp.where(right, 0, -1), jnp.all(removed), params)

    def is_terminated(self, state: MemoryCardsState, params: MemoryCardsParams) -> jax.Array:
        """Whether all pairs are removed, or the last step was taken."""
        return jnp.all(state.removed) | super().is_terminated(state, params)

    def as_pomdp(self, params: MemoryCardsParams) -> FinitePOMDP:
        """The task with every state, outcome and probability written out; which card is shown is drawn when it is.

        Raises:
            ConfigError: for more than 3 pairs.
        """
        if self.pairs > _MOST_PAIRS:
            raise ConfigError(f"pairs is {self.pairs}: allowed are at most {_MOST_PAIRS} to write the task out")
        cards, limit = 2 * self.pairs, int(params.limit)
        orders = sorted(set(itertools.permutations(np.repeat(np.arange(self.pairs), 2).tolist())))

        def seen(values: tuple[int, ...], left: tuple[int, ...], shown: int) -> np.ndarray:
            board = np.zeros((cards, self.pairs + FIRST_VALUE), np.float32)
            board[np.arange(cards), [FACE_DOWN if card in left else REMOVED for card in range(cards)]] = 1
            if left:
                board[shown] = np.eye(self.pairs + FIRST_VALUE)[FIRST_VALUE + values[shown]]
            return board

        def show(values: tuple[int, ...], left: tuple[int, ...], time: int) -> list[tuple[float, Any, np.ndarray]]:
            return [(1 / len(left), (values, left, card, time), seen(values, left, card)) for card in left]

        def step(state: tuple[tuple[int, ...], tuple[int, ...], int, int], action: int) -> list[Outcome]:
            values, left, shown, time = state
            right = action != shown and values[action] == values[shown]
            if right:
                left = tuple(card for card in left if card not in (action, shown))
            if not left:
                return [Outcome(1.0, state, seen(values, left, 0), 0, True)]
            reward = 0 if right else -1
            return [Outcome(*way, reward, time + 1 == limit) for way in show(values, left, time + 1)]

        begin = [
            Beginning(chance / len(orders), state, obs)
            for values in orders
            for chance, state, obs in show(values, tuple(range(cards)), 0)
        ]
        return FinitePOMDP.from_rules(begin, step, cards, limit)

    def action_space(self, params: MemoryCardsParams | None = None) -> spaces.Discrete:
        """The cards."""
        return spaces.Discrete(2 * self.pairs)

    def observation_space(self, params: MemoryCardsParams | None = None) -> spaces.Box:
        """Bounds of the observation."""
        return spaces.Box(0.0, 1.0, (2 * self.pairs, self.pairs + FIRST_VALUE), jnp.float32)

    def state_space(self, params: MemoryCardsParams | None = None) -> spaces.Dict:
        """Bounds of the state's fields."""
        params = self.default_params if params is None else params
        cards = 2 * self.pairs
        return spaces.Dict(
            {
                "values": spaces.Box(0, self.pairs - 1, (cards,), jnp.int32),
                "removed": spaces.Box(0, 1, (cards,), jnp.bool_),
                "shown": spaces.Box(0, cards - 1, (), jnp.int32),
                "seed": seed_space(),
                "time": spaces.Box(0, params.limit, (), jnp.int32),
            }
        )

    def _steps(self, params: MemoryCardsParams) -> int | jax.Array:
        return params.limit

    def _draw(self, key: jax.Array, params: MemoryCardsParams) -> MemoryCardsLayout:
        for_values, for_seed = jax.random.split(key)
        values = jax.random.permutation(for_values, np.arange(2 * self.pairs, dtype=np.int32) // 2)
        return MemoryCardsLayout(values, random_seed(for_seed))

    def _check(self, layout: MemoryCardsLayout) -> None:
        check_counts("values", layout.values, self.pairs, 2)
        check_seed(layout.seed)

    def _begin(self, layout: MemoryCardsLayout, params: MemoryCardsParams) -> MemoryCardsState:
        removed, time = jnp.zeros((2 * self.pairs,), bool), int32(0)
        seed = jnp.asarray(layout.seed, jnp.uint32)
        return MemoryCardsState(int32(layout.values), removed, self._show(removed, seed, time), seed, time)

    def _show(self, removed: jax.Array, seed: jax.Array, time: jax.Array) -> jax.Array:
        """A random card that is left, int32; 0 if none is."""
        left = jnp.cumsum(~removed)
        chosen = jax.random.randint(noise_key(seed, time), (), 0, jnp.maximum(left[-1], 1))
        return int32(jnp.argmax(left > chosen))

    def _observe(self, state: MemoryCardsState, params: MemoryCardsParams) -> jax.Array:
        shown = np.arange(2 * self.pairs) == state.shown
        kind = jnp.where(shown, FIRST_VALUE + state.values, FACE_DOWN)
        kind = jnp.where(state.removed, REMOVED, kind)
        return jax.nn.one_hot(kind, self.pairs + FIRST_VALUE, dtype=jnp.float32)
