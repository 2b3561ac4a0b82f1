"""`jaxmem ablation`: a recipe beside what it is without each of its parts, trained one after another."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxmem import ablation, envs
from jaxmem.ablation import Ablation, Cell
from jaxmem.cli.arguments import Parser, count, set_fields, split_name
from jaxmem.cli.cells import train_cells
from jaxmem.cli.configure import check_id
from jaxmem.config import ConfigError
from jaxmem.experiment import Choice
from jaxmem.sweep.folder import SweepFolder
from jaxmem.sweep.pictures import draw_solved, draw_training
from jaxmem.sweep.results import Results
from jaxmem.training.loop import Program
from jaxmem.training.options import RunConfig
from jaxmem.training.progress import Display


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem ablation --help`."""
    name = arguments[0] if arguments and not arguments[0].startswith("-") else None
    chosen = None if name is None else ablation.find(name)
    parser = _parser(chosen)
    _, rest, asks_help = split_name(parser, arguments)
    if asks_help:
        return 0
    if chosen is None:
        raise ConfigError(f"no ablation given: known are {', '.join(ablation.shipped())}")
    options, fields = parser.parse_known_args(rest)
    levels = {factor.name: getattr(options, factor.name) for factor in chosen.factors}
    cells = chosen.cells(levels, options.one_factor)
    folder = SweepFolder(options.runs / "ablations" / (chosen.name if options.id is None else check_id(options.id)))
    results = Results(folder, chosen)
    if options.plot:
        if fields:
            raise ConfigError(f"--plot trains nothing: {fields[0]!r} cannot be given beside it")
        _draw(results, cells)
        return 0
    made = [_configure(chosen, cell, options, fields) for cell in cells]
    choices, steps = [choice for choice, _ in made], [most for _, most in made]
    asked = {"ablation": [chosen.name]}
    command = ["ablation", *arguments]
    failed = train_cells(folder, asked, choices, steps, lambda _: results.write(), command, grows=True)
    if failed is None:
        return 130
    Display(0).say(folder.table_markdown.read_text(encoding="utf-8").rstrip())
    if failed < len(choices):
        _draw(results, cells)
    return int(failed > 0)


def _parser(chosen: Ablation | None) -> Parser:
    parser = Parser("ablation", "Train a recipe beside what it is without each of its parts.")
    parser.usage = f"jaxmem ablation {'NAME' if chosen is None else chosen.name} [options] [fields]"
    parser.epilog = (
        "The same command goes on where it was stopped. Cells of one ablation are in one folder: what another command "
        "has trained there is not trained again, and is in its tables. Any field of the cells' configuration is set by "
        "its dotted name, as in --core.width 32."
    )
    for factor in () if chosen is None else chosen.factors:
        said = f"among {' '.join(factor.levels)} (default: all)"
        parser.add_argument(factor.option, dest=factor.name, nargs="+", action="extend", metavar="LEVEL", help=said)
    parser.add_argument("--one-factor", action="store_true", help="vary one factor at a time, tasks not counted")
    most, seeds = ("", "") if chosen is None else (f" (default: {chosen.steps:,})", f" (default: {chosen.seeds})")
    parser.add_argument("--steps", type=count, metavar="N", help=f"the most environment steps of a seed{most}")
    parser.add_argument("--seeds", type=count, metavar="N", help=f"of each cell, side by side in one program{seeds}")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where folders are made (default: runs)")
    parser.add_argument("--id", help="name of the folder in RUNS/ablations (default: the ablation's name)")
    parser.add_argument("--plot", action="store_true", help="draw what is finished, of these cells, and train nothing")
    return parser


def _configure(chosen: Ablation, cell: Cell, options: argparse.Namespace, fields: list[str]) -> tuple[Choice, int]:
    """A cell's configuration, refused here if it is wrong, and the most environment steps of a seed."""
    choice = chosen.choice(cell)
    config = choice.config if options.seeds is None else replace(choice.config, seeds=options.seeds)

    def changed(config: RunConfig) -> RunConfig:
        return set_fields(config, fields, f"jaxmem ablation {chosen.name}") if fields else config

    horizon = envs.horizon(*changed(config).env.make())
    steps = chosen.steps if options.steps is None else options.steps
    episodes = max(1, steps // changed(config).loop.steps_each(horizon))
    config = changed(replace(config, loop=replace(config.loop, episodes=episodes)))
    try:
        Program(config)
    except ConfigError as error:
        raise ConfigError(f"{choice.cell}: {error}") from error
    return replace(choice, config=config), config.most_steps(horizon)


def _draw(results: Results, cells: list[Cell]) -> None:
    seeds, curves = results.read()
    wanted: Any = [tuple(cell.values()) for cell in cells]
    names = [factor.name for factor in results.ablation.factors]
    seeds, curves = ([r for r in records if tuple(r[name] for name in names) in wanted] for records in (seeds, curves))
    if not seeds:
        raise ConfigError(f"none of these cells in {results.folder.path} is finished yet")
    files = [results.seeds_csv, results.curves_csv, results.folder.table_markdown]
    for draw, records, name in ((draw_training, curves, "training.png"), (draw_solved, seeds, "solved.png")):
        files.append(results.folder.path / name)
        for note in draw(results.ablation, records, files[-1]):
            Display(0).say(f"note: {note}")
    Display(0).say("\n".join(map(str, files)))
