"""`jaxmem look`: where a trained agent looks, beside what matters to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import jax
from rich import box
from rich.console import Console
from rich.table import Table

from jaxmem import cores
from jaxmem.analysis.looking import LookOptions, look, write
from jaxmem.analysis.looking.junction import has_junction, look_at_cue, write_junction
from jaxmem.analysis.looking.report import LONGEST_ANIMATION, cells
from jaxmem.analysis.looking.rows import Row
from jaxmem.cli.arguments import Parser, add_file_option, count, load_file, natural
from jaxmem.config import ConfigError
from jaxmem.training.evaluate import load_run
from jaxmem.training.folder import RunFolder
from jaxmem.training.progress import Display

_EPISODES = 64
_COUNTS = ("frames", "episodes")
_WIDTH = 150
_TITLES = {
    "agreement": "attention beside saliency; the null is other frames' saliency, low and high are of the difference",
    "objects": "attention on objects; the null is where they are in other frames, low and high are of the lift; "
    "untrained is the lift before training",
    "junction": "attention of the last decision to the cue, beside what is the same to all steps",
    "causal": "what policy and value do when a tenth of the mean map's whole cells is taken away; shared is the part "
    "of it that is most attended",
}
_NOT_IN_MAZES = ("steps", "frames", "compared", "untrained")
_OF_MAPS = ("compared", "untrained")
_EPILOG = f"""Pictures, tables and look.json are written into look/ in the run's folder; attention.gif has the first
{LONGEST_ANIMATION} steps of the longest episode. Intervals are 95 % bootstrap intervals over episodes; p is from frames
mixed up. A core without attention maps gets the pictures of saliency alone; --compared and --untrained are refused.
In T-Mazes it is temporal attention that is looked at, of --rows greedy episodes; --steps, --frames, --compared and
--untrained are refused there."""


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem look --help`."""
    default = LookOptions()
    parser = Parser("look", "Where a trained agent looks, and whether that is where it matters; no training changes.")
    parser.epilog = _EPILOG
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--steps", type=count, help=f"steps of each row (default: {default.steps})")
    parser.add_argument(
        "--rows", type=count, help=f"rows side by side (default: {default.rows}), or episodes (default: {_EPISODES})"
    )
    parser.add_argument("--frames", type=count, help=f"frames in pictures (default: {default.frames})")
    parser.add_argument("--compared", type=count, help=f"frames that numbers are about (default: {default.compared})")
    parser.add_argument(
        "--untrained",
        action="store_true",
        default=None,
        help="agreement before training, too; takes saliency as long again",
    )
    parser.add_argument("--checkpoint", default="latest", help="latest (default), previous or a number")
    parser.add_argument("--seed", type=natural, default=0, help="randomness of the episodes (default: 0)")
    parser.add_argument("--only", type=natural, default=0, metavar="SEED", help="which seed of the run (default: 0)")
    add_file_option(parser)
    options = parser.parse_args(arguments)
    names = [field.name for field in fields(LookOptions)]
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    load_file(options.file)
    program, run, step = load_run(RunFolder.open(options.run), options.checkpoint)
    console = Console(soft_wrap=True)
    # Tables are cut off where lines end; those of a narrow terminal go on.
    console.width = max(console.width, _WIDTH)
    if has_junction(program):
        reason = f"about pictures, and {program.config.env.id} shows none"
        _refuse(_NOT_IN_MAZES, given, reason, "--rows, there the number of episodes")
        rows = look_at_cue(program, run, given.get("rows", _EPISODES), jax.random.key(options.seed), options.only)
        console.print(_table(_TITLES["junction"], rows))
        files = write_junction(program, step, rows, options.run)
    else:
        if cores.looks_at(program.config.core.name) is None:
            reason = f"about attention maps, and the core {program.config.core.name} has none"
            _refuse(_OF_MAPS, given, reason, "--steps, --rows, --frames")
        asked = LookOptions(**given)
        with _Shown(f"{options.run}, checkpoint {step}: {asked.rows} rows of {asked.steps} steps") as shown:
            found = look(program, run, asked, shown.advance)
        console.print(f"{found.frames} frames of {found.episodes} episodes", highlight=False)
        for name, rows in found.tables.items():
            console.print(_table(_TITLES[name], rows))
        files = write(found, options.run)
    for path in files:
        print(f"  {path}")
    return 0


def _refuse(names: Iterable[str], given: Mapping[str, Any], reason: str, allowed: str) -> None:
    """Raise `ConfigError` if any of these options was given."""
    for name in names:
        if name in given:
            raise ConfigError(f"--{name} is {reason}: allowed are {allowed}, --checkpoint, --seed, --only and --file")


def _table(title: str, rows: Sequence[Row]) -> Table:
    """A table, without the numbers of frames and episodes where they are the same in all rows."""
    alike = [name for name in _COUNTS if len({row[name] for row in rows if name in row}) == 1]
    shown = [{name: value for name, value in row.items() if name not in alike} for row in rows]
    columns, lines = cells(shown)
    table = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if isinstance(shown[0][name], float) else "left", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    return table


class _Shown:
    """How far it is, on stderr, so that stdout holds nothing but the tables."""

    def __init__(self, title: str) -> None:
        self._console = Console(stderr=True, soft_wrap=True, highlight=False)
        self._title = title
        self._display: Display | None = None

    def __enter__(self) -> "_Shown":
        self._console.print(self._title, markup=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._display is not None:
            self._display.end()

    def advance(self, done: int, total: int, text: str) -> None:
        """Show what is done, of how much, and when it will be over."""
        if self._display is None:
            # What was done first took long to compile: it says nothing about the rest.
            self._display = Display(total, self._console)
            self._display.begin(done)
        self._display.advance(done, text)
