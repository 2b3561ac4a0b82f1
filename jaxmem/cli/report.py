"""`jaxmem report`: one HTML page about runs."""

import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from jaxmem.analysis.groups import RunData
from jaxmem.analysis.page.report import report
from jaxmem.analysis.page.runs import page_runs
from jaxmem.cli.arguments import Parser, set_fields
from jaxmem.cli.runs import fields_of, known_experiments, preset_config, preset_fields, read_runs
from jaxmem.config import ConfigError
from jaxmem.experiment import Experiment
from jaxmem.training.folder import write_atomically

_EPILOG = """The page needs nothing beside itself: pictures are inside of it, and it can be sent as it is. What
`jaxmem look` found is on it if that was run before."""


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem report --help`."""
    parser = Parser("report", "Write one HTML page about runs: scores, curves, where agents look, configurations.")
    parser.epilog = _EPILOG
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs, or of sweeps for all runs in them")
    parser.add_argument("--out", type=Path, help="the page, .html (default: report.html in the first folder)")
    parser.add_argument(
        "--file", type=Path, metavar="FILE.py", help="the experiment file that runs came from, for what its presets set"
    )
    options = parser.parse_args(arguments)
    out = options.out
    if out is not None and (out.suffix != ".html" or not out.absolute().parent.is_dir() or out.is_dir()):
        raise ConfigError(f"--out is {str(out)!r}: allowed is a file that ends in .html, in a folder that exists")
    path = out or options.runs[0] / "report.html"
    runs, notes = read_runs(options.runs)
    known = known_experiments(options.file)
    shown = page_runs(runs, [repeat_command(run, known) for run in runs])
    for line in [*notes, *(line for run in shown if run.look for line in run.look.damaged)]:
        print(f"note: {line}", file=sys.stderr)
    written = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    content = report(shown, written, notes, preset_fields(options.file))
    try:
        write_atomically(path, content)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from error
    print(f"{path} ({_size(path.stat().st_size)})")
    return 0


def repeat_command(run: RunData, known: dict[str, tuple[str, Experiment]]) -> str | None:
    """The command that starts a run of the same configuration; None if its experiment is not known here."""
    preset = preset_config(known, run)
    if preset is None:
        return None
    name, _ = known[run.experiment]
    words = [name, "--preset", run.preset, "--core", run.config["core.name"], "--agent", run.config["agent.name"]]
    try:
        config = run.folder.read_config()
        set_to, before = fields_of(config), fields_of(preset)
        fields = [
            word for field in set_to if set_to[field] != before.get(field) for word in _words(field, set_to[field])
        ]
        if set_fields(preset, fields, "jaxmem run") != config:
            return None
    except ConfigError:
        return None
    return shlex.join(["jaxmem", "run", *words, *fields])


def _words(field: str, value: Any) -> list[str]:
    """The words that set a field, as `set_fields` takes them."""
    group, _, last = field.replace("_", "-").rpartition(".")
    before = f"--{group}." if group else "--"
    if isinstance(value, bool):
        return [f"{before}{'' if value else 'no-'}{last}"]
    if isinstance(value, list):
        return [before + last, *([str(item) for item in value] or ["none"])]
    return [before + last, "none" if value is None else str(value)]


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
