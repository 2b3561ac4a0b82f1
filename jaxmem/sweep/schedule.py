"""When a sweep will be over."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxmem.training.progress import Display, duration


@dataclass
class Schedule:
    """What is left to do, in environment steps, and how long one of them takes.

    Steps of different cells take different times, and solved runs end early: this is a guess, that gets better.

    Attributes:
        steps: the most that each cell takes.
    """

    steps: Sequence[int]
    _finished: int = 0
    _done_steps: int = 0
    _done_seconds: float = 0.0

    @property
    def left(self) -> int:
        """Steps of the cells that are not finished."""
        return sum(self.steps) - self._finished

    def finish(self, cell: int, seconds: float | None) -> None:
        """A cell is over, after so many seconds; None for a failed one, which says nothing about the time."""
        self._finished += self.steps[cell]
        if seconds is not None:
            self._done_steps += self.steps[cell]
            self._done_seconds += seconds

    def expected(self, cell: int, pace: float, to_go: float) -> float:
        """Seconds to the end of all, in the midst of a cell that would take `pace` seconds and has `to_go` left."""
        rate = (self._done_seconds + pace) / (self._done_steps + self.steps[cell])
        return to_go + rate * (self.left - self.steps[cell])


@dataclass
class CellDisplay(Display):
    """What is shown while a cell is trained: the end of all cells beside its own."""

    schedule: Schedule | None = None
    cell: int = 0

    def expected(self) -> str:
        """When the cell will be over, and the sweep."""
        assert self.schedule is not None
        whole = self.schedule.expected(self.cell, self.pace() * self.total, self.eta())
        return f"{super().expected()}, of all cells {duration(whole)}"
