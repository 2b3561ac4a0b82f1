"""The part of `jaxmem run` that is for studies: fit several sequence models to one dataset, and compare them."""

import contextlib
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

from jaxmem import study
from jaxmem.cli.arguments import Parser, set_fields
from jaxmem.cli.configure import FIELDS, check_id, prepare_process
from jaxmem.config import ConfigError
from jaxmem.experiment import file_and_name
from jaxmem.offline.options import OfflineConfig
from jaxmem.offline.results import write_results
from jaxmem.offline.study import StudyRun, check
from jaxmem.offline.study_folder import StudyFolder
from jaxmem.study import Study
from jaxmem.training.progress import Display, duration
from jaxmem.training.stop import Interrupted

DATASETS = "datasets"


def start(name: str, arguments: list[str], asks_help: bool) -> int:
    """Begin a study: what `jaxmem run NAME` does where the name is one's."""
    parser = _parser()
    if asks_help:
        parser.print_help()
    options, fields = parser.parse_known_args(arguments)
    for single in ("--core", "--agent"):
        if any(word.partition("=")[0] == single for word in fields):
            raise ConfigError(f"{single} is for single experiments: a study has --models")
    chosen = study.find(name)
    preset = chosen.default_preset if options.preset is None else options.preset
    models = list(dict.fromkeys(options.models or chosen.models))
    asked = [*fields, *["--help"] * asks_help]
    configs = {model: _configured(chosen, model, preset, asked) for model in models}
    for model, config in configs.items():
        with of_model(model):
            check(config)
    run_id = options.id or "-".join([time.strftime("%Y%m%d-%H%M%S"), preset])
    folder = StudyFolder.create(options.runs / chosen.name / check_id(run_id), chosen.name, preset, configs)
    print(f"{chosen.name} (preset {preset}): {', '.join(models)} -> {folder.path}")
    file = file_and_name(name)
    return _go(folder, chosen, configs, options.runs, None if file is None else file[0])


def resume(path: Path, file: Path | None = None) -> int:
    """Go on with a study; `file` is the one that it came from, if it is no shipped one."""
    folder = StudyFolder(path)
    record = folder.read_record()
    known = study.shipped() if file is None else study.from_file(file)
    print(f"resuming {path}")
    return _go(folder, known.get(record["study"]), folder.configs(), runs_of(path), file)


def runs_of(study_path: Path) -> Path:
    """Where all studies are, and datasets beside them, of a study's folder RUNS/STUDY/ID."""
    return study_path.resolve().parent.parent


def _parser() -> Parser:
    parser = Parser("run", "Fit several sequence models to one dataset, and compare them.")
    parser.usage = "jaxmem run STUDY [options] [fields] | jaxmem run --resume FOLDER"
    parser.epilog = FIELDS
    parser.add_argument("--preset", help="which settings: best (the default), paper, or others")
    parser.add_argument("--models", nargs="+", action="extend", help="which of its models (default: all)")
    parser.add_argument("--id", help="name of the study's folder (default: time and preset)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where folders are made (default: runs)")
    return parser


def _configured(chosen: Study, model: str, preset: str, fields: list[str]) -> OfflineConfig:
    with of_model(model):
        return set_fields(chosen.config(model, preset), fields, f"jaxmem run {chosen.name}")


@contextlib.contextmanager
def of_model(name: str) -> Iterator[None]:
    """Say of which model a `ConfigError` is."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"model {name}: {error}") from error


def _go(
    folder: StudyFolder, chosen: Study | None, configs: dict[str, OfflineConfig], runs: Path, file: Path | None
) -> int:
    prepare_process()
    began = time.perf_counter()
    published, source = ({}, "") if chosen is None else (chosen.published, chosen.source)
    say = Display(0).say
    run = StudyRun(folder, configs, runs / DATASETS, say)
    try:
        with folder.locked():
            run.go(lambda results: write_results(folder, results, published, source))
    except (Interrupted, KeyboardInterrupt):
        words = ["jaxmem", "run", "--resume", str(folder.path), *([] if file is None else ["--file", str(file)])]
        print(f"stopped and saved; go on with: {shlex.join(words)}")
        return 130
    print(f"done in {duration(time.perf_counter() - began)}")
    print(folder.table_markdown.read_text(encoding="utf-8"))
    for path in (folder.results_csv, folder.table_markdown, folder.picture):
        print(f"  {path}")
    return 0
