"""Studies: several sequence models fitted to one dataset, beside each other; `jaxmem run NAME` looks them up too."""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jaxmem.config import ConfigError, lookup
from jaxmem.experiment import file_and_name, pick, run_file, shipped_files
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

    def __post_init__(self) -> None:
        for kind, names in (("name", (self.name,)), ("model", self.models)):
            for name in names:
                if not isinstance(name, str) or not re.fullmatch(r"[\w][\w-]*", name):
                    raise ConfigError(f"a study has the {kind} {name!r}: allowed are letters, digits, _ and -")
        if not isinstance(self.models, tuple) or not self.models or len(set(self.models)) < len(self.models):
            raise ConfigError(f"models of study {self.name} are {self.models!r}: allowed is a tuple of different names")
        if not self.presets:
            raise ConfigError(f"study {self.name} has no preset: allowed is at least one")

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
            config = make(model)
        except ConfigError:
            raise
        except Exception as error:
            raise ConfigError(f"preset {preset} of {self.name} fails: {reason(error)}") from error
        if not isinstance(config, OfflineConfig):
            given = type(config).__name__
            raise ConfigError(f"preset {preset} of {self.name} gives a {given}: allowed is an OfflineConfig")
        return config


def from_file(path: Path) -> dict[str, Study]:
    """The studies that a Python file defines, its list `STUDIES`, by name; none if it has no such list.

    Raises:
        ConfigError: if the file is missing or fails.
    """
    found = getattr(run_file(path), "STUDIES", [])
    if not isinstance(found, list) or not all(isinstance(item, Study) for item in found):
        raise ConfigError(f"STUDIES of {path} is no list of jaxmem.study.Study")
    named = {item.name: item for item in found}
    if len(named) < len(found):
        raise ConfigError(f"STUDIES of {path} has two studies of one name: allowed are different ones")
    return named


@functools.cache
def shipped() -> dict[str, Study]:
    """All shipped studies by name."""
    return {name: item for path in shipped_files() for name, item in from_file(path).items()}


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
