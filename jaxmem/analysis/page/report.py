"""The page about runs, put together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jaxmem
from jaxmem.analysis import comparison
from jaxmem.analysis.groups import RunData, group_runs
from jaxmem.analysis.page import look, settings
from jaxmem.analysis.page.curves import draw_rows
from jaxmem.analysis.page.document import Html, element, join, note, page
from jaxmem.analysis.page.runs import PageRun
from jaxmem.analysis.page.scores import finals, overview

_MOST_NAMED = 3


def report(
    runs: Sequence[PageRun],
    written: str,
    notes: Sequence[str] = (),
    preset_fields: Callable[[RunData], Mapping[str, Any]] = lambda run: {},
) -> str:
    """A whole HTML page, with nothing outside of it.

    Args:
        runs: the runs, at least one.
        written: when, in words.
        notes: lines on what is not on the page.
        preset_fields: see `group_runs`.
    """
    groups = group_runs([run.data for run in runs], preset_fields)
    rows, left_out = comparison.panels_by_task(groups)
    lead = element("p", f"Written {written} by jaxmem {jaxmem.__version__}.", class_="lead")
    sections: list[tuple[str, str, Sequence[Html]]] = [
        ("overview", "Overview", [overview(runs), *map(note, notes)]),
        ("curves", "Learning curves", [*draw_rows(rows), *map(note, left_out)]),
        ("scores", "Final scores", [finals(rows), *map(note, comparison.notes_on(groups))]),
        ("look", "Where the agent looks", look.section({run.name: run.look for run in runs})),
        ("configuration", "Configuration", settings.section(runs)),
    ]
    return page(_title(runs), join([lead]), sections)


def _title(runs: Sequence[PageRun]) -> str:
    tasks = list(dict.fromkeys(run.data.experiment for run in runs))
    cores = list(dict.fromkeys(str(run.field("core.name")) for run in runs))
    named = ", ".join(tasks) if len(tasks) <= _MOST_NAMED else f"{len(tasks)} experiments"
    return f"{named}: {', '.join(cores) if len(cores) <= _MOST_NAMED else f'{len(cores)} cores'}"
