"""`jaxmem evaluate`: episodes with a trained run."""

from pathlib import Path

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from jaxmem.cli.arguments import Parser, add_file_option, count, load_file, natural
from jaxmem.training.evaluate import evaluate_run, load_run, take_seed
from jaxmem.training.folder import RunFolder


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem evaluate --help`."""
    parser = Parser("evaluate", "Play episodes with a trained run, greedily; nothing in the run changes.")
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--episodes", type=count, default=256, help="episodes for each seed (default: 256)")
    parser.add_argument("--checkpoint", default="latest", help="latest (default), previous or a number")
    parser.add_argument("--seed", type=natural, default=0, help="randomness of the episodes (default: 0)")
    parser.add_argument(
        "--explore", action="store_true", help="draw actions as at the end of training, instead of the best ones"
    )
    parser.add_argument("--only", type=int, metavar="SEED", help="just this seed of the run")
    add_file_option(parser)
    options = parser.parse_args(arguments)
    load_file(options.file)
    program, run, step = load_run(RunFolder.open(options.run), options.checkpoint)
    seeds = list(range(program.config.seeds))
    if options.only is not None:
        program, run = take_seed(program, run, options.only)
        seeds = [options.only]
    mode = "explore" if options.explore else "greedy"
    results = evaluate_run(program, run, options.episodes, jax.random.key(options.seed), seeds, mode)
    # What the environment does not report is nan.
    results = {name: values for name, values in results.items() if not np.isnan(values).all()}
    kind = "exploring" if options.explore else "greedy"
    table = Table(title=f"{options.run}, checkpoint {step}: {options.episodes} {kind} episodes a seed")
    for column in ("seed", *results):
        table.add_column(column, justify="right")
    for row, seed in enumerate(seeds):
        table.add_row(str(seed), *(f"{values[row]:.4g}" for values in results.values()))
    Console(soft_wrap=True).print(table)
    return 0
