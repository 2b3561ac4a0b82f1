"""What a run leaves on the disk while it trains."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from jaxmem.config import ConfigError
from jaxmem.training.checkpoint import CheckpointError, Checkpoints
from jaxmem.training.devices import device_name
from jaxmem.training.folder import Row, RunFolder
from jaxmem.training.log import Board
from jaxmem.training.progress import Display


@dataclass
class Recorder:
    """Rows of metrics, TensorBoard events and checkpoints of one run.

    Attributes:
        folder: the run's.
        display: what a person sees.
        checkpoints: the run's, opened to be written.
        board: its events.
        rows: all rows so far, one an evaluation and seed.
        began: the moment at which the run would have begun, had it never been stopped.
    """

    folder: RunFolder
    display: Display
    checkpoints: Checkpoints
    board: Board
    rows: list[Row]
    began: float
    _behind: bool = True
    _saved_at: float = field(default_factory=time.perf_counter)

    @property
    def wall_s(self) -> float:
        """Seconds since the run began, pauses left out."""
        return time.perf_counter() - self.began

    @contextlib.contextmanager
    def working(self, done: int) -> Iterator[None]:
        """Show progress, `done` being done. In the end all is closed and, without an error, every row written."""
        self.display.begin(done)
        with contextlib.ExitStack() as closing:
            closing.callback(self.checkpoints.close)
            closing.callback(self.board.close)
            closing.callback(self.display.end)
            yield
            if self._behind and self.rows:
                self.folder.write_metrics(self.rows)

    def record(self, rows: list[Row]) -> None:
        """Add the rows of an evaluation."""
        self.rows += rows
        self._attempt("TensorBoard events", lambda: self.board.write(rows))
        self._behind = not self._attempt("metrics.csv", lambda: self._write_metrics(rows))

    def save(self, number: int, state: Any, meta: dict[str, Any]) -> None:
        """Write a checkpoint; what all of them tell is added to `meta`.

        Raises:
            CheckpointError: if the disk does not take it.
        """
        meta = meta | {"wall_s": self.wall_s, "rows": len(self.rows), "device": device_name()}
        self._saved_at = time.perf_counter()
        self.checkpoints.save(number, state, meta)

    def save_if_due(self, every: float, save: Callable[[], None]) -> None:
        """Save if `every` seconds have passed since the last time."""
        if time.perf_counter() - self._saved_at > every:
            self._attempt("checkpoint", save)

    def _attempt(self, what: str, action: Callable[[], None]) -> bool:
        """Do something that the disk may refuse; what was learned is worth more than a record of it."""
        try:
            action()
        except (OSError, CheckpointError) as error:
            self.display.say(f"warning: {what} not written, training goes on: {error}")
            return False
        return True

    def _write_metrics(self, rows: list[Row]) -> None:
        # Whole where there is no sound beginning to add to: at first, after a resume, after a failure.
        if self._behind:
            self.folder.write_metrics(self.rows)
        else:
            self.folder.append_metrics(rows)


def tell_other_device(device: str, display: Display) -> None:
    """Say so if a run that goes on was written on another kind of device than this."""
    here = device_name()
    if device != here:
        display.say(f"note: it was written on {device}, this is {here}: the bits may differ from here on")


def rows_so_far(folder: RunFolder, display: Display, count: int) -> list[Row]:
    """The rows that a checkpoint knows of; a loss is told, since it does not stop the run from going on."""
    try:
        rows = folder.read_metrics()[:count]
    except ConfigError as error:
        display.say(f"warning: {error}")
        rows = []
    if len(rows) < count:
        display.say(f"warning: {folder.metrics_file} has lost {count - len(rows)} of the {count} rows so far")
    return rows
