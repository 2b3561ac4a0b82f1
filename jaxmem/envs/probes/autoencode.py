"""Autoencode: watch a pile of cards, then name their suits backwards."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.config import ConfigError
from jaxmem.envs.pomdp import Beginning, FinitePOMDP, Outcome
from jaxmem.envs.probes.base import NoParams, Step
from jaxmem.envs.probes.cards import SUITS, CardsState, CardTask, card, flag_and_suit

_MOST_PILES = 10_000


@dataclasses.dataclass(frozen=True)
class Autoencode(CardTask):
    """Autoencode (POPGym: Morad et al. 2023, arXiv 2303.01859).

    A shuffled pile of N = 4 * ranks * decks cards (13 `ranks` in a whole deck) is shown, one card an observation; then
    their suits have to be named from the last one to the first. Every episode takes T = 2N - 1 steps. POPGym's Easy,
    Medium and Hard have 1, 2 and 3 decks.

    Watching takes the first N - 1 steps, whose actions do nothing. Playing begins with the last card in sight and takes
    N steps: step N names the last card, step T = 2N - 1 the first.

    Observation, float32 [5], after t steps:
        0 to watch (t < N - 1) or 1 to play, then the suit of card t + 1 as one-hot, or zeros once all cards were shown
        (t >= N). (POPGym's code shows a constant suit there.)

    Action:
        0 to 3: a suit.

    Reward, float32:
        While playing 1/N for the right suit, -1/N for another one. The best return is 1, the worst -1.

    End:
        `terminated` on step T exactly; never `truncated`.

    Info:
        * `success`, float32: 1.0 on step T if all N answers were right, else 0.0.
        * `discount`, float32: 0.0 on step T, else 1.0.

    State, params, layout:
        `CardsState`, `NoParams`, `CardsLayout`. The key of a reset shuffles the pile. `step_env` is deterministic.
    """

    def step_env(
        self, key: jax.Array, state: CardsState, action: int | float | jax.Array, params: NoParams
    ) -> Step[CardsState]:
        """Take one step without resetting; `key` is not used."""
        # The card to name, counted back from the last; while watching, none.
        card = self._steps(params) - 1 - state.time
        playing = self._plays(state)
        named = jnp.asarray(action) == state.suits[jnp.minimum(card, self.cards - 1)]
        reward = jnp.where(playing, jnp.where(named, 1 / self.cards, -1 / self.cards), 0)
        state = dataclasses.replace(state, right=state.right + (playing & named), time=state.time + 1)
        return self._stepped(state, reward, state.right == self.cards, params)

    def as_pomdp(self, params: NoParams) -> FinitePOMDP:
        """The task with every state, outcome and probability written out; cards are drawn when they are shown.

        Raises:
            ConfigError: for piles that can be shuffled in more than 10,000 ways, as those of whole decks can.
        """
        each, cards, steps = self.decks * self.ranks, self.cards, self._steps(params)
        ways = math.factorial(cards) // math.factorial(each) ** SUITS
        if ways > _MOST_PILES:
            raise ConfigError(
                f"a pile of {cards} cards can be shuffled in {ways:.2g} ways: to write the task out allowed are at "
                f"most {_MOST_PILES}, as with decks 1 and ranks 2"
            )

        def show(pile: tuple[int, ...]) -> list[tuple[float, tuple[int, ...], np.ndarray]]:
            left = [each - pile.count(suit) for suit in range(SUITS)]
            playing = len(pile) + 1 == cards
            return [(count / sum(left), (*pile, suit), card(playing, suit)) for suit, count in enumerate(left) if count]

        # A pile that is still shown is a state, and so is one of which the last cards were named: what is left of it.
        def step(state: tuple[bool, tuple[int, ...]], action: int) -> list[Outcome]:
            playing, pile = state
            if not playing:
                return [Outcome(chance, (len(after) == cards, after), obs, 0) for chance, after, obs in show(pile)]
            reward = (1 if action == pile[-1] else -1) / cards
            return [Outcome(1.0, (True, pile[:-1]), card(True, -1), reward, len(pile) == 1)]

        begin = [Beginning(chance, (len(pile) == cards, pile), obs) for chance, pile, obs in show(())]
        return FinitePOMDP.from_rules(begin, step, SUITS, steps)

    def _steps(self, params: NoParams) -> int:
        return 2 * self.cards - 1

    def _plays(self, state: CardsState) -> jax.Array:
        return state.time >= self.cards - 1

    def _observe(self, state: CardsState, params: NoParams) -> jax.Array:
        suit = jnp.where(state.time < self.cards, state.suits[jnp.minimum(state.time, self.cards - 1)], -1)
        return flag_and_suit(self._plays(state), suit)
