"""`jaxmem sweep`: train experiments with several cores, presets or agents, one after another."""

import argparse
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from jaxmem import experiment
from jaxmem.cli.arguments import Parser, add_file_option, count, split_names
from jaxmem.cli.cells import train_cells
from jaxmem.cli.configure import FIELDS, add_choices, check_id, configure
from jaxmem.config import ConfigError
from jaxmem.experiment import Choice
from jaxmem.sweep.folder import SweepFolder, cell_name
from jaxmem.sweep.patterns import expand_all
from jaxmem.sweep.table import write_outcomes
from jaxmem.training.progress import Display


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem sweep --help`."""
    parser = _parser()
    patterns, rest, asks_help = split_names(parser, arguments)
    if asks_help and not patterns:
        return 0
    if not patterns:
        raise ConfigError("no experiment given: `jaxmem list` shows them all")
    options, fields = parser.parse_known_args(rest)
    asked = {
        "experiments": expand_all(patterns),
        "presets": options.preset,
        "cores": options.core,
        "agents": options.agent,
        "fields": [*fields, *([] if options.seeds is None else ["--seeds", str(options.seeds)])],
    }
    choices, steps = _cells(asked, options, asks_help)
    run_id = f"{choices[0].experiment}-{_digest(asked)}" if options.id is None else check_id(options.id)
    folder = SweepFolder(options.runs / "sweeps" / run_id)
    failed = train_cells(folder, asked, choices, steps, partial(write_outcomes, folder), ["sweep", *arguments])
    if failed is None:
        return 130
    Display(0).say(folder.table_markdown.read_text(encoding="utf-8").rstrip())
    Display(0).say(f"sweep folder: {folder.path}")
    return int(failed > 0)


def _parser() -> Parser:
    parser = Parser("sweep", "Train every combination of experiments, presets, cores and agents, one after another.")
    parser.usage = "jaxmem sweep EXPERIMENT ... [options] [fields]"
    parser.epilog = (
        'Experiments may be written with braces, as in "passive_tmaze_{50,100}" or "my.py:name_{1..3}". The same '
        "command goes on with a sweep that was stopped: finished cells are skipped, a begun one is resumed. " + FIELDS
    )
    add_choices(parser, several=True)
    parser.add_argument("--seeds", type=count, metavar="N", help="seeds of each cell, side by side in one program")
    parser.add_argument(
        "--id",
        help="name of the sweep's folder in RUNS/sweeps (default: the first experiment and a digest of the arguments, "
        "so that the same command finds its folder again)",
    )
    add_file_option(parser)
    return parser


def _cells(asked: dict[str, Any], options: argparse.Namespace, asks_help: bool) -> tuple[list[Choice], list[int]]:
    """Every combination, built once, and the most environment steps that each takes."""
    choices, steps = [], []
    fields = asked["fields"] + ["--help"] * asks_help
    chosen = experiment.find_all(asked["experiments"], options.file)
    for item, preset, core, agent in itertools.product(
        chosen, _each(options.preset), _each(options.core), _each(options.agent)
    ):
        try:
            choice, program = configure(item, preset, core, agent, fields, f"jaxmem sweep {item.name}")
        except ConfigError as error:
            words = [f"{kind} {name}" for kind, name in (("preset", preset), ("core", core), ("agent", agent)) if name]
            raise ConfigError(f"{' '.join([item.name, *words])}: {error}") from error
        choices.append(choice)
        steps.append(choice.config.most_steps(program.task.horizon))
    name, times = Counter(map(cell_name, choices)).most_common(1)[0]
    if times > 1:
        raise ConfigError(f"{times} cells would be called {name}: allowed is each combination once")
    return choices, steps


def _each(names: list[str] | None) -> Sequence[str | None]:
    """Names without repetitions; None, which stands for the default, where there are none."""
    return list(dict.fromkeys(names)) if names else [None]


def _digest(asked: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(asked).encode(), digest_size=4).hexdigest()
