"""What a person sees while a run goes on."""

import io
import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

_LINE_SECONDS = 5.0


def duration(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    return str(timedelta(seconds=round(max(0.0, seconds))))


@dataclass
class Display:
    """A bar on a terminal, a line every few seconds elsewhere.

    Attributes:
        total: iterations of the whole run.
    """

    total: int
    console: Console = field(default_factory=lambda: Console(file=sys.stdout, soft_wrap=True, highlight=False))
    _progress: Progress | None = None
    _task: TaskID | None = None
    _started: float = field(default_factory=time.perf_counter)
    _first: int = 0
    _done: int = 0
    _last_line: float = -1e9

    def begin(self, done: int) -> None:
        """Start drawing, with `done` iterations done."""
        self._first = self._done = done
        self._started = time.perf_counter()
        if self.console.is_terminal:
            columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.fields[text]}"))
            self._progress = Progress(*columns, console=self.console, transient=True)
            self._progress.start()
            self._task = self._progress.add_task("", total=self.total, completed=done, text="")

    def end(self) -> None:
        """Stop drawing."""
        if self._progress is not None:
            self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line above the bar; nobody reading any more is no reason to stop."""
        try:
            self.console.print(text, markup=False)
        except BrokenPipeError:
            self.console = Console(file=io.StringIO())

    def pace(self) -> float:
        """Seconds that an iteration took so far."""
        return (time.perf_counter() - self._started) / max(1, self._done - self._first)

    def eta(self) -> float:
        """Seconds until the planned end, at the speed so far."""
        return self.pace() * (self.total - self._done)

    def expected(self) -> str:
        """When it will be over, as the line says it."""
        return f"ETA {duration(self.eta())}"

    def advance(self, done: int, text: str, *, force: bool = False) -> None:
        """Show that `done` iterations are done, with `text` beside; `force` prints a line in any case."""
        self._done = done
        text = f"{text} | {self.expected()}" if done < self.total else text
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, text=text)
        now = time.perf_counter()
        if force or (self._progress is None and now - self._last_line >= _LINE_SECONDS):
            self._last_line = now
            self.say(text)
