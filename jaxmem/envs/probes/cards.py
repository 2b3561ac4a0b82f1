"""What the card tasks share: a shuffled pile, of which only the suits matter."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces

from jaxmem.envs.probes.base import NoParams, Probe, check_counts, int32

SUITS = 4
MOST_RANKS = 13


@struct.dataclass
class CardsState:
    """State of an episode.

    Attributes:
        suits: int32 [cards], the pile, first card first.
        right: int32, right answers so far.
        time: int32, steps taken.
    """

    suits: jax.Array
    right: jax.Array
    time: jax.Array


@struct.dataclass
class CardsLayout:
    """What is random in an episode: `suits` [cards], the pile, first card first.

    Integers from 0 to 3 of any dtype; each suit is there as often: 13 times a whole deck.
    """

    suits: Any


@dataclasses.dataclass(frozen=True)
class CardTask(Probe[CardsState, NoParams, CardsLayout]):
    """Base of the tasks with a pile of `decks` decks, each of four suits of `ranks` cards.

    See `RepeatFirst` and `Autoencode`.
    """

    decks: int = 1
    ranks: int = MOST_RANKS

    @property
    def default_params(self) -> NoParams:
        """No params."""
        return NoParams()

    @property
    def cards(self) -> int:
        """Cards in the pile."""
        return self.decks * SUITS * self.ranks

    def action_space(self, params: NoParams | None = None) -> spaces.Discrete:
        """The suits."""
        return spaces.Discrete(SUITS)

    def observation_space(self, params: NoParams | None = None) -> spaces.Box:
        """Bounds of the observation: a flag and a suit."""
        return spaces.Box(0.0, 1.0, (1 + SUITS,), jnp.float32)

    def state_space(self, params: NoParams | None = None) -> spaces.Dict:
        """Bounds of the state's fields."""
        return spaces.Dict(
            {
                "suits": spaces.Box(0, SUITS - 1, (self.cards,), jnp.int32),
                "right": spaces.Box(0, self.cards, (), jnp.int32),
                "time": spaces.Box(0, self._steps(NoParams()), (), jnp.int32),
            }
        )

    def _draw(self, key: jax.Array, params: NoParams) -> CardsLayout:
        return CardsLayout(jax.random.permutation(key, np.arange(self.cards, dtype=np.int32) % SUITS))

    def _check(self, layout: CardsLayout) -> None:
        check_counts("suits", layout.suits, SUITS, self.decks * self.ranks)

    def _begin(self, layout: CardsLayout, params: NoParams) -> CardsState:
        return CardsState(int32(layout.suits), int32(0), int32(0))


def card(flag: bool, suit: int) -> np.ndarray:
    """What `flag_and_suit` gives, on the host."""
    return np.array([flag, *(suit == other for other in range(SUITS))], np.float32)


def flag_and_suit(flag: jax.Array, suit: jax.Array) -> jax.Array:
    """A flag, and a suit as one-hot, float32 [5]; a suit of -1 is all zeros."""
    return jnp.concatenate([flag[None], jax.nn.one_hot(suit, SUITS)], dtype=jnp.float32)
