"""What commands share that train cells, one after another, into a folder that they can go on in."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxmem.cli.configure import draw_run, prepare_process
from jaxmem.experiment import Choice
from jaxmem.sweep.cells import Cells
from jaxmem.sweep.folder import SweepFolder
from jaxmem.sweep.table import Outcome
from jaxmem.training.progress import Display
from jaxmem.training.train import Interrupted


def train_cells(
    folder: SweepFolder,
    asked: Mapping[str, Any],
    choices: Sequence[Choice],
    steps: Sequence[int],
    write: Callable[[Sequence[Outcome]], None],
    command: Sequence[str],
    grows: bool = False,
) -> int | None:
    """Train cells to their ends, and say how it goes.

    Args:
        folder: where they are.
        asked: what tells the command from others that may not use the folder; JSON values.
        choices: the cells.
        steps: the most environment steps of each.
        write: what writes tables of them; called after every cell.
        command: the words that go on with it.
        grows: see `SweepFolder.opened`.

    Returns:
        How many failed; None after a stop that was asked for.

    Raises:
        ConfigError: if the folder cannot be used.
    """
    say = Display(0).say
    prepare_process()
    try:
        with folder.opened(asked, choices, grows):
            say(f"{len(choices)} cells -> {folder.path}")
            failed = Cells(folder, choices, steps, write, draw_run, say).train()
    except (Interrupted, KeyboardInterrupt):
        say(f"stopped; go on with the same command: {shlex.join(['jaxmem', *command])}")
        return None
    if failed:
        say(f"{failed} of {len(choices)} cells failed; the same command tries them again")
    return failed
