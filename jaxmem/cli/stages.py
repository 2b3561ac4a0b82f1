"""Progress through measurements of different weight."""

from rich.console import Console

from jaxmem.training.progress import Display


class Stages:
    """What is being measured and when it will be over, on stderr, so that stdout holds nothing but the tables."""

    def __init__(self, total: int) -> None:
        """`total` is the sum of all weights."""
        self._display = Display(total, Console(stderr=True, soft_wrap=True, highlight=False))
        self._done = self._current = 0

    def __enter__(self) -> "Stages":
        self._display.begin(0)
        return self

    def __exit__(self, *_: object) -> None:
        self._display.end()

    def begin(self, text: str, weight: int) -> None:
        """The next measurement starts, with this share of the whole; the one before is done."""
        self._done += self._current
        self._current = weight
        if self._done:
            self._display.advance(self._done, f"measuring {text}", force=True)
        else:
            # Nothing is known yet about how long it takes.
            self._display.say(f"measuring {text}")
