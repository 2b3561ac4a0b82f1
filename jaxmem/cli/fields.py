"""Words of a command line that set fields, checked before they are parsed: the parser cannot say what was meant."""

import dataclasses
import itertools
import re
from typing import Any, get_origin

from jaxmem.config import Config, ConfigError, lookup


def check_fields(config: Config, arguments: list[str]) -> None:
    """Raise `ConfigError` for a flag that names no field, and for a value behind a flag that takes none."""
    known = _fields(config)
    for flag, following in itertools.pairwise([*arguments, "--"]):
        if not flag.startswith("--"):
            continue
        name = flag[2:].partition("=")[0].replace("-", "_")
        group, _, last = name.rpartition(".")
        if last.startswith("no_") and known.get(_dotted(group, last[3:])) is bool:
            name = _dotted(group, last[3:])
        elif name not in known:
            inside = {field: kind for field, kind in known.items() if field.startswith(f"{group}.")}
            lookup(inside or known, name, "field", "" if inside else "`--help` lists them all")
        if known[name] is bool and ("=" in flag or not following.startswith("--")):
            group, _, last = name.replace("_", "-").rpartition(".")
            allowed = f"--{_dotted(group, last)} and --{_dotted(group, f'no-{last}')}"
            raise ConfigError(f"{name} takes no value: allowed are {allowed}")


def spell_none(config: Config, arguments: list[str]) -> list[str]:
    """The words with Python's spelling of none, which tyro wants, but for fields of text, to which it is a word.

    Of lists, for which tyro wants nothing at all, none is the empty one.
    """
    known, spelt, kind = _fields(config), [], None
    for word in arguments:
        if word.startswith("--"):
            kind = known.get(word[2:].partition("=")[0].replace("-", "_"))
        if get_origin(kind) is tuple:
            if word == "none":
                continue
            word = word.removesuffix("=none")
        elif kind is not str:
            word = "None" if word == "none" else re.sub(r"=none$", "=None", word)
        spelt.append(word)
    return spelt


def _fields(config: Config, prefix: str = "") -> dict[str, Any]:
    """All fields by their dotted names, with their types."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), _dotted(prefix, field.name)
        found |= _fields(value, name) if isinstance(value, Config) else {name: field.type}
    return found


def _dotted(group: str, name: str) -> str:
    return f"{group}.{name}" if group else name
