"""`jaxmem list`: what there is to choose from."""

import dataclasses
import sys

from rich.console import Console
from rich.table import Table

from jaxmem import ablation, agents, cores, experiment, study
from jaxmem.cli.arguments import Parser
from jaxmem.config import Config, ConfigError, lookup
from jaxmem.envs import registered_envs, spec


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem list --help`."""
    parser = Parser("list", "Show what there is to choose from.")
    parser.add_argument("what", nargs="?", default="experiments", help=f"one of {', '.join(_TABLES)}")
    what = parser.parse_args(arguments).what
    table = lookup(_TABLES, what, "list")()
    # A pipe has no width of its own: nothing needs to be folded for it.
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    if what == "experiments":
        print("also: jaxmem list " + " | ".join(name for name in _TABLES if name != what))
    return 0


def _experiments() -> Table:
    table = Table(title="experiments: jaxmem run NAME [--preset PRESET] [--core CORE]")
    for column in ("name", "what it asks", "presets"):
        table.add_column(column, overflow="fold")
    same: dict[str, list[str]] = {}
    for item in experiment.shipped().values():
        table.add_row(item.name, item.description, ", ".join(item.presets))
        same.setdefault(item.difference, []).append(item.name)
    # Many experiments share a recipe: it is told once.
    notes = [f"{', '.join(names)}: best is {text}" for text, names in same.items()]
    table.caption = "\n\n".join(notes)
    table.caption_justify = "left"
    return table


def _environments() -> Table:
    table = Table(title="environments: jaxmem.envs.make(ID)")
    for column in ("id", "horizon", "memory length", "credit length", "source"):
        table.add_column(column, overflow="fold")
    for env_id in registered_envs:
        try:
            task = spec(env_id)
        except ConfigError as error:
            table.add_row(env_id, "", "", "", str(error))
            continue
        lengths = (task.horizon, task.memory_length, task.credit_length)
        table.add_row(task.id, *("" if n is None else str(n) for n in lengths), task.source)
    return table


def _ablations() -> Table:
    table = Table(title="ablations: jaxmem ablation NAME [--FACTORs LEVEL ...]")
    for column in ("name", "what it asks", "factors and their levels"):
        table.add_column(column, overflow="fold")
    for item in ablation.shipped().values():
        factors = [f"{factor.option} {' '.join(factor.levels)}" for factor in item.factors]
        table.add_row(item.name, item.description, "\n".join(factors))
    return table


def _studies() -> Table:
    table = Table(title="studies: jaxmem run NAME [--preset PRESET] [--models MODEL ...]")
    for column in ("name", "what it asks", "models", "presets"):
        table.add_column(column, overflow="fold")
    notes: dict[str, list[str]] = {}
    for item in study.shipped().values():
        table.add_row(item.name, item.description, ", ".join(item.models), ", ".join(item.presets))
        notes.setdefault(item.difference, []).append(item.name)
    table.caption = "\n\n".join(f"{', '.join(names)}: best is {text}" for text, names in notes.items() if text)
    table.caption_justify = "left"
    return table


def _names(title: str, options: dict[str, Config]) -> Table:
    table = Table(title=title)
    for column in ("name", "what it is", "options"):
        table.add_column(column, overflow="fold")
    for name, chosen in options.items():
        fields = [field.name for field in dataclasses.fields(chosen) if field.name != "name"]
        table.add_row(name, (chosen.__doc__ or "").splitlines()[0], ", ".join(fields))
    return table


_TABLES = {
    "experiments": _experiments,
    "environments": _environments,
    "cores": lambda: _names("cores: --core NAME", {name: cores.options(name) for name in cores.registered_cores}),
    "agents": lambda: _names("agents: --agent NAME", {name: agents.options(name) for name in agents.registered_agents}),
    "ablations": _ablations,
    "studies": _studies,
}
