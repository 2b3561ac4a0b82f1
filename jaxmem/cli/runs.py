"""Runs that a command is given: those in folders and sweeps, and what their presets say."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxmem import agents, experiment
from jaxmem.analysis.groups import RunData
from jaxmem.config import ConfigError, flat
from jaxmem.experiment import Experiment
from jaxmem.sweep.folder import SweepFolder
from jaxmem.training.folder import RunFolder
from jaxmem.training.options import RunConfig


def read_runs(paths: Sequence[Path]) -> tuple[list[RunData], list[str]]:
    """The runs in these folders, each once, and notes on those that have nothing to draw yet."""
    runs: dict[Path, RunData] = {}
    notes = []
    for path in paths:
        sweep = SweepFolder(path)
        folders = sweep.runs() if sweep.is_sweep() else [RunFolder.open(path)]
        if not sweep.is_sweep():
            # A folder that holds no run at all is refused; in a sweep it is one that was not begun.
            folders[0].label()
        for folder in folders:
            if folder.metrics_file.is_file() and folder.read_metrics():
                runs[folder.path.resolve()] = RunData.read(folder)
            else:
                notes.append(f"not drawn: {folder.path}, which has no rows yet")
    if not runs:
        raise ConfigError(f"no run in {paths[0]} has rows yet")
    return list(runs.values()), notes


def known_experiments(file: Path | None) -> dict[str, tuple[str, Experiment]]:
    """Shipped experiments and those in `file`, by name, each with what `jaxmem run` calls it."""
    known = {name: (name, item) for name, item in experiment.shipped().items()}
    if file is not None:
        known |= {item.name: (f"{file}:{item.name}", item) for item in experiment.from_file(file)}
    return known


def preset_config(known: dict[str, tuple[str, Experiment]], run: RunData) -> RunConfig | None:
    """What the preset of a run says, with the run's core and agent; None if one of them is not known here."""
    try:
        config = known[run.experiment][1].config(run.preset, run.config["core.name"])
        return replace(config, agent=agents.exchange(config.agent, run.config["agent.name"]))
    except (KeyError, ConfigError):
        return None


def preset_fields(file: Path | None) -> Callable[[RunData], dict[str, Any]]:
    """What the preset of a run says, by dotted name; nothing if its experiment is neither shipped nor in `file`."""
    known = known_experiments(file)

    def fields(run: RunData) -> dict[str, Any]:
        config = preset_config(known, run)
        return {} if config is None else fields_of(config)

    return fields


def fields_of(config: RunConfig) -> dict[str, Any]:
    """A configuration's fields by dotted names, as they are read from a run's folder."""
    return flat(json.loads(json.dumps(config.to_json())))
