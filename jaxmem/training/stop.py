"""Asking a run to stop, and hearing of it."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


class Interrupted(Exception):
    """The run was asked to stop; everything was saved."""


@dataclass
class Stop:
    """Whether a run was asked to stop; one that was at its end just then does not raise `Interrupted`."""

    asked: bool = False


@contextlib.contextmanager
def listen(stop: Stop) -> Iterator[None]:
    """Note the first Ctrl-C or termination signal; the second one acts as usual."""
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: Any) -> None:
        del frame
        stop.asked = True
        os.write(2, b"\nstopping after the present call, once more stops at once\n")
        signal.signal(number, previous[signal.Signals(number)])

    # Signals can only be caught in the main thread; elsewhere (a notebook's executor) the run goes on without.
    caught = previous if threading.current_thread() is threading.main_thread() else {}
    for number in caught:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in caught.items():
            signal.signal(number, handler)
