"""`jaxmem run`: train an experiment, or resume a run."""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from jaxmem import agents, experiment
from jaxmem.analysis.curves import draw_curves
from jaxmem.cli.arguments import Parser, add_file_option, load_file, set_fields, split_name
from jaxmem.config import ConfigError
from jaxmem.training.folder import Row, RunFolder
from jaxmem.training.loop import Program
from jaxmem.training.progress import Display, duration
from jaxmem.training.train import Interrupted, resume, start

_FIELDS = """Any field of the configuration is set by its dotted name, as in --seeds 4 --env.length 20
--agent.discount 0.999; `jaxmem run EXPERIMENT --help` lists them."""


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem run --help`."""
    parser = _parser()
    name, rest, asks_help = split_name(parser, arguments)
    if asks_help and name is None:
        return 0
    options, fields = parser.parse_known_args(rest)
    if options.resume is None:
        if name is None:
            raise ConfigError("no experiment given: `jaxmem list` shows them all")
        return _start(name, options, fields + ["--help"] * asks_help)
    beside = [
        item for item in (name, options.preset, options.core, options.agent, options.id, *fields) if item is not None
    ]
    if beside:
        raise ConfigError(f"--resume goes on with the run as it is: {beside[0]!r} cannot be given beside it")
    load_file(options.file)
    return _resume(options.resume, options.checkpoint)


def _parser() -> Parser:
    parser = Parser("run", "Train an experiment, or resume a run.")
    parser.usage = "jaxmem run EXPERIMENT [options] [fields] | jaxmem run --resume FOLDER [--checkpoint N]"
    parser.epilog = _FIELDS
    parser.add_argument("--preset", help="which settings: best (the default) or paper, the published ones")
    parser.add_argument("--core", help="the memory core, one that `jaxmem list` shows")
    parser.add_argument(
        "--agent", help="another algorithm, one that `jaxmem list agents` shows; fields that both have are kept"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders are made (default: runs)")
    parser.add_argument("--id", help="name of the run's folder (default: time, preset and core)")
    parser.add_argument("--resume", type=Path, metavar="FOLDER", help="go on with the run in this folder")
    parser.add_argument(
        "--checkpoint",
        default="latest",
        metavar="N",
        help="where to go on: latest (default), previous or a number; later ones are dropped",
    )
    add_file_option(parser)
    return parser


def _start(name: str, options: argparse.Namespace, fields: list[str]) -> int:
    chosen = experiment.find(name)
    preset = chosen.default_preset if options.preset is None else options.preset
    config = chosen.config(preset, options.core)
    if options.agent is not None:
        config = replace(config, agent=agents.exchange(config.agent, options.agent))
    config = set_fields(config, fields, f"jaxmem run {name}")
    # Built once before anything is written: what does not fit together leaves no empty folder behind.
    Program(config)
    run_id = options.id
    if run_id is None:
        chose = [preset, config.core.name, *([] if options.agent is None else [options.agent])]
        run_id = "-".join([time.strftime("%Y%m%d-%H%M%S"), *chose])
    if not re.fullmatch(r"\w[\w.+=@-]*", run_id):
        raise ConfigError(f"--id is {run_id!r}: allowed are letters, digits and . _ + = @ -, a letter or digit first")
    folder = RunFolder.create(options.runs / chosen.name / run_id, chosen.name, preset, config)
    display = Display(config.loop.iterations)
    display.say(f"{chosen.name} (preset {preset}, core {config.core.name}, agent {config.agent.name}) -> {folder.path}")
    return _train(folder, lambda: start(config, folder, display))


def _resume(path: Path, checkpoint: str) -> int:
    folder = RunFolder.open(path)
    display = Display(folder.read_config().loop.iterations)
    display.say(f"resuming {folder.path}")
    return _train(folder, lambda: resume(folder, display, checkpoint))


def _train(folder: RunFolder, train: Callable[[], list[Row]]) -> int:
    _use_compilation_cache()
    sys.unraisablehook = _quiet_about_closed_loops
    try:
        with folder.locked():
            rows = train()
    except Interrupted:
        print(f"stopped and saved; go on with: jaxmem run --resume {folder.path}")
        _draw(folder)
        return 130
    _draw(folder)
    last = rows[-1 - rows[-1]["seed"] :]
    returns = ", ".join(f"{row['eval/return']:.3f}" for row in last)
    print(f"done in {duration(last[-1]['wall_s'])}: greedy return {returns}")
    print(f"run folder: {folder.path}")
    for path in (folder.config_file, folder.metrics_file, folder.checkpoints, folder.curve):
        print(f"  {path}")
    return 0


def _quiet_about_closed_loops(unraisable: Any) -> None:
    """After a save that the disk refused, Orbax's writers call back, many times, into loops that are closed."""
    if "Event loop is closed" not in str(unraisable.exc_value):
        sys.__unraisablehook__(unraisable)


def _draw(folder: RunFolder) -> None:
    try:
        draw_curves({folder.label(): folder.read_metrics()}, folder.curve)
    except OSError as error:
        print(f"warning: {folder.curve} not drawn: {error.strerror or error}", file=sys.stderr)


def _use_compilation_cache() -> None:
    """Keep compiled programs between runs, unless the user has said where or switched it off."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(home / "jaxmem"))
