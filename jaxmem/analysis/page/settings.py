"""What the runs were configured to be, where they differ, and how to repeat them."""

from collections.abc import Sequence
from typing import Any

from jaxmem.analysis.page.document import Html, element, join, note, table
from jaxmem.analysis.page.runs import PageRun
from jaxmem.analysis.page.scores import anchor


def section(runs: Sequence[PageRun]) -> list[Html]:
    """The fields in which runs differ, and below them each run's command and whole configuration, folded."""
    differ = differing(runs)
    parts = []
    if differ:
        rows = [[name, *(_cell(run, name) for run in runs)] for name in differ]
        parts.append(table("Fields in which the runs differ", ["field", *(run.name for run in runs)], rows))
    elif len(runs) > 1:
        parts.append(note("All runs have the same configuration."))
    return parts + [_details(run, anchor(runs, run), differ) for run in runs]


def differing(runs: Sequence[PageRun]) -> list[str]:
    """Dotted names of the fields that not all runs have alike, in the order of configurations."""
    names = list(dict.fromkeys(name for run in runs for name in run.data.config))
    groups = list(dict.fromkeys(map(_group, names)))
    # One core has fields that another one lacks: they belong to the others of the core.
    names.sort(key=lambda name: groups.index(_group(name)))
    return [name for name in names if any(_cell(run, name) != _cell(runs[0], name) for run in runs)]


def _details(run: PageRun, name: str, differ: Sequence[str]) -> Html:
    summary = element("summary", run.name)
    where = (
        f"Folder {run.folder.path}, experiment {run.data.experiment}, preset {run.data.preset}, jaxmem {run.version}"
    )
    if run.command is None:
        repeat = note("No command repeats it: its experiment is not known here; `--file` names a file that defines it.")
    else:
        repeat = join([note("The command that repeats it:"), element("pre", element("code", run.command))])
    rows = [
        [field, element("mark", _cell(run, field)) if field in differ else _cell(run, field)]
        for field in run.data.config
    ]
    fields = element("div", table(f"Configuration of {run.name}", ["field", "value"], rows), class_="fields")
    # Links to what is inside of it open it.
    return element("details", summary, element("div", note(where), repeat, fields, id=name))


def _group(field: str) -> str:
    return field.partition(".")[0]


def _cell(run: PageRun, name: str) -> str:
    return _words(run.data.config[name]) if name in run.data.config else "—"


def _words(value: Any) -> str:
    """A field's value as the command line spells it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(_words, value)) or "none"
    return "none" if value is None else str(value)
