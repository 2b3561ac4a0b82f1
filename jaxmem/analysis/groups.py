"""Runs put together: what was the same but for the seeds, which task it was, and which algorithm."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jaxmem.analysis.curves import Curve, Rows, curve_of, join
from jaxmem.config import ConfigError, describe, flat
from jaxmem.training.folder import RunFolder
from jaxmem.training.train import finished_rows

# Fields in which runs of one group differ, and those that change nothing that is computed.
_SEEDS = ("seed", "seeds")
_NO_MATTER = ("loop.keep", "loop.checkpoint_every")


@dataclass(frozen=True)
class RunData:
    """A run as its folder tells it.

    Attributes:
        folder: where it is.
        experiment: the experiment's name.
        preset: name of the preset.
        config: fields by dotted name.
        rows: those of `metrics.csv`.
        finished: whether it has come to its end.
    """

    folder: RunFolder
    experiment: str
    preset: str
    config: dict[str, Any] = field(repr=False)
    rows: Rows = field(repr=False)
    finished: bool

    @staticmethod
    def read(folder: RunFolder) -> "RunData":
        """Read a folder; raises `ConfigError` if it holds no run or no rows yet."""
        label, record, rows = folder.label(), folder.read_record(), folder.read_metrics()
        if not rows:
            raise ConfigError(f"{label} ({folder.path}): its metrics have no rows yet")
        try:
            finished = finished_rows(folder) is not None
        except ConfigError:
            # What its last checkpoint says cannot be read; its rows can.
            finished = False
        config = flat(record["config"])
        return RunData(folder, record["experiment"], str(record.get("preset")), config, rows, finished)


@dataclass(frozen=True)
class Group:
    """Runs of one configuration with different seeds.

    Attributes:
        task: the experiment, and what was changed of its environment where that differs.
        algorithm: core, and preset, agent and other fields where those differ; what presets set for each task apart.
        family: the experiment without its length.
        length: see `length_of`.
        runs: the runs.
        apart: whether this is a single run, told from others of the same seed by its folder.
    """

    task: str
    algorithm: str
    family: str
    length: float | None
    runs: Sequence[RunData]
    apart: bool = False

    @property
    def seeds(self) -> int:
        """How many there are in all runs."""
        return sum(run.config.get("seeds", 1) for run in self.runs)

    @property
    def label(self) -> str:
        """Task and algorithm."""
        return f"{self.task} {self.algorithm}"


def length_of(run: RunData) -> tuple[str, float | None]:
    """A task's family and length: that of the field `env.length`, else the number that the experiment's name ends in.

    The family is the experiment's name without such a number; the length is None where there is neither.
    """
    name = re.fullmatch(r"(.*?)_?(\d+)", run.experiment)
    family, number = (name[1], float(name[2])) if name else (run.experiment, None)
    length = run.config.get("env.length", number)
    return family, length if length is None else float(length)


def group_runs(
    runs: Sequence[RunData], preset_fields: Callable[[RunData], Mapping[str, Any]] = lambda run: {}
) -> list[Group]:
    """Runs by task and algorithm, in order.

    An algorithm has one name on all tasks. Runs of one seed twice are no two samples: they stay apart, told by their
    folders.

    Args:
        runs: the runs.
        preset_fields: what a run's preset says, by dotted name; empty where that is not known. A field that every run
            has from its preset is not in the algorithms' names, even if presets set it for each task apart.
    """
    tasks = _labels(runs, [run.experiment for run in runs], lambda name: name.startswith("env."), [{}] * len(runs))
    shown = [("preset", lambda run: run.preset), ("core", lambda run: run.config["core.name"])]
    shown.append(("agent", lambda run: str(run.config.get("agent.name"))))
    # Every run has its core in its name, the others where they tell runs apart.
    told = [value for what, value in shown if what == "core" or len(set(map(value, runs))) > 1]
    names = [" ".join(value(run) for value in told) for run in runs]
    differ = _labels(runs, names, _makes_an_algorithm, list(map(preset_fields, runs)))
    found: dict[tuple[str, str], list[RunData]] = {}
    for run, task, algorithm in zip(runs, tasks, differ, strict=True):
        found.setdefault((task, algorithm), []).append(run)
    groups = []
    for (task, algorithm), members in found.items():
        if len({run.config.get("seed") for run in members}) == len(members):
            groups.append(_group(task, algorithm, members))
        else:
            groups += [_group(task, f"{algorithm} ({run.folder.path})", [run], apart=True) for run in members]
    return groups


def _group(task: str, algorithm: str, runs: Sequence[RunData], apart: bool = False) -> Group:
    family, length = length_of(runs[0])
    # What else was changed of the environment makes a family of its own.
    changed = re.sub(r" env\.length=\S+", "", task.removeprefix(runs[0].experiment))
    return Group(task, algorithm, family + changed, length, runs, apart)


def _makes_an_algorithm(field: str) -> bool:
    return not field.startswith("env.") and field not in (*_SEEDS, *_NO_MATTER)


def _labels(
    runs: Sequence[RunData], names: Sequence[str], counts: Callable[[str], bool], presets: Sequence[Mapping[str, Any]]
) -> list[str]:
    """A label for each run: its name, and the fields that count, differ among runs of it and are not all by preset."""
    labels = []
    for run, name in zip(runs, names, strict=True):
        alike = [(other, preset) for other, its, preset in zip(runs, names, presets, strict=True) if its == name]
        changed = {
            field
            for other, preset in alike
            for field, value in other.config.items()
            if field not in preset or preset[field] != value
        }
        differ = [field for field in _differing([other for other, _ in alike], counts) if field in changed]
        labels.append(" ".join([name, *(f"{field}={describe(run.config.get(field))}" for field in differ)]))
    return labels


def _differing(runs: Sequence[RunData], counts: Callable[[str], bool]) -> list[str]:
    """The fields that count and that runs do not agree in."""
    names = dict.fromkeys(name for run in runs for name in run.config if counts(name))
    return [name for name in names if any(run.config.get(name) != runs[0].config.get(name) for run in runs)]


def merged_fields(groups: Sequence[Group]) -> list[str]:
    """The fields in which runs of one algorithm differ: those that their presets set for each task apart."""
    algorithms = dict.fromkeys(group.algorithm for group in groups)
    together = [[run for group in groups if group.algorithm == name for run in group.runs] for name in algorithms]
    return list(dict.fromkeys(field for runs in together for field in _differing(runs, _makes_an_algorithm)))


@dataclass(frozen=True)
class Line:
    """What is drawn as one line: a group, or groups of one algorithm on several tasks.

    Attributes:
        label: what the legend calls it.
        groups: one a task.
    """

    label: str
    groups: Sequence[Group]

    def curve(self, metric: str) -> Curve:
        """A metric of all runs.

        Finished runs keep their last score where others of the line go on; it ends where the first unfinished one does.
        """
        tasks = [[curve_of(run.rows, metric, self.label) for run in group.runs] for group in self.groups]
        return join(tasks, self.label, self._until)

    @property
    def _until(self) -> float:
        runs = [run for group in self.groups for run in group.runs]
        ends = [float(curve_of(run.rows, "env_steps", self.label).env_steps[-1]) for run in runs]
        return min((end for run, end in zip(runs, ends, strict=True) if not run.finished), default=max(ends))
