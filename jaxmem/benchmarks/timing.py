"""Wall-clock times of compiled calls, repeated in turns."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax

_SLOW_SECONDS = 5.0
_SLOW_REPEATS = 3


@dataclass(frozen=True)
class Spread:
    """A figure's median over repeats, with its least and greatest value."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: list[float]) -> "Spread":
        """The spread of at least one value."""
        return Spread(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Timing:
    """Times of one call, in seconds, one entry a repeat."""

    seconds: tuple[float, ...]

    def spread(self, scale: float) -> Spread:
        """Seconds of a call times `scale`."""
        return Spread.of([scale * seconds for seconds in self.seconds])

    def rate(self, work: float) -> Spread:
        """`work`, done by one call, per second."""
        return Spread.of([work / seconds for seconds in self.seconds])

    def share(self, parts: int) -> "Timing":
        """Times of each of so many equal parts of the call."""
        return Timing(tuple(seconds / parts for seconds in self.seconds))

    def relative_to(self, other: "Timing") -> Spread:
        """How many times as long as `other` the call takes, round by round."""
        return Spread.of([own / its for own, its in zip(self.seconds, other.seconds, strict=True)])


@dataclass(frozen=True)
class Repeats:
    """How often to measure.

    Attributes:
        count: repeats; never more than 3 for calls of over 5 seconds.
        min_seconds: a repeat makes as many calls as fill this time, so that neither the clock nor the dispatch of a
            call matters.
    """

    count: int
    min_seconds: float

    def __str__(self) -> str:
        """What notes below tables say."""
        return (
            f"Median (least to greatest) of {self.count} repeats, at most {_SLOW_REPEATS} where a call takes over "
            f"{_SLOW_SECONDS:.0f} s."
        )


def interleave(functions: Mapping[str, Callable[[], Any]], repeats: Repeats) -> dict[str, Timing]:
    """Time functions in turns (A B A B ...), so that what slows the machine for a while slows all of them.

    Args:
        functions: each starts a computation and returns its arrays.
        repeats: how often.

    Returns:
        Times by name; entry i of each comes from the same round.
    """
    calls, longest = {}, 0.0
    for name, function in functions.items():
        # The first call also allocates memory; the second one shows how long a call takes.
        _seconds(function, 1)
        one = _seconds(function, 1)
        longest = max(longest, one)
        calls[name] = max(1, math.ceil(repeats.min_seconds / max(one, 1e-9)))
    rounds = min(repeats.count, _SLOW_REPEATS) if longest > _SLOW_SECONDS else repeats.count
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            seconds[name].append(_seconds(function, calls[name]))
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def _seconds(function: Callable[[], Any], calls: int) -> float:
    """Seconds of one call, waiting for the result of the last: a device runs them in order."""
    began = time.perf_counter()
    result = None
    for _ in range(calls):
        result = function()
    jax.block_until_ready(result)
    return (time.perf_counter() - began) / calls
