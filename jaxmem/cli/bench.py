"""`jaxmem bench`: measure environments, games, cores, architectures, TD3, and how long exact lengths take."""

import argparse
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from jaxmem.benchmarks import architectures as architecture_bench
from jaxmem.benchmarks import atari as atari_bench
from jaxmem.benchmarks import control, core_tables, machine
from jaxmem.benchmarks import cores as core_bench
from jaxmem.benchmarks import envs as env_bench
from jaxmem.benchmarks import lengths as length_bench
from jaxmem.benchmarks import memory_maze as maze_bench
from jaxmem.benchmarks.report import Table
from jaxmem.benchmarks.timing import Repeats
from jaxmem.cli.arguments import Parser, check_out, count
from jaxmem.cli.stages import Stages
from jaxmem.config import ConfigError, lookup
from jaxmem.cores import looks_at, memax, registered_cores
from jaxmem.cores import options as core_options
from jaxmem.envs import options as env_options
from jaxmem.networks.architectures import ARCHITECTURES
from jaxmem.training.folder import write_atomically

_FULL = {
    "lengths": [50, 250, 1500],
    "batch_size": 32,
    "act_batch": 16,
    "width": 128,
    "context": 64,
    "unroll": 20,
    "envs": 1024,
    "env_steps": 256,
    "corridors": [25, 50, 100, 200],
    "matmul": 2048,
    "repeats": 5,
}
_QUICK = {
    "lengths": [4],
    "batch_size": 2,
    "act_batch": 2,
    "width": 8,
    "context": 4,
    "unroll": 2,
    "envs": 4,
    "env_steps": 8,
    "corridors": [2, 3],
    "matmul": 32,
    "repeats": 2,
}
_MIN_SECONDS = 0.3
# What compiling takes, as steps of an episode that would take about as long; the expected end follows from it.
_COMPILE_STEPS = 200


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem bench --help`."""
    options = _parse(arguments)
    what = {name: lookup(_MEASURES, name, "benchmark") for name in options.what or _MEASURES}
    check_out(options.out)
    # Everything is checked before anything is measured.
    planned = [prepare(options) for prepare in what.values()]
    found = [machine.describe(arguments)]
    console = Console(width=None if Console().is_terminal else 200, highlight=False)
    console.print(found[0].rich())
    for run in [*planned, lambda: [machine.peak_memory()]]:
        for table in run():
            found.append(table)
            console.print(table.rich())
    if options.out is not None:
        write_atomically(options.out, "# Benchmarks\n\n" + "\n".join(table.markdown() for table in found))
        console.print(f"written to {options.out}", markup=False)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = Parser("bench", "Measure environments, memory cores and their memory, and TD3 on the default device.")
    parser.add_argument("what", nargs="*", help=f"what to measure: {', '.join(_MEASURES)} (default: all)")
    parser.add_argument("--lengths", nargs="+", type=_length, metavar="T", help="steps of an episode (50 250 1500)")
    parser.add_argument(
        "--cores", nargs="+", metavar="CORE", help=f"memory cores (all; td3: {' '.join(control.CORES)})"
    )
    parser.add_argument(
        "--architectures",
        nargs="+",
        metavar="CORE",
        help=f"those for pictures ({' '.join(ARCHITECTURES)})",
    )
    parser.add_argument("--unroll", type=count, metavar="T", help="steps that architectures learn from (20)")
    parser.add_argument("--batch-size", type=count, metavar="N", help="episodes in an update, or parts of them (32)")
    parser.add_argument("--context", type=count, metavar="N", help="steps of the parts that td3 learns from (64)")
    parser.add_argument("--act-batch", type=count, metavar="N", help="rows that act, and games, side by side (16)")
    parser.add_argument("--width", type=count, metavar="N", help="width of the cores (128)")
    parser.add_argument("--dropout", type=float, metavar="RATE", help="measure learning with this dropout, too")
    parser.add_argument("--ids", nargs="+", metavar="ID", help="environments (all of jaxmem's own)")
    parser.add_argument("--envs", type=count, metavar="N", help="environments side by side (1024)")
    parser.add_argument("--env-steps", type=count, metavar="N", help="steps of each in one compiled call (256)")
    parser.add_argument(
        "--corridors", nargs="+", type=count, metavar="L", help="of T-Mazes whose exact lengths are found"
    )
    parser.add_argument("--matmul", type=count, metavar="N", help="size of the matrices of the reference (2048)")
    parser.add_argument("--repeats", type=count, metavar="N", help="repeats of each measurement (5)")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the tables as Markdown, too")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: see that it works, not how fast")
    options = parser.parse_args(arguments)
    for name, value in (_QUICK if options.quick else _FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def _length(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer >= 2")
    return value


def _repeats(options: argparse.Namespace) -> Repeats:
    return Repeats(options.repeats, 0.0 if options.quick else _MIN_SECONDS)


def _environments(options: argparse.Namespace) -> Callable[[], list[Table]]:
    ids = tuple(dict.fromkeys(options.ids or env_bench.own_ids()))
    for id in ids:
        env_options(id).make()
    bench = env_bench.EnvBench(ids, options.envs, options.env_steps, _repeats(options))

    def run() -> list[Table]:
        progress = Stages(len(ids))
        with progress:
            return [env_bench.measure(bench, lambda id: progress.begin(f"environment {id}", 1))]

    return run


def _cores(options: argparse.Namespace) -> Callable[[], list[Table]]:
    # There are no pictures here: cores that look are measured as architectures.
    names = tuple(dict.fromkeys(options.cores or [name for name in registered_cores if looks_at(name) is None]))
    for name in names:
        core_options(name)
    if options.cores is None and not memax.is_installed():
        print("note: the core memax is not measured: `pip install 'jaxmem[memax]'` adds it", file=sys.stderr)
    bench = core_bench.CoreBench(
        cores=names,
        lengths=tuple(sorted(set(options.lengths))),
        batch_size=options.batch_size,
        act_batch=options.act_batch,
        width=options.width,
        dropout=options.dropout,
        matmul=options.matmul,
        repeats=_repeats(options),
    )
    cases = bench.cases()
    for case in cases:
        core_bench.make_agent(bench, case)

    def run() -> list[Table]:
        weights = [_COMPILE_STEPS + case.length for case in cases]
        figures = []
        with Stages(sum(weights)) as progress:
            for case, weight in zip(cases, weights, strict=True):
                progress.begin(f"core {case}", weight)
                figures.append(core_bench.measure(bench, case))
        return core_tables.tables(bench, figures)

    return run


def _td3(options: argparse.Namespace) -> Callable[[], list[Table]]:
    bench = control.ControlBench(
        cores=tuple(dict.fromkeys(options.cores or control.CORES)),
        context=options.context,
        batch_size=options.batch_size,
        act_batch=options.act_batch,
        # Of episodes that are no longer than the parts, TD3 learns whole ones.
        steps=2 * options.context,
        width=options.width,
        repeats=_repeats(options),
    )
    cases = bench.cases()
    for case in cases:
        control.make_program(bench, case)
    ids = control.NO_PHYSICS if options.quick else control.PHYSICS
    if importlib.util.find_spec("brax") is None:
        print("note: Brax's environments are not measured: `pip install 'jaxmem[brax]'` adds them", file=sys.stderr)
        ids = ()

    def run() -> list[Table]:
        with Stages(len(cases) + len(ids)) as progress:
            figures = []
            for case in cases:
                progress.begin(f"TD3 with {case}", 1)
                figures.append(control.measure(bench, case))
            found = control.tables(bench, figures)
            if ids:
                found.append(control.measure_physics(bench, ids, lambda id: progress.begin(f"environment {id}", 1)))
        return found

    return run


def _memory_maze(options: argparse.Namespace) -> Callable[[], list[Table]]:
    sizes, rows = (maze_bench.SIZES[:1], (options.envs,)) if options.quick else (maze_bench.SIZES, maze_bench.ROWS)
    bench = maze_bench.MazeBench(sizes, rows, options.env_steps, _repeats(options))

    def run() -> list[Table]:
        progress = Stages(len(bench.cases()))
        with progress:
            return [maze_bench.measure(bench, lambda what: progress.begin(what, 1))]

    return run


def _architectures(options: argparse.Namespace) -> Callable[[], list[Table]]:
    names = tuple(dict.fromkeys(options.architectures or ARCHITECTURES))
    pictures = tuple(architecture_bench.PICTURES)
    bench = architecture_bench.ArchitectureBench(
        names=names[:1] if options.quick and options.architectures is None else names,
        pictures=pictures[:1] if options.quick else pictures,
        rows=options.act_batch,
        steps=options.unroll,
        repeats=_repeats(options),
    )
    for picture, name in bench.cases():
        architecture_bench.make_agent(bench, picture, name)

    def run() -> list[Table]:
        found = {}
        with Stages(len(bench.cases())) as progress:
            for picture, name in bench.cases():
                progress.begin(f"architecture {name}, {picture}", 1)
                found[picture, name] = architecture_bench.measure(bench, picture, name)
        return [architecture_bench.table(bench, found)]

    return run


def _atari(options: argparse.Namespace) -> Callable[[], list[Table]]:
    ids = atari_bench.IDS[:1] if options.quick else atari_bench.IDS
    if not atari_bench.is_installed():
        if "atari" in options.what:
            raise ConfigError("atari needs ale-py: `pip install 'jaxmem[atari]'` adds it")
        print("note: Atari games are not measured: `pip install 'jaxmem[atari]'` adds them", file=sys.stderr)
        return list
    bench = atari_bench.AtariBench(ids, options.act_batch, options.env_steps, _repeats(options))

    def run() -> list[Table]:
        progress = Stages(len(ids))
        with progress:
            return [atari_bench.measure(bench, lambda what: progress.begin(what, 1))]

    return run


def _lengths(options: argparse.Namespace) -> Callable[[], list[Table]]:
    corridors = sorted(set(options.corridors))

    def run() -> list[Table]:
        # Beliefs grow with the square, and so do the seconds of most.
        with Stages(len(length_bench.TASKS) * sum(corridor**2 for corridor in corridors)) as progress:
            return length_bench.measure_growth(corridors, lambda text, corridor: progress.begin(text, corridor**2))

    return run


_MEASURES = {
    "envs": _environments,
    "cores": _cores,
    "architectures": _architectures,
    "td3": _td3,
    "memory_maze": _memory_maze,
    "atari": _atari,
    "lengths": _lengths,
}
