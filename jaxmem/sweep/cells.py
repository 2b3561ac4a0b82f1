"""The cells of a sweep, trained one after another."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxmem.config import ConfigError
from jaxmem.experiment import Choice
from jaxmem.failures import known_failure, reason
from jaxmem.sweep.folder import SweepFolder, cell_name
from jaxmem.sweep.schedule import CellDisplay, Schedule
from jaxmem.sweep.table import DONE, FAILED, OPEN, Outcome
from jaxmem.training.folder import Row, RunFolder
from jaxmem.training.progress import duration
from jaxmem.training.train import Interrupted, Stop, finished_rows, resume, start


@dataclass
class Cells:
    """The runs of a sweep.

    Attributes:
        folder: where they are; it must be opened.
        choices: their configurations.
        steps: the most environment steps that each of them takes, for the expected end.
        write: what writes tables of how far all of them are.
        draw: what draws the curve of a finished run.
        say: prints a line.
    """

    folder: SweepFolder
    choices: Sequence[Choice]
    steps: Sequence[int]
    write: Callable[[Sequence[Outcome]], None]
    draw: Callable[[RunFolder], None]
    say: Callable[[str], None]

    def train(self) -> int:
        """Train what is not finished yet; tables are written anew after every cell.

        A cell that fails is told, and the others go on. The same call in another process goes on where this one ended,
        wherever that was: what is finished is read from the runs' own folders.

        Returns:
            How many cells failed.

        Raises:
            Interrupted: after a stop that was asked for while cells were left; what was trained is saved.
            OSError: if a table cannot be written.
        """
        schedule = Schedule(self.steps)
        outcomes = [Outcome(choice, None, OPEN) for choice in self.choices]
        todo = []
        for index, choice in enumerate(self.choices):
            rows = self._finished(choice)
            if rows is None:
                todo.append(index)
            else:
                outcomes[index] = Outcome(choice, rows, DONE)
                schedule.finish(index, rows[-1]["wall_s"])
        if len(todo) < len(self.choices):
            self.say(f"finished before: {len(self.choices) - len(todo)} of {len(self.choices)} cells")
        self.write(outcomes)
        for index in todo:
            stop = Stop()
            rows = self._train(index, schedule, stop)
            outcomes[index] = Outcome(self.choices[index], rows, FAILED if rows is None else DONE)
            schedule.finish(index, rows[-1]["wall_s"] if rows else None)
            self.write(outcomes)
            if stop.asked and index != todo[-1]:
                raise Interrupted
        return sum(outcome.state == FAILED for outcome in outcomes)

    def _finished(self, choice: Choice) -> list[Row] | None:
        """The rows of a cell that need not be trained any more."""
        try:
            return finished_rows(self.folder.run(choice))
        except ConfigError:
            # Going on with it says what is wrong, when it is its turn.
            return None

    def _train(self, index: int, schedule: Schedule, stop: Stop) -> list[Row] | None:
        """The rows of a cell, trained to its end; None if it fails."""
        choice = self.choices[index]
        display = CellDisplay(choice.config.loop.iterations, schedule=schedule, cell=index)
        display.say(f"cell {index + 1} of {len(self.choices)}: {choice}")
        try:
            self._to_the_end(choice, display, stop)
            rows = finished_rows(self.folder.run(choice))
            assert rows is not None
            self.draw(self.folder.run(choice))
        except Interrupted:
            raise
        # Whatever one cell dies of, the others may still be trained.
        except Exception as error:
            said = str(error) if isinstance(error, ConfigError) else known_failure(error) or reason(error)
            self.say(f"failed: {cell_name(choice)}: {said}")
            rows = None
        if rows is None:
            # What the failed cell has allocated hangs in the cycles of its traceback.
            gc.collect()
        else:
            self.say(f"done in {duration(rows[-1]['wall_s'])}: {cell_name(choice)}")
        return rows

    def _to_the_end(self, choice: Choice, display: CellDisplay, stop: Stop) -> None:
        folder = self.folder.run(choice)
        # Killed before its configuration was written, a cell has a folder that holds no run yet.
        if not folder.config_file.is_file():
            RunFolder.create(folder.path, choice.experiment, choice.preset, choice.config)
            with folder.locked():
                start(choice.config, folder, display, stop)
        else:
            with folder.locked():
                resume(folder, display, stop=stop)
