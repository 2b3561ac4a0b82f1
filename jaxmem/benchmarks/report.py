"""Tables of figures, drawn on a terminal or written as Markdown from one representation."""

import math
from dataclasses import dataclass
from typing import TypeAlias

from rich import box, table

from jaxmem.benchmarks.timing import Spread

Cell: TypeAlias = str | int | float | Spread | None


@dataclass(frozen=True)
class Table:
    """Figures with their column names.

    Attributes:
        title: what was measured.
        columns: names with units.
        rows: one cell a column; None is left blank, a `Spread` is shown as `median (least to greatest)`.
        notes: sentences on how the figures came about.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    notes: tuple[str, ...] = ()

    def rich(self) -> table.Table:
        """The table for a terminal, notes below it."""
        drawn = table.Table(title=self.title, title_justify="left", box=box.SIMPLE_HEAD, caption="\n".join(self.notes))
        drawn.caption_justify = "left"
        for column, right in zip(self.columns, self._are_numbers(), strict=True):
            drawn.add_column(column, justify="right" if right else "left", overflow="fold")
        for row in self.rows:
            drawn.add_row(*map(show, row))
        return drawn

    def markdown(self) -> str:
        """The table under a heading of the second level, notes as a list."""
        rule = ["---:" if right else ":---" for right in self._are_numbers()]
        lines = [f"## {self.title}", ""]
        for cells in (self.columns, rule, *(map(_markdown_cell, row) for row in self.rows)):
            lines.append("| " + " | ".join(cells) + " |")
        if self.notes:
            lines += ["", *(f"* {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    def _are_numbers(self) -> list[bool]:
        return [
            any(isinstance(cell, int | float | Spread) for cell in column) for column in zip(*self.rows, strict=True)
        ]


def show(cell: Cell) -> str:
    """A cell as text."""
    if cell is None:
        return ""
    if isinstance(cell, Spread):
        return f"{show(cell.median)} ({show(cell.low)} to {show(cell.high)})"
    if isinstance(cell, float):
        return _number(cell)
    return f"{cell:,}" if isinstance(cell, int) else cell


def _number(value: float) -> str:
    """Three significant digits, and all digits before the point."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def _markdown_cell(cell: Cell) -> str:
    return show(cell).replace("|", "\\|")
