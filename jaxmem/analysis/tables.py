"""Tables as files: CSV for programs, Markdown for people."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from jaxmem.training.folder import write_atomically


def write_table(csv_file: Path, markdown_file: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write one table as two files, each atomically; raises `OSError` where the disk does not take them."""
    write_csv(csv_file, columns, rows)
    cells = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    write_atomically(markdown_file, "".join("| " + " | ".join(row) + " |\n" for row in cells))


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table as CSV, atomically; raises `OSError` where the disk does not take it."""
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows([columns, *rows])
    write_atomically(path, lines.getvalue())


def figure(value: float) -> str:
    """A number in four digits; nan is left empty."""
    return "" if math.isnan(value) else f"{value:.4g}"


def whole(value: float) -> str:
    """A number rounded to a whole one, in all its digits; nan is left empty."""
    return "" if math.isnan(value) else f"{value:.0f}"
