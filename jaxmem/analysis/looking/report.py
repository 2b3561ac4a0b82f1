"""All of it about one run: numbers and pictures, and the files that hold them."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxmem.analysis.looking.causal import OTHER, chosen_cells, effects, of_other_frames, whole_cells
from jaxmem.analysis.looking.maps import named_maps, nearest, placement_of, resized, upsampled
from jaxmem.analysis.looking.objects import object_masks
from jaxmem.analysis.looking.rows import Maps, Row, agreement_rows, causal_rows, object_rows
from jaxmem.analysis.looking.saliency import SaliencyOptions, saliency_of
from jaxmem.analysis.looking.strips import Layer, animation, attention_layers, highest, saliency_layers, strip
from jaxmem.analysis.looking.watch import Moments, Watched, first_params, watch
from jaxmem.analysis.tables import figure, write_table
from jaxmem.config import Config, flag, integer
from jaxmem.envs.pictures import save_animation, save_picture
from jaxmem.training.folder import write_atomically
from jaxmem.training.loop import Program
from jaxmem.training.state import Run

At = tuple[np.ndarray, np.ndarray]
"""Steps and rows of F frames, int [F] each."""
Progress = Callable[[int, int, str], None]
"""Called with what is done, of how much, and what is being done."""

FOLDER = "look"
LONGEST_ANIMATION = 64
"""Steps of the episode that the animation shows."""
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
    """frames that numbers of maps are about, drawn from all steps; saliency takes a second of a CPU for a large one"""
    untrained: bool = flag(False)
    """whether agreement of maps is also that before training, which takes saliency as long again"""
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
        frames: how many the numbers are about; without maps there are none, and it is those of the picture.
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
    shown = _shown(watched, options.frames)
    # Without maps there is nothing that other frames could be compared with.
    compared = _compared(watched, options.compared if watched.maps is not None else 0, rng)
    step, row = (np.concatenate(both) for both in zip(shown, compared, strict=True))
    first, count, number = len(shown[0]), len(step), len(compared[0])
    total = count + number * (1 + options.untrained)
    moments = watched.moments(step, row)
    scores = _saliency(watched, moments, lambda done: progress(done, total, f"frame {done} of {count} perturbed"))
    obs, titles = watched.obs[shown], [f"step {number}" for number in shown[0] - shown[0][0]]
    salient = saliency_layers(*(of[:first] for of in scores.values()))
    found: dict[str, list[Row]] = {"agreement": [], "objects": [], "causal": []}
    pictures: dict[str, Any] = {"attention_picture": None, "animation": None}
    if watched.maps is not None:
        pictures["attention_picture"] = strip(obs, [*_layers(watched, shown), *salient], titles)
        pictures["animation"] = _animation(watched, (int(shown[0][0]), int(shown[1][0])))
        beside = {name: of[first:] for name, of in scores.items()}
        part = jax.tree.map(lambda leaf: leaf[first:], moments)

        def advance(done: int, text: str) -> None:
            progress(count + done, total, text)

        found = _numbers(program, watched, compared, part, beside, options, rng, advance)
    episode = watched.episode[shown if watched.maps is None else compared]
    return Look(
        checkpoint=int(run.iterations[options.only]),
        core=program.config.core.name,
        env=program.config.env.id,
        frames=len(episode),
        episodes=len(np.unique(episode)),
        saliency_picture=strip(obs, salient, titles),
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


def _shown(watched: Watched, frames: int) -> At:
    """Steps and rows of evenly spaced frames of the longest episode, the first and the last among them."""
    longest = np.bincount(watched.episode[watched.mask]).argmax()
    # By rows: an episode is in one alone, in order there.
    row, step = np.nonzero((watched.mask & (watched.episode == longest)).T)
    index = np.unique(np.linspace(0, len(step) - 1, frames).round().astype(int))
    return step[index], row[index]


def _compared(watched: Watched, frames: int, rng: np.random.Generator) -> At:
    step, row = np.nonzero(watched.mask)
    index = np.sort(rng.permutation(len(step))[:frames])
    return step[index], row[index]


def _maps(watched: Watched, at: At) -> Maps:
    """Maps at some steps of some rows, and their mean, on their own grid: [F, h, w] each."""
    assert watched.maps is not None
    return named_maps(watched.maps[at], watched.names)


def _grown(watched: Watched, maps: np.ndarray) -> np.ndarray:
    """Maps [F, h, w] as large as the frames, [F, H, W]."""
    return upsampled(maps, *watched.obs.shape[2:4], placement=placement_of(watched.net))


def _grown_maps(watched: Watched, at: At) -> Maps:
    return {name: _grown(watched, maps) for name, maps in _maps(watched, at).items()}


def _layers(watched: Watched, at: At) -> list[Layer]:
    assert watched.maps is not None
    layers = attention_layers(watched.maps[at], watched.names)
    return [replace(layer, maps=_grown(watched, layer.maps)) for layer in layers]


def _saliency(watched: Watched, moments: Moments, advance: Callable[[int], None]) -> Maps:
    """Saliency of F moments, as large as the frames, [F, H, W] each."""
    size = watched.obs.shape[2:4]
    options = SaliencyOptions.for_size(*size)
    actor, critic = saliency_of(watched.net, watched.params, moments, options, advance)
    return {
        name: resized(of, *size, placement=options.placement) for name, of in (("actor", actor), ("critic", critic))
    }


def _animation(watched: Watched, first: tuple[int, int]) -> list[np.ndarray]:
    """The episode that begins, or goes on, at a step of a row, up to a length that one can load."""
    step, row = first
    chosen = np.nonzero(watched.mask[:, row] & (watched.episode[:, row] == watched.episode[step, row]))[0]
    at = chosen[:LONGEST_ANIMATION], np.full(len(chosen), row)[:LONGEST_ANIMATION]
    return animation(watched.obs[at], highest(_layers(watched, at)))


def _numbers(
    program: Program,
    watched: Watched,
    at: At,
    moments: Moments,
    saliency: Maps,
    options: LookOptions,
    rng: np.random.Generator,
    advance: Callable[[int, str], None],
) -> dict[str, list[Row]]:
    """Rows of all tables, about the frames at some steps of some rows."""
    episode, seed, count = watched.episode[at], options.seed, len(at[0])
    cells = _cells_taken(watched, at, rng)
    blur = SaliencyOptions.for_size(*watched.obs.shape[2:4]).blur
    taken = effects(
        watched.net,
        watched.params,
        moments,
        cells,
        blur,
        lambda done: advance(done, f"cells of frame {done} of {count} taken away"),
    )
    maps = _grown_maps(watched, at)
    masks = object_masks(program.config.env.id, watched.obs[at])
    objects, untrained = [], None
    if masks or options.untrained:
        fresh = watched.seen_by(first_params(program, watched.params, options.only))
        before = _grown_maps(fresh, at)
        objects = object_rows(maps, before, masks, episode, seed)
        if options.untrained:
            untrained = (
                before,
                _saliency(
                    fresh,
                    fresh.moments(*at),
                    lambda done: advance(count + done, f"frame {done} of {count} perturbed, before training"),
                ),
            )
    return {
        "agreement": agreement_rows(maps, saliency, episode, seed, untrained),
        "objects": objects,
        "causal": causal_rows(taken, cells, episode),
    }


def _cells_taken(watched: Watched, at: At, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Cells of the mean map's own grid, by choice, as the pixels that are theirs: bool [F, H, W]."""
    *_, mean = _maps(watched, at).values()
    size, placement = watched.obs.shape[2:4], placement_of(watched.net)
    cells = chosen_cells(mean, rng, among=whole_cells(mean.shape[1:], *size, placement=placement))
    if len(at[0]) > 1:
        cells[OTHER] = of_other_frames(cells["most"], watched.episode[at], rng)
    return {choice: nearest(taken, *size, placement=placement) for choice, taken in cells.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
