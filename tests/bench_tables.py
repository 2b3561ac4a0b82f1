"""What `jaxmem bench` has written, read back."""

import re


def tables(path):
    """The tables of a Markdown file by heading: rows of cells by column name."""
    found = {}
    for part in path.read_text(encoding="utf-8").split("## ")[1:]:
        lines = part.splitlines()
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
        found[lines[0]] = [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]
    return found


def numbers(rows, skip):
    """Every number in the rows but those of columns in `skip`."""
    cells = [cell for row in rows for column, cell in row.items() if column not in skip]
    return [float(text.replace(",", "")) for cell in cells for text in re.findall(r"[^\s()]+", cell) if text != "to"]
