"""All of it about one run: numbers and pictures, and the files that hold them."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxmem.analysis.looking.agreement import STATISTICS, Agreement, agreement, mean_of_frames
from jaxmem.analysis.looking.causal import chosen_cells, effects
from jaxmem.analysis.looking.maps import MEAN, upsampled
from jaxmem.analysis.looking.objects import attention_on, object_masks
from jaxmem.analysis.looking.saliency import SaliencyOptions, saliency_of
from jaxmem.analysis.looking.strips import animation, attention_layers, saliency_layers, strip
from jaxmem.analysis.looking.watch import Moments, Watched, watch
from jaxmem.analysis.tables import figure, write_table
from jaxmem.config import Config, integer
from jaxmem.envs.pictures import save_animation, save_picture
from jaxmem.training.folder import write_atomically
from jaxmem.training.loop import Program
from jaxmem.training.state import Run

Row = dict[str, Any]
Progress = Callable[[int, int, str], None]
"""Called with what is done, of how much, and what is being done."""

FOLDER = "look"
_LONGEST_ANIMATION = 64
_FPS = 6


@dataclass(frozen=True)
class LookOptions(Config):
    """How much of a run is looked at."""

    path = "look"

    steps: int = integer(256, low=2)
    """steps that each row plays"""
    rows: int = integer(8, low=1)
    """rows, each with episodes of its own"""
    frames: int = integer(8, low=1)
    """frames side by side in pictures, from the longest episode"""
    compared: int = integer(256, low=2)
    """frames that numbers are about, drawn from all steps; saliency takes a second of a CPU for a large one"""
    only: int = integer(0, low=0)
    """which seed of the run"""
    seed: int = integer(0, low=0)
    """randomness of the episodes"""


@dataclass(frozen=True)
class Look:
    """Where an agent looks, as numbers and pictures.

    Attributes:
        checkpoint: iterations of training that the agent has seen.
        core: name of its core.
        env: id of its environment.
        frames: how many the numbers are about.
        episodes: how many these are from.
        agreement: rows of the table of maps beside saliency; none without maps, as for the next two.
        objects: rows of the table of attention on objects; none where no objects are known.
        causal: rows of the table of what taking cells away does.
        attention_picture: uint8 [., ., 3], or None without maps.
        saliency_picture: uint8 [., ., 3].
        animation: pictures, or None without maps.
    """

    checkpoint: int
    core: str
    env: str
    frames: int
    episodes: int
    agreement: list[Row]
    objects: list[Row]
    causal: list[Row]
    attention_picture: np.ndarray | None
    saliency_picture: np.ndarray
    animation: list[np.ndarray] | None

    @property
    def tables(self) -> dict[str, list[Row]]:
        """The tables that have rows, by name."""
        tables = {"agreement": self.agreement, "objects": self.objects, "causal": self.causal}
        return {name: rows for name, rows in tables.items() if rows}


def look(program: Program, run: Run, options: LookOptions, progress: Progress = lambda done, total, text: None) -> Look:
    """Watch an agent play, and compare where it looks with what matters to it.

    Args:
        program: the run's program.
        run: its state, which is only read.
        options: how much is looked at.
        progress: told how far it is.

    Raises:
        ConfigError: see `watch`.
    """
    watched = watch(program, run, options.steps, options.rows, jax.random.key(options.seed), options.only)
    rng = np.random.default_rng(options.seed)
    shown, compared = _shown(watched, options.frames), _compared(watched, options.compared, rng)
    step, row = (np.concatenate(both) for both in zip(shown, compared, strict=True))
    moments = watched.moments(step, row)
    height, width = watched.obs.shape[2:4]
    perturbation = SaliencyOptions.for_size(height, width)
    total = len(step) + (0 if watched.maps is None else len(compared[0]))
    actor, critic = saliency_of(
        watched.net,
        watched.params,
        moments,
        perturbation,
        lambda done: progress(done, total, f"frame {done} of {len(step)} perturbed"),
    )
    actor, critic = (_resized(scores, height, width) for scores in (actor, critic))
    first = len(shown[0])
    obs, titles = watched.obs[step, row], [f"step {number}" for number in shown[0] - shown[0][0]]
    salient = saliency_layers(actor[:first], critic[:first])
    episode = watched.episode[compared]
    found: dict[str, list[Row]] = {"agreement": [], "objects": [], "causal": []}
    pictures: dict[str, Any] = {"attention_picture": None, "animation": None}
    if watched.maps is not None:
        maps = np.asarray(upsampled(watched.maps[step, row], height, width))
        looked = attention_layers(maps[:first], watched.names)
        pictures["attention_picture"] = strip(obs[:first], [*looked, *salient], titles)
        pictures["animation"] = _animation(watched, (int(shown[0][0]), int(shown[1][0])))
        maps = maps[first:]
        mean = maps.mean(axis=1)
        named = {name: maps[:, index] for index, name in enumerate(watched.names)}
        named |= {MEAN: mean} if len(named) > 1 else {}
        beside = {"actor": actor[first:], "critic": critic[first:]}
        found["agreement"] = _agreement(named, beside, episode, options.seed)
        masks = object_masks(program.config.env.id, obs[first:])
        found["objects"] = _objects(named, masks, episode, options.seed)
        part = jax.tree.map(lambda leaf: leaf[first:], moments)
        found["causal"] = _causal(
            watched,
            part,
            chosen_cells(mean, rng),
            episode,
            perturbation.blur,
            lambda done: progress(len(step) + done, total, f"cells of frame {done} taken away"),
        )
    return Look(
        checkpoint=int(run.iterations[options.only]),
        core=program.config.core.name,
        env=program.config.env.id,
        frames=len(episode),
        episodes=len(np.unique(episode)),
        saliency_picture=strip(obs[:first], salient, titles),
        **found,
        **pictures,
    )


def write(look: Look, folder: Path) -> list[Path]:
    """Write pictures, tables and `look.json` into the folder `look` of a run's folder; returns the files.

    Raises:
        OSError: where the disk does not take them.
    """
    out = folder / FOLDER
    files = [save_picture(look.saliency_picture, out / "saliency.png")]
    if look.attention_picture is not None and look.animation is not None:
        files.append(save_picture(look.attention_picture, out / "attention.png"))
        files.append(save_animation(look.animation, out / "attention.gif", _FPS))
    for name, rows in look.tables.items():
        files += [out / f"{name}.csv", out / f"{name}.md"]
        write_table(files[-2], files[-1], *cells(rows))
    numbers = ("checkpoint", "core", "env", "frames", "episodes", "agreement", "objects", "causal")
    return [*files, write_record({name: getattr(look, name) for name in numbers}, out)]


def write_record(record: dict[str, Any], out: Path) -> Path:
    """Write `look.json` into the folder `look`, with null in place of what is not finite; returns the file."""
    path = out / "look.json"
    write_atomically(path, json.dumps(_without_nan(record), indent=2, allow_nan=False) + "\n")
    return path


def cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of a table, as text."""
    return list(rows[0]), [
        [figure(value) if isinstance(value, float) else str(value) for value in row.values()] for row in rows
    ]


def _shown(watched: Watched, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps and rows of evenly spaced frames of the longest episode, the first and the last among them."""
    longest = np.bincount(watched.episode[watched.mask]).argmax()
    # By rows: an episode is in one alone, in order there.
    row, step = np.nonzero((watched.mask & (watched.episode == longest)).T)
    index = np.unique(np.linspace(0, len(step) - 1, frames).round().astype(int))
    return step[index], row[index]


def _compared(watched: Watched, frames: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    step, row = np.nonzero(watched.mask)
    index = np.sort(rng.permutation(len(step))[:frames])
    return step[index], row[index]


def _resized(scores: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(jax.image.resize(scores, (len(scores), height, width), "linear"))


def _animation(watched: Watched, first: tuple[int, int]) -> list[np.ndarray]:
    """The episode that begins, or goes on, at a step of a row, up to a length that one can load."""
    assert watched.maps is not None
    step, row = first
    chosen = np.nonzero(watched.mask[:, row] & (watched.episode[:, row] == watched.episode[step, row]))[0]
    chosen = chosen[:_LONGEST_ANIMATION]
    obs = watched.obs[chosen, row]
    maps = np.asarray(upsampled(watched.maps[chosen, row], *obs.shape[1:3]))
    return animation(obs, attention_layers(maps, watched.names))


def _agreement(maps: dict[str, np.ndarray], scores: dict[str, np.ndarray], episode: np.ndarray, seed: int) -> list[Row]:
    return [
        {"map": name, "saliency": of, "statistic": statistic}
        | _beside(agreement(one, salient, episode, statistic, seed))
        for statistic in STATISTICS
        for of, salient in scores.items()
        for name, one in maps.items()
    ]


def _beside(found: Agreement) -> Row:
    low, high = found.difference_interval
    numbers = {"value": found.value, "null": found.null, "difference": found.difference, "low": low, "high": high}
    return numbers | {"p": found.p, "frames": found.frames, "episodes": found.episodes}


def _objects(maps: dict[str, np.ndarray], masks: dict[str, np.ndarray], episode: np.ndarray, seed: int) -> list[Row]:
    rows = []
    for name, one in maps.items():
        for thing, found in attention_on(one, masks, episode, seed).items():
            mass = found.mass
            low, high = mass.ratio_interval
            numbers = {"area": found.area, "mass": mass.value, "null": mass.null, "lift": mass.ratio}
            known = {"low": low, "high": high, "p": mass.p, "frames": mass.frames, "episodes": mass.episodes}
            rows.append({"map": name, "object": thing} | numbers | known)
    return rows


def _causal(
    watched: Watched,
    moments: Moments,
    taken: dict[str, np.ndarray],
    episode: np.ndarray,
    blur: float,
    advance: Callable[[int], None],
) -> list[Row]:
    found = effects(watched.net, watched.params, moments, taken, blur, advance)
    rows = []
    for fill in dict.fromkeys(fill for fill, _ in found):
        for measure in ("divergence", "value"):
            by_choice = {choice: getattr(found[fill, choice], measure) for choice in taken}
            by_choice |= {f"most - {other}": by_choice["most"] - by_choice[other] for other in ("random", "least")}
            for choice, values in by_choice.items():
                mean, (low, high) = mean_of_frames(values, episode)
                numbers = {"mean": mean, "low": low, "high": high}
                about = {"frames": len(values), "episodes": len(np.unique(episode))}
                rows.append({"fill": fill, "measure": measure, "cells": choice} | numbers | about)
    return rows


def _without_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
