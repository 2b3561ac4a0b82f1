"""`jaxmem run`: train an experiment, or resume a run."""

import argparse
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from jaxmem import experiment, study
from jaxmem.cli.arguments import Parser, add_file_option, load_file, split_name
from jaxmem.cli.configure import FIELDS, add_choices, check_id, configure, draw_run, prepare_process, warn_of_discount
from jaxmem.config import ConfigError, lookup
from jaxmem.offline.study_folder import StudyFolder
from jaxmem.training.folder import Row, RunFolder
from jaxmem.training.progress import Display, duration
from jaxmem.training.train import Interrupted, resume, start

_WHERE = "`jaxmem list` and `jaxmem list studies` show them all"


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem run --help`."""
    parser = _parser()
    name, rest, asks_help = split_name(parser, arguments)
    if asks_help and name is None:
        return 0
    if name is not None and study.is_study(name):
        from jaxmem.cli import study as cli_study

        return cli_study.start(name, rest, asks_help)
    options, fields = parser.parse_known_args(rest)
    if options.resume is None:
        if name is None:
            raise ConfigError(f"no experiment given: {_WHERE}")
        if experiment.file_and_name(name) is None:
            lookup(experiment.shipped() | study.shipped(), name, "experiment or study", _WHERE)
        return _start(name, options, fields + ["--help"] * asks_help)
    beside = [
        item for item in (name, options.preset, options.core, options.agent, options.id, *fields) if item is not None
    ]
    if beside:
        raise ConfigError(f"--resume goes on with the run as it is: {beside[0]!r} cannot be given beside it")
    if StudyFolder.is_study(options.resume):
        if options.checkpoint != "latest":
            raise ConfigError(
                f"--checkpoint is {options.checkpoint!r}: a study goes on at the last checkpoint of each model; "
                "to go back, remove the later ones' folders in MODEL/checkpoints"
            )
        from jaxmem.cli import study as cli_study

        return cli_study.resume(options.resume, options.file)
    load_file(options.file)
    return _resume(options.resume, options.checkpoint)


def _parser() -> Parser:
    parser = Parser("run", "Train an experiment or the models of a study, or go on with what was stopped.")
    parser.usage = "jaxmem run EXPERIMENT|STUDY [options] [fields] | jaxmem run --resume FOLDER [--checkpoint N]"
    parser.epilog = f"{FIELDS} Studies have options of their own: `jaxmem run STUDY --help`."
    add_choices(parser, several=False)
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
    choice, _ = configure(chosen, options.preset, options.core, options.agent, fields, f"jaxmem run {name}")
    run_id = options.id
    if run_id is None:
        chose = [choice.preset, choice.config.core.name, *([] if options.agent is None else [options.agent])]
        run_id = "-".join([time.strftime("%Y%m%d-%H%M%S"), *chose])
    path = options.runs / choice.experiment / check_id(run_id)
    folder = RunFolder.create(path, choice.experiment, choice.preset, choice.config)
    warn_of_discount(choice.config)
    display = Display(choice.config.loop.iterations)
    display.say(f"{choice} -> {folder.path}")
    try:
        return _train(folder, lambda: start(choice.config, folder, display))
    except ConfigError:
        # Refused before anything was computed: nobody wants to find a run there.
        if not folder.metrics_file.exists():
            shutil.rmtree(folder.path)
        raise


def _resume(path: Path, checkpoint: str) -> int:
    folder = RunFolder.open(path)
    display = Display(folder.read_config().loop.iterations)
    display.say(f"resuming {folder.path}")
    return _train(folder, lambda: resume(folder, display, checkpoint))


def _train(folder: RunFolder, train: Callable[[], list[Row]]) -> int:
    prepare_process()
    try:
        with folder.locked():
            rows = train()
    except Interrupted:
        print(f"stopped and saved; go on with: jaxmem run --resume {folder.path}")
        draw_run(folder)
        return 130
    draw_run(folder)
    last = rows[-1 - rows[-1]["seed"] :]
    returns = ", ".join(f"{row['eval/return']:.3f}" for row in last)
    print(f"done in {duration(last[-1]['wall_s'])}: greedy return {returns}")
    print(f"run folder: {folder.path}")
    for path in (folder.config_file, folder.metrics_file, folder.checkpoints, folder.curve):
        print(f"  {path}")
    return 0
