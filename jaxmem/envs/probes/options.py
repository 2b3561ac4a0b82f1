"""Options of the probes.

They import no gymnax, so that reading a command line starts no backend. Memory and credit lengths are those of
Ni et al. 2023 (arXiv 2307.03864, Table 1) as functions of the options.
"""

import dataclasses

from jaxmem.config import ConfigError, choice, integer
from jaxmem.envs.registry import EnvOptions, EnvSpec, Made

_BSUITE = "Osband et al. 2020, arXiv 1908.03568"
_RAPOSO = "Raposo et al. 2021, arXiv 2102.12425"
_POPGYM = "Morad et al. 2023, arXiv 2303.01859"
_DTQN = "Esslinger et al. 2022, arXiv 2206.01078"
_SUITS, _RANKS = 4, 13
# Shares of time stay exact up to 2^20 - 1: see `share` in base.py.
_LONGEST = 1_000_000
# To heaven by way of the priest.
_HEAVEN_MOVES = 14
# From the observation at the priest to that at the junction, both included.
_HEAVEN_MEMORY = 8


@dataclasses.dataclass(frozen=True)
class MemoryLengthOptions(EnvOptions):
    """Memory Length: bits seen at first, one of them asked for at the end."""

    id: str = choice("MemoryLength-v0", ("MemoryLength-v0",))
    """Name of the environment in the registry."""

    length: int = integer(100, low=1, high=_LONGEST)
    """Steps of an episode."""

    num_bits: int = integer(1, low=1, high=1000)
    """Bits to remember."""

    def make(self) -> Made:
        """Build the task: `(MemoryLength, MemoryLengthParams)`."""
        from jaxmem.envs.probes.memory_length import MemoryLength, MemoryLengthParams

        return MemoryLength(self.num_bits), MemoryLengthParams(self.length)

    def spec(self) -> EnvSpec:
        """Lengths in steps: the first observation decides the last action, which pays at once."""
        return EnvSpec(
            id=self.id,
            source=_BSUITE,
            description="Name in the last step a bit seen in the first.",
            horizon=self.length,
            memory_length=self.length,
            credit_length=1,
        )


@dataclasses.dataclass(frozen=True)
class UmbrellaLengthOptions(EnvOptions):
    """Umbrella Length: a first choice that pays at the end, under noise that pays all the way."""

    id: str = choice("UmbrellaLength-v0", ("UmbrellaLength-v0",))
    """Name of the environment in the registry."""

    length: int = integer(100, low=1, high=_LONGEST)
    """Steps of an episode."""

    distractors: int = integer(20, low=0, high=1000)
    """Random bits in the observation."""

    def make(self) -> Made:
        """Build the task: `(UmbrellaLength, UmbrellaLengthParams)`."""
        from jaxmem.envs.probes.umbrella_length import UmbrellaLength, UmbrellaLengthParams

        return UmbrellaLength(self.distractors), UmbrellaLengthParams(self.length)

    def spec(self) -> EnvSpec:
        """Lengths in steps: the first observation decides the first action, which the last reward pays."""
        return EnvSpec(
            id=self.id,
            source=_BSUITE,
            description="Choose in the first step what is right or wrong in the last, among random rewards.",
            horizon=self.length,
            memory_length=1,
            credit_length=self.length,
        )


@dataclasses.dataclass(frozen=True)
class DelayedCatchOptions(EnvOptions):
    """Delayed Catch: many balls to catch, all paid for at the very end."""

    id: str = choice("DelayedCatch-v0", ("DelayedCatch-v0",))
    """Name of the environment in the registry."""

    rows: int = integer(7, low=2, high=100)
    """Rows of the board, and steps that a ball takes."""

    columns: int = integer(7, low=2, high=100)
    """Columns of the board; every one can be reached in rows - 1 steps."""

    drops: int = integer(40, low=1, high=10_000)
    """Balls in an episode."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_board(self.rows, self.columns, f"{self.path}.")

    def make(self) -> Made:
        """Build the task: `(DelayedCatch, NoParams)`."""
        from jaxmem.envs.probes.delayed_catch import DelayedCatch

        env = DelayedCatch(self.rows, self.columns, self.drops)
        return env, env.default_params

    def spec(self) -> EnvSpec:
        """Lengths in steps: the board shows all there is to know; the first ball is paid for by the last reward."""
        horizon = self.rows * self.drops
        return EnvSpec(
            id=self.id,
            source=_RAPOSO,
            description="Catch balls that are all paid for in the last step.",
            horizon=horizon,
            memory_length=1,
            credit_length=horizon,
        )


@dataclasses.dataclass(frozen=True)
class RepeatFirstOptions(EnvOptions):
    """Repeat First: name the first card's suit again and again."""

    id: str = choice("RepeatFirst-v0", ("RepeatFirst-v0",))
    """Name of the environment in the registry."""

    decks: int = integer(1, low=1, high=1000)
    """Decks of 52 cards; 1, 8 and 16 are POPGym's Easy, Medium and Hard."""

    ranks: int = integer(_RANKS, low=1, high=_RANKS)
    """Cards of each suit in a deck; fewer make a task that can be measured exactly."""

    def make(self) -> Made:
        """Build the task: `(RepeatFirst, NoParams)`."""
        from jaxmem.envs.probes.repeat_first import RepeatFirst

        env = RepeatFirst(self.decks, self.ranks)
        return env, env.default_params

    def spec(self) -> EnvSpec:
        """Lengths in steps: after the first card an optimal policy can repeat its own last action."""
        return EnvSpec(
            id=self.id,
            source=_POPGYM,
            description="Name the first card's suit at every step while others are dealt.",
            horizon=_SUITS * self.ranks * self.decks - 1,
            memory_length=2,
            credit_length=1,
        )


@dataclasses.dataclass(frozen=True)
class AutoencodeOptions(EnvOptions):
    """Autoencode: watch a pile of cards, then name their suits backwards."""

    id: str = choice("Autoencode-v0", ("Autoencode-v0",))
    """Name of the environment in the registry."""

    decks: int = integer(1, low=1, high=1000)
    """Decks of 52 cards; 1, 2 and 3 are POPGym's Easy, Medium and Hard."""

    ranks: int = integer(_RANKS, low=1, high=_RANKS)
    """Cards of each suit in a deck; fewer make a task that can be measured exactly."""

    def make(self) -> Made:
        """Build the task: `(Autoencode, NoParams)`."""
        from jaxmem.envs.probes.autoencode import Autoencode

        env = Autoencode(self.decks, self.ranks)
        return env, env.default_params

    def spec(self) -> EnvSpec:
        """Lengths in steps: the card seen first is named last."""
        horizon = 2 * _SUITS * self.ranks * self.decks - 1
        return EnvSpec(
            id=self.id,
            source=_POPGYM,
            description="Watch a pile of cards, then name their suits from the last to the first.",
            horizon=horizon,
            memory_length=horizon,
            credit_length=1,
        )


@dataclasses.dataclass(frozen=True)
class HeavenHellOptions(EnvOptions):
    """Heaven and Hell: ask the priest which way is up, then go there."""

    id: str = choice("HeavenHell-v0", ("HeavenHell-v0",))
    """Name of the environment in the registry."""

    limit: int = integer(20, low=_HEAVEN_MOVES, high=_LONGEST)
    """The most steps of an episode; heaven is 14 moves away by way of the priest."""

    def make(self) -> Made:
        """Build the task: `(HeavenHell, HeavenHellParams)`."""
        from jaxmem.envs.probes.heaven_hell import HeavenHell, HeavenHellParams

        return HeavenHell(), HeavenHellParams(self.limit)

    def spec(self) -> EnvSpec:
        """Lengths in steps.

        At the junction the priest is 7 moves in the past, so 8 observations suffice; the paper's table rounds to T. All
        is as with a discount below 1, where only the shortest way is optimal: without one an agent could spend spare
        steps on bumping into walls to remind itself. The credit length is the table's T, an upper bound: on the
        shortest way the first move is paid for 14 steps later.
        """
        return EnvSpec(
            id=self.id,
            source=f"{_DTQN}; Bonet and Geffner 1998",
            description="Learn from a priest at one end of the map which of two other ends is heaven.",
            horizon=self.limit,
            memory_length=_HEAVEN_MEMORY,
            credit_length=self.limit,
        )


@dataclasses.dataclass(frozen=True)
class MemoryCardsOptions(EnvOptions):
    """Memory Cards: find the partner of the card that is shown."""

    id: str = choice("MemoryCards-v0", ("MemoryCards-v0",))
    """Name of the environment in the registry."""

    pairs: int = integer(5, low=1, high=100)
    """Pairs of cards."""

    limit: int = integer(50, low=1, high=_LONGEST)
    """The most steps of an episode, at least `pairs`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.limit < self.pairs:
            raise ConfigError(
                f"{self.path}.limit is {self.limit}: allowed is at least {self.path}.pairs, which is {self.pairs}"
            )

    def make(self) -> Made:
        """Build the task: `(MemoryCards, MemoryCardsParams)`."""
        from jaxmem.envs.probes.memory_cards import MemoryCards, MemoryCardsParams

        return MemoryCards(self.pairs), MemoryCardsParams(self.limit)

    def spec(self) -> EnvSpec:
        """Lengths in steps: the memory length is a bound, since a card can stay unseen for any time."""
        return EnvSpec(
            id=self.id,
            source=_DTQN,
            description="Name the partner of the card that is shown, which may have been shown long ago.",
            horizon=self.limit,
            memory_length=self.limit,
            credit_length=1,
        )


def check_board(rows: int, columns: int, prefix: str = "") -> None:
    """Raise `ConfigError` where a paddle in the middle cannot reach every column before the ball is down."""
    if rows - 1 < columns // 2:
        raise ConfigError(f"{prefix}columns is {columns}: allowed are at most {2 * rows - 1} with {prefix}rows {rows}")
