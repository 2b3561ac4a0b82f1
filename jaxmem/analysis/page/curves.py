"""Learning curves as drawings inside of the page, in the colours of its text, with one legend for all."""

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from jaxmem.analysis.curves import COUNTERS, Curve, Panel, metric_title
from jaxmem.analysis.legends import line_style
from jaxmem.analysis.page.document import Html, element
from jaxmem.analysis.tables import figure

_SIZE = (4.8, 3.1)
# Stands for the page's own colour, which is another one in the dark.
_INK = "#010203"
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color"), _INK
    ),
}


def draw_rows(rows: Sequence[Sequence[Panel]]) -> list[Html]:
    """Panels, one row a task: a legend, and below it each task with its drawings."""
    labels = list(dict.fromkeys(curve.label for row in rows for panel in row for curve in panel.curves))
    parts: list[Html] = [_legend(labels)]
    for line, row in enumerate(rows):
        drawn = [_figure(panel, labels, f"{line}-{number}") for number, panel in enumerate(row)]
        parts += [element("h3", row[0].task)] if len(rows) > 1 and row else []
        parts.append(element("div", *drawn, class_="panels"))
    return parts


def _legend(labels: Sequence[str]) -> Html:
    items = [element("li", _swatch(line_style(number)), label) for number, label in enumerate(labels)]
    return element("ul", *items, class_="legend")


def _swatch(style: dict[str, Any]) -> Html:
    dashes = {"-": None, "--": "5 2", ":": "1.5 2", "-.": "5 2 1.5 2"}[style["linestyle"]]
    stroke = {"stroke": to_hex(style["color"]), "stroke_width": 3, "stroke_dasharray": dashes}
    line = element("line", x1=0, y1=6, x2=28, y2=6, **stroke)
    return element("svg", line, viewBox="0 0 28 12", aria_hidden="true")


def _figure(panel: Panel, labels: Sequence[str], name: str) -> Html:
    title = metric_title(panel.metric)
    ends = ", ".join(_end(curve) for curve in panel.curves)
    alt = f"{panel.task}: {title} over {COUNTERS['env_steps']}. At the end: {ends}."
    caption = element("figcaption", f"{title} over {COUNTERS['env_steps']}")
    return element("figure", caption, _drawing(panel, labels, name, alt), class_="curve")


def _end(curve: Curve) -> str:
    return f"{curve.label} {figure(float(curve.mean[-1])) or 'unknown'}"


def _drawing(panel: Panel, labels: Sequence[str], name: str, alt: str) -> Html:
    """An SVG element; `name` tells it from others on the page."""
    with matplotlib.rc_context({**_SETTINGS, "svg.hashsalt": name}):
        drawing = Figure(figsize=_SIZE, layout="constrained")
        drawing.patch.set_visible(False)
        axes = drawing.subplots()
        axes.patch.set_visible(False)
        for curve in panel.curves:
            style = line_style(labels.index(curve.label))
            axes.plot(curve.env_steps, curve.mean, **style)
            axes.fill_between(curve.env_steps, *curve.band(), color=style["color"], alpha=0.2, linewidth=0)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_major_formatter(EngFormatter())
        axes.grid(alpha=0.15)
        written = io.StringIO()
        drawing.savefig(written, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return Html(_inline(written.getvalue(), alt))


def _inline(svg: str, alt: str) -> str:
    """An SVG file's one element, with nothing in it that concerns the rest of the page."""
    svg = svg[svg.index("<svg") :]
    # A style for all elements, of which the page has its own; comments repeat the ticks.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([\w-]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", svg)
    box = re.search(r'viewBox="[^"]*"', svg)
    opened = str(element("svg", role="img", aria_label=alt)).removesuffix("></svg>")
    body = svg[svg.index(">") + 1 :].replace(_INK, "currentColor").strip()
    return f"{opened} {box[0] if box else ''}>{body}"
