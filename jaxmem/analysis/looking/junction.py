"""How much of its temporal attention a transformer gives the cue when it decides at the junction of a T-Maze."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxmem.analysis.attention import Attention, attention_of
from jaxmem.analysis.looking.agreement import mean_of_frames
from jaxmem.analysis.looking.report import FOLDER, cells, write_record
from jaxmem.analysis.looking.rows import Row
from jaxmem.analysis.statistics import Interval
from jaxmem.analysis.tables import write_table
from jaxmem.envs.tmaze import TMaze
from jaxmem.training.loop import Program
from jaxmem.training.state import Run

_AT_ONCE = 8


class OnCue(NamedTuple):
    """Attention of one layer to the cue, over a group of episodes.

    Attributes:
        layer: from 1 on, the lowest first.
        group: "all", "correct" or "incorrect".
        episodes: how many these are.
        share: mean share of the weights of the last decision, averaged over heads, that is on steps with the cue.
        interval: its 95 % bootstrap interval over episodes.
        uniform: what attention would give these steps that is the same to all steps.
    """

    layer: int
    group: str
    episodes: int
    share: float
    interval: Interval
    uniform: float


def cue_seen(obs: np.ndarray, time_step: bool = False) -> np.ndarray:
    """Whether observations of a T-Maze, [..., D], show the cue: bool [...].

    Args:
        obs: the observations, with or without the position.
        time_step: whether the time is appended to them.
    """
    numbers = obs[..., :-1] if time_step else obs
    shown = numbers[..., -1] != 0
    # Without the position, the number has another meaning at the junction and behind it.
    return shown if numbers.shape[-1] == 3 else shown & (numbers[..., 0] == 0)


class Decisions(NamedTuple):
    """The last decisions of B episodes.

    Attributes:
        share: float [layers, B], share of the weights, averaged over heads, that is on steps with the cue.
        uniform: float [B], what attention would give these steps that is the same to all steps.
        correct: bool [B], whether the episode was solved.
    """

    share: np.ndarray
    uniform: np.ndarray
    correct: np.ndarray


def last_decisions(attention: Attention, time_step: bool = False) -> Decisions:
    """What the last decisions of episodes in a T-Maze attend to.

    Args:
        attention: of the episodes.
        time_step: whether the time is appended to its observations.
    """
    weights = attention.of_last_decision().mean(axis=1)
    time = weights.shape[-1]
    length = np.asarray(attention.episodes.length)
    seen = cue_seen(np.asarray(attention.episodes.obs)[:time], time_step).T & (np.arange(time) < length[:, None])
    return Decisions(
        np.sum(weights * seen, axis=-1), seen.sum(axis=1) / length, np.asarray(attention.outcome["success"]) > 0
    )


def on_cue(decisions: Decisions) -> list[OnCue]:
    """Attention of last decisions to the cue, by layer and by how the episodes ended.

    Episodes in which the cue was never seen are left out: there is nothing to attend to.
    """
    share, uniform, correct = decisions
    groups = {"all": np.ones_like(correct), "correct": correct, "incorrect": ~correct}
    found = []
    for layer, of_layer in enumerate(share, start=1):
        for group, members in groups.items():
            chosen = members & (uniform > 0)
            if chosen.any():
                mean, bounds = mean_of_frames(of_layer[chosen], np.arange(chosen.sum()))
                found.append(OnCue(layer, group, int(chosen.sum()), mean, bounds, float(uniform[chosen].mean())))
    return found


def has_junction(program: Program) -> bool:
    """Whether what a run plays is a T-Maze."""
    return isinstance(program.task.env, TMaze)


def look_at_cue(program: Program, run: Run, episodes: int, key: jax.Array, seed: int = 0) -> list[Row]:
    """Rows of a table: `on_cue` of greedy episodes that one seed of a run plays.

    Raises:
        ConfigError: if the core has no attention, or the run no such seed.
    """
    found = on_cue(_decisions(program, run, episodes, key, seed))
    return [
        {
            "layer": one.layer,
            "episodes": one.episodes,
            "group": one.group,
            "on the cue": one.share,
            "low": one.interval.low,
            "high": one.interval.high,
            "uniform": one.uniform,
        }
        for one in found
    ]


def _decisions(program: Program, run: Run, episodes: int, key: jax.Array, seed: int) -> Decisions:
    # A few at a time: the weights of whole episodes are squares of their length.
    parts = [
        last_decisions(attention_of(program, run, _AT_ONCE, part, seed), program.task.env.time_step)
        for part in jax.random.split(key, -(-episodes // _AT_ONCE))
    ]
    return Decisions(*(np.concatenate(part, axis=-1)[..., :episodes] for part in zip(*parts, strict=True)))


def write_junction(program: Program, checkpoint: int, rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write the table and `look.json` into the folder `look` of a run's folder; returns the files. Raises `OSError`."""
    out = folder / FOLDER
    out.mkdir(exist_ok=True)
    files = out / "junction.csv", out / "junction.md"
    write_table(*files, *cells(rows))
    facts = {"checkpoint": checkpoint, "core": program.config.core.name, "env": program.config.env.id}
    return [*files, write_record({**facts, "junction": list(rows)}, out)]
