"""What `jaxmem look` left in a run's folder: pictures, and tables of what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxmem.analysis.page.document import Html, element, note, table
from jaxmem.analysis.page.pictures import DamagedPicture, Picture
from jaxmem.analysis.tables import figure
from jaxmem.config import ConfigError
from jaxmem.training.folder import read_json

FOLDER, RECORD = "look", "look.json"

_FIRST = ("attention.png", "attention.gif", "saliency.png")
_PICTURES = {
    "attention.png": "Attention and saliency, laid over frames of an episode",
    "attention.gif": "Attention, step by step, where an episode begins; of many maps, those with the highest peaks",
    "saliency.png": "Saliency: where blurring a frame changes policy and value",
}
_TABLES = {
    "agreement": "Attention beside saliency: the null is other frames' saliency; low and high bound the difference, "
    "and untrained, if it was asked for, is that before training",
    "objects": "Attention on objects: the null is where they are in other frames; area is their share of the cells; "
    "low and high bound the lift, which is mass over null, and untrained is the lift before training",
    "causal": "What policy (divergence) and value do when a tenth of the mean map's whole cells is taken away; other "
    "frame is the most attended tenth of another one, and shared the part of it that is most attended in this one, too",
    "junction": "Share of the last decision's attention on the cue, by layer; uniform is what any step would get",
}
_OF_PICTURES = ("agreement", "objects", "causal")
_HOW = (
    "Low and high are 95 % bootstrap intervals over episodes; p is from frames in random order, and does not know that "
    "frames that follow each other are alike."
)


@dataclass(frozen=True)
class Look:
    """One run's folder `look/`.

    Attributes:
        facts: what `look.json` says besides tables, by name.
        tables: its tables, by name: rows by column.
        pictures: those that can be shown.
        damaged: a line about each that cannot.
    """

    facts: Mapping[str, Any]
    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    pictures: Sequence[Picture]
    damaged: Sequence[str]

    @staticmethod
    def read(run: Path) -> "Look | None":
        """What is in the folder of a run; None where there is nothing. Raises `ConfigError` for a damaged record."""
        folder = run / FOLDER
        if not folder.is_dir():
            return None
        record = _read_record(folder / RECORD) if (folder / RECORD).exists() else {}
        pictures, damaged = [], []
        for path in sorted(folder.iterdir(), key=_order):
            if path.suffix.lower() in (".png", ".gif"):
                try:
                    pictures.append(Picture.read(path))
                except DamagedPicture as error:
                    damaged.append(f"left out: {path}, which is damaged: {error}")
        tables = {name: value for name, value in record.items() if isinstance(value, list)}
        facts = {name: value for name, value in record.items() if name not in tables}
        return Look(facts, tables, pictures, damaged)

    def html(self, name: str) -> Html:
        """Pictures and tables of the run that is called `name`."""
        parts = []
        if self.facts:
            parts.append(note(", ".join(f"{key} {_cell(value)}" for key, value in self.facts.items())))
        shown = []
        for picture in self.pictures:
            what = _PICTURES.get(picture.name, picture.name)
            shown.append(picture.figure(f"{what}, run {name}", what))
        parts += [element("div", *shown, class_="pictures")] if shown else []
        parts += [note(line) for line in self.damaged]
        for key in sorted(self.tables, key=_table_order):
            if self.tables[key]:
                parts.append(_table(_TABLES.get(key, key), self.tables[key]))
        if any(self.tables.values()):
            parts.append(note(_HOW))
        missing = [key for key in _OF_PICTURES if not self.tables.get(key)]
        if missing and not self.tables.get("junction"):
            parts.append(note(f"Not measured: {', '.join(missing)}."))
        return element("div", *parts)


def section(looks: Mapping[str, Look | None]) -> list[Html]:
    """All runs' pictures and tables, by the runs' names, and a line on those that have none."""
    parts = []
    for name, look in looks.items():
        if look is not None:
            parts += [element("h3", name), look.html(name)]
    none = [name for name, look in looks.items() if look is None]
    if none:
        whose = "" if len(looks) == 1 else f": {', '.join(none)}"
        parts.append(note(f"Not looked at yet{whose}. `jaxmem look FOLDER` does, at pictures and in T-Mazes."))
    return parts


def _read_record(path: Path) -> dict[str, Any]:
    record = read_json(path)
    if not isinstance(record, dict):
        raise ConfigError(f"{path} is damaged: it is not the record of `jaxmem look`")
    for name, rows in record.items():
        if isinstance(rows, list) and not all(isinstance(row, dict) and _is_flat(row) for row in rows):
            raise ConfigError(f"{path} is damaged: {name} is no table")
        if isinstance(rows, dict):
            raise ConfigError(f"{path} is damaged: {name} is neither a value nor a table")
    return record


def _is_flat(row: dict[str, Any]) -> bool:
    return not any(isinstance(value, dict | list) for value in row.values())


def _table(caption: str, rows: Sequence[Mapping[str, Any]]) -> Html:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    names = [name.replace("_", " ") for name in columns]
    return table(caption, names, [[_cell(row.get(name)) for name in columns] for row in rows])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return figure(value) if isinstance(value, float) else str(value)


def _order(path: Path) -> tuple[int, str]:
    return (_FIRST.index(path.name) if path.name in _FIRST else len(_FIRST), path.name)


def _table_order(name: str) -> int:
    known = list(_TABLES)
    return known.index(name) if name in known else len(known)
