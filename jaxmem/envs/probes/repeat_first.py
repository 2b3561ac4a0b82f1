"""Repeat First: name the first card's suit again and again."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.envs.pomdp import FinitePOMDP, Outcome
from jaxmem.envs.probes.base import NoParams, Step
from jaxmem.envs.probes.cards import SUITS, CardsState, CardTask, card, flag_and_suit


@dataclasses.dataclass(frozen=True)
class RepeatFirst(CardTask):
    """Repeat First (POPGym: Morad et al. 2023, arXiv 2303.01859).

    A shuffled pile of `decks` decks is dealt, one card a step; every action has to name the suit of the first card.
    Every episode takes T = 4 * ranks * decks - 1 steps, with 13 `ranks` in a whole deck: the last card is dealt by the
    last action. POPGym's Easy, Medium and Hard have 1, 8 and 16 decks.

    Observation, float32 [5]:
        1 for the first card and 0 for later ones, then the suit of the card that was just dealt as one-hot. (POPGym's
        code shows no flag, its description has it.)

    Action:
        0 to 3: a suit.

    Reward, float32:
        1/T for the first card's suit, -1/T for another one. The best return is 1, the worst -1.

    End:
        `terminated` on step T exactly; never `truncated`.

    Info:
        * `success`, float32: 1.0 on step T if every answer was right, else 0.0.
        * `discount`, float32: 0.0 on step T, else 1.0.

    State, params, layout:
        `CardsState`, `NoParams`, `CardsLayout`. The key of a reset shuffles the pile. `step_env` is deterministic.
    """

    def step_env(
        self, key: jax.Array, state: CardsState, action: int | float | jax.Array, params: NoParams
    ) -> Step[CardsState]:
        """Take one step without resetting; `key` is not used."""
        steps = self._steps(params)
        right = jnp.asarray(action) == state.suits[0]
        state = dataclasses.replace(state, right=state.right + right, time=state.time + 1)
        return self._stepped(state, jnp.where(right, 1 / steps, -1 / steps), state.right == steps, params)

    def as_pomdp(self, params: NoParams) -> FinitePOMDP:
        """The task with every state, outcome and probability written out; cards are drawn when they are dealt."""
        steps, each = self._steps(params), self.decks * self.ranks

        def deal(first: int, left: tuple[int, ...]) -> list[tuple[float, tuple[int, tuple[int, ...]], np.ndarray]]:
            dealt = []
            for suit, count in enumerate(left):
                if count:
                    after = (*left[:suit], count - 1, *left[suit + 1 :])
                    dealt.append((count / sum(left), (first if first >= 0 else suit, after), card(first < 0, suit)))
            return dealt

        def step(state: tuple[int, tuple[int, ...]], action: int) -> list[Outcome]:
            first, left = state
            reward = (1 if action == first else -1) / steps
            return [Outcome(*way, reward, sum(left) == 1) for way in deal(first, left)]

        return FinitePOMDP.from_rules(deal(-1, (each,) * SUITS), step, SUITS, steps)

    def _steps(self, params: NoParams) -> int:
        return self.cards - 1

    def _observe(self, state: CardsState, params: NoParams) -> jax.Array:
        return flag_and_suit(state.time == 0, state.suits[state.time])
