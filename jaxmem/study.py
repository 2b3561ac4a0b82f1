"""Studies: several sequence models fitted to one dataset, beside each other; `jaxmem run NAME` looks them up too."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jaxmem.config import ConfigError, lookup
from jaxmem.experiment import file_and_name, pick, run_file, shipped_folder
from jaxmem.failures import reason
from jaxmem.offline.options import OfflineConfig


@dataclass(frozen=True)
class Study:
    """A name for configurations of several models.

    Attributes:
        name: what the command line calls it.
        description: one line for `jaxmem list studies`.
        presets: functions from a model's name to its configuration, by preset; the first one is the default.
        models: names of the models, in the order of tables.
        difference: one line on how the default preset differs from `paper`.
        source: where the published figures come from.
        published: by model, published success (or return) by length in steps, as the publication writes it.
    """

    name: str
    description: str
    presets: Mapping[str, Callable[[str], OfflineConfig]]
    models: tuple[str, ...]
    difference: str = ""
    source: str = ""
    published: Mapping[str, Mapping[int, str]] = field(default_factory=dict)

    @property
    def default_preset(self) -> str:
        """The preset that is taken if none is named."""
        return next(iter(self.presets))

    def config(self, model: str, preset: str | None = None) -> OfflineConfig:
        """The configuration of a model in a preset; raises `ConfigError` for unknown names."""
        if model not in self.models:
            raise ConfigError(f"unknown model of {self.name} {model!r}: known are {', '.join(self.models)}")
        preset = self.default_preset if preset is None else preset
        make = lookup(self.presets, preset, f"preset of {self.name}")
        try:
            return make(model)
        except ConfigError:
            raise
        except Exception as error:
            raise ConfigError(f"preset {preset} of {self.name} fails: {reason(error)}") from error


def from_file(path: Path) -> dict[str, Study]:
    """The studies that a Python file defines, its list `STUDIES`, by name; none if it has no such list.

    Raises:
        ConfigError: if the file is missing or fails.
    """
    found: list[Study] = getattr(run_file(path), "STUDIES", [])
    return {item.name: item for item in found}


@functools.cache
def shipped() -> dict[str, Study]:
    """All shipped studies by name."""
    files = sorted(shipped_folder().glob("[!_]*.py"))
    return {name: item for path in files for name, item in from_file(path).items()}


def find(name: str) -> Study:
    """The study called `name`; `file.py` (if it defines one) or `file.py:name` takes a user's own.

    Raises:
        ConfigError: if there is none.
    """
    return pick(name, shipped, from_file, "study", "`jaxmem list studies` shows them all")


def is_study(name: str) -> bool:
    """Whether `find` takes a name that `jaxmem run` was given; a file that is not there has none."""
    file = file_and_name(name)
    if file is None:
        return name in shipped()
    path, inner = file
    if not path.is_file():
        return False
    found = from_file(path)
    return inner in found if inner else bool(found)
