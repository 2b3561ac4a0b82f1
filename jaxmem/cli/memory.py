"""`jaxmem memory`: what the memory of a model of a study holds, as a figure and tables."""

from pathlib import Path

import jax

from jaxmem.cli.arguments import Parser, count, natural
from jaxmem.cli.configure import prepare_process
from jaxmem.cli.study import DATASETS, runs_of
from jaxmem.config import ConfigError
from jaxmem.offline.memory_report import memory_report, write_report
from jaxmem.offline.options import OfflineConfig
from jaxmem.offline.program import OfflineProgram
from jaxmem.offline.recall import Recaller
from jaxmem.offline.study import dataset_of
from jaxmem.offline.study_folder import StudyFolder
from jaxmem.offline.train import load, program_of
from jaxmem.training.folder import RunFolder


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem memory --help`."""
    parser = Parser(
        "memory",
        "Read the cue from a recurrent memory, segment by segment, and exchange the memory before the decision.",
    )
    parser.add_argument("model", type=Path, metavar="FOLDER", help="the folder of a model in that of a study")
    parser.add_argument(
        "--steps", type=count, nargs="+", help="lengths of episodes (default: the longest of training, and 480)"
    )
    parser.add_argument("--episodes", type=count, default=200, help="episodes of each seed and length (default: 200)")
    parser.add_argument("--seed", type=natural, default=0, help="randomness of the episodes (default: 0)")
    options = parser.parse_args(arguments)
    folder = RunFolder.open(options.model)
    study_path = options.model.resolve().parent
    if not StudyFolder.is_study(study_path):
        raise ConfigError(f"{options.model} is in no study's folder: allowed is RUNS/STUDY/ID/MODEL")
    config = OfflineConfig.from_json(folder.read_record()["config"])
    prepare_process()
    # Refuse before anything is collected or played, for which it does not matter what return is asked for.
    unasked = OfflineProgram(config, 0.0)
    lengths = options.steps or sorted({unasked.task.horizon, 480})
    for steps in lengths:
        Recaller(unasked, steps, options.episodes)
    program = program_of(config, dataset_of(config, runs_of(study_path) / DATASETS, print))
    state = load(folder, program)
    reports = []
    for steps in lengths:
        print(f"episodes of {steps} steps")
        key = jax.random.fold_in(jax.random.key(options.seed), steps)
        reports.append(memory_report(program, state, steps, options.episodes, key, lambda line: print(f"  {line}")))
    try:
        files = write_report(reports, options.model, "memory")
    except OSError as error:
        raise ConfigError(f"{options.model} cannot be written: {error.strerror or error}") from error
    for path in files:
        print(f"  {path}")
    return 0
