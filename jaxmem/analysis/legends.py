"""How lines of pictures are told apart: their styles, and legends beside or below panels."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure


def fits_inside(labels: Sequence[str]) -> bool:
    """Whether a legend leaves most of a panel free."""
    return len(labels) <= 6 and max(map(len, labels)) <= 30


def legend_below(figure: Figure, labels: Sequence[str]) -> None:
    """One legend for all panels, below them, in as many columns as there is room for."""
    handles = {h.get_label(): h for axes in figure.axes for h in axes.get_legend_handles_labels()[0]}
    columns = _legend_columns(labels, figure.get_figwidth())
    figure.legend(
        handles=[handles[label] for label in labels], loc="outside lower center", ncols=columns, fontsize="small"
    )


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """Columns of a legend in a figure that is `width` inches wide; a letter takes about a twelfth of an inch."""
    return max(1, min(len(labels), int(width / (0.6 + max(map(len, labels)) / 12))))


def legend_height(labels: Sequence[str], width: float) -> float:
    """Inches that `legend_below` takes."""
    return 0.2 * -(-len(labels) // _legend_columns(labels, width))


def line_style(number: int) -> dict[str, Any]:
    """How the line of this number is told from the others: ten colours, then the same in other dashes."""
    return {"color": f"C{number % 10}", "linestyle": ["-", "--", ":", "-."][number // 10 % 4]}
