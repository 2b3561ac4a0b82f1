"""Named experiments: what `jaxmem run NAME` looks up, in the shipped folder or a user's own file."""

import functools
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import jaxmem
from jaxmem.config import ConfigError, lookup
from jaxmem.failures import reason
from jaxmem.training.options import RunConfig

T = TypeVar("T")


@dataclass(frozen=True)
class Experiment:
    """A name for configurations.

    Attributes:
        name: what the command line calls it.
        description: one line for `jaxmem list`.
        presets: functions from a core's name to the configuration, by preset; the first one is the default.
        difference: one line on how the default preset differs from `paper`.
        cores: names of the cores it is made for; the first one is the default. Others are allowed.
    """

    name: str
    description: str
    presets: Mapping[str, Callable[[str], RunConfig]]
    difference: str = ""
    cores: tuple[str, ...] = ("gpt", "lstm", "gru")

    @property
    def default_preset(self) -> str:
        """The preset that is taken if none is named."""
        return next(iter(self.presets))

    def preset_with(self, agent: str) -> str:
        """The first preset whose algorithm this is; the default one if there is none."""
        fitting = [name for name in self.presets if self.config(name).agent.name == agent]
        return fitting[0] if fitting else self.default_preset

    def config(self, preset: str | None = None, core: str | None = None) -> RunConfig:
        """The configuration of a preset with a core; raises `ConfigError` for unknown names."""
        preset = self.default_preset if preset is None else preset
        make = lookup(self.presets, preset, f"preset of {self.name}")
        try:
            config = make(self.cores[0] if core is None else core)
        except ConfigError:
            raise
        except Exception as error:
            raise ConfigError(f"preset {preset} of {self.name} fails: {reason(error)}") from error
        if not isinstance(config, RunConfig):
            raise ConfigError(f"preset {preset} of {self.name} gives a {type(config).__name__}: allowed is a RunConfig")
        return config


Experiments = dict[str, Experiment]

# Modules of files that were run, by path, time and size.
_run: dict[tuple[Path, int, int], ModuleType] = {}

# What else a file may define.
_OTHER_LISTS = ("ABLATIONS", "STUDIES")


@dataclass(frozen=True)
class Choice:
    """A configuration, and which experiment and preset it started from.

    Attributes:
        experiment: the experiment's name.
        preset: the preset's.
        config: the configuration, whose fields may be others than the preset's.
        cell: what it is called among configurations that differ in such fields; empty where names tell them apart.
    """

    experiment: str
    preset: str
    config: RunConfig
    cell: str = ""

    def __str__(self) -> str:
        core, agent = self.config.core.name, self.config.agent.name
        words = f"{self.experiment} (preset {self.preset}, core {core}, agent {agent})"
        return f"{self.cell}, {words}" if self.cell else words


def shipped_folder() -> Path:
    """Where the shipped experiments are: inside an installed package, or at the top of a clone."""
    package = Path(jaxmem.__file__).parent
    inside = package / "experiments"
    return inside if inside.is_dir() else package.parent / "experiments"


def shipped_files() -> list[Path]:
    """The files of all that is shipped."""
    return sorted(shipped_folder().glob("[!_]*.py"))


def shipped() -> Experiments:
    """All shipped experiments by name, numbers in names counting as numbers."""
    found = [item for path in shipped_files() for item in from_file(path)]
    return {item.name: item for item in sorted(found, key=lambda item: _natural(item.name))}


def from_file(path: Path) -> list[Experiment]:
    """The experiments that a Python file defines: its list `EXPERIMENTS`; none if it defines other things instead.

    Raises:
        ConfigError: if the file is missing, fails, or defines nothing.
    """
    module = run_file(path)
    experiments = getattr(module, "EXPERIMENTS", None)
    if experiments is None and any(hasattr(module, other) for other in _OTHER_LISTS):
        return []
    if not isinstance(experiments, list) or not all(isinstance(e, Experiment) for e in experiments):
        raise ConfigError(f"experiment file {path} has no list EXPERIMENTS of jaxmem.experiment.Experiment")
    return experiments


def run_file(path: Path) -> ModuleType:
    """What an experiment file defines; it is run once, unless it was changed, since it may register things.

    Raises:
        ConfigError: if it is missing or fails.
    """
    if not path.is_file():
        raise ConfigError(f"no experiment file at {path}")
    written = path.stat()
    version = (path.resolve(), written.st_mtime_ns, written.st_size)
    if version not in _run:
        _run[version] = _module(path)
    return _run[version]


def _module(path: Path) -> ModuleType:
    # Named by its whole path, so that two users' files of one name stay apart.
    name = f"jaxmem_experiment_{path.resolve()}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name while they are made.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ConfigError:
        raise
    except Exception as error:
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f", line {lines[-1]}," if lines else ""
        raise ConfigError(f"experiment file {path}{where} fails: {reason(error)}") from error
    return module


def find(name: str) -> Experiment:
    """The experiment called `name`; `file.py` (if it defines one) or `file.py:name` takes a user's own.

    Raises:
        ConfigError: if there is none.
    """
    return find_all([name])[0]


def find_all(names: Sequence[str], file: Path | None = None) -> list[Experiment]:
    """The experiments called `names`, each as `find` takes it.

    `file` is run before the others, for what it registers.

    Raises:
        ConfigError: if there is none under one of the names.
    """

    def load(path: Path) -> Experiments:
        return {item.name: item for item in from_file(path)}

    if file is not None:
        load(file)
    known = functools.cache(shipped)
    return [pick(name, known, load, "experiment", "`jaxmem list` shows them all") for name in names]


def pick(
    name: str, known: Callable[[], Mapping[str, T]], load: Callable[[Path], Mapping[str, T]], kind: str, hint: str = ""
) -> T:
    """What is called `name` among `known`, or `file.py` (if it has but one) or `file.py:name` in that file.

    Raises:
        ConfigError: if there is none.
    """
    file = file_and_name(name)
    if file is None:
        return lookup(known(), name, kind, hint)
    path, inner = file
    found = load(path)
    if not inner and len(found) == 1:
        return next(iter(found.values()))
    return lookup(found, inner, f"{kind} in {path}")


def file_and_name(name: str) -> tuple[Path, str] | None:
    """The file and what is named in it, of `file.py` (nothing) or `file.py:name`; None for a name alone."""
    file = re.fullmatch(r"(.*\.py)(?::(.*))?", name, re.DOTALL)
    return None if file is None else (Path(file[1]), file[2] or "")


def _natural(name: str) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
