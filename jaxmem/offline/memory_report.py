"""What a model's memory holds: how well the cue can be read from it, and what happens when it is exchanged."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxmem.analysis.tables import figure, write_table
from jaxmem.offline.learner import LearnState
from jaxmem.offline.looking import Looks, looks_of
from jaxmem.offline.program import OfflineProgram
from jaxmem.offline.recall import CHANGES, Recall, Recaller, probe, token_swapped

FLIPPED = "flipped"


@dataclass(frozen=True)
class MemoryReport:
    """What was found, by seed; all shares are of the episodes of one length.

    Attributes:
        steps: the most steps of an episode.
        segment: steps of a segment.
        episodes: of each seed.
        probes: float [seeds, N], accuracy of a linear read-out of the cue after each segment.
        null: float [seeds], the same of cues in another order, after the last one: what chance makes of it.
        success: by change, float [seeds].
        flipped: float [seeds], of the episodes that are solved with the true memory, how many turn the other way
            with that of an episode with the other cue.
        by_token: float [seeds, m], the same where but one token is exchanged.
        looks: attention of the first seed.
    """

    steps: int
    segment: int
    episodes: int
    probes: np.ndarray
    null: np.ndarray
    success: dict[str, np.ndarray]
    flipped: np.ndarray
    by_token: np.ndarray
    looks: Looks


def memory_report(
    program: OfflineProgram,
    state: LearnState,
    steps: int,
    episodes: int,
    key: jax.Array,
    say: Callable[[str], None] = lambda line: None,
) -> MemoryReport:
    """Play episodes with the memory as it is, and exchanged at the last border before the decision.

    Args:
        program: the model's.
        state: what all seeds have learned.
        steps: the most steps of an episode.
        episodes: for each seed.
        key: randomness; every change is made in the same episodes.
        say: told how far it is.

    Raises:
        ConfigError: as `Recaller`.
    """
    core: Any = program.config.core
    recaller = Recaller(program, steps, episodes)
    probes, null, tokens = [], [], []
    looks: list[Looks] = []
    success: dict[str, list[float]] = {name: [] for name in CHANGES}
    flips = []
    for seed in range(program.config.seeds):
        params = jax.tree.map(lambda leaf, seed=seed: leaf[seed], state.params)
        play = partial(recaller.play, params, jax.random.fold_in(key, seed))
        recalls = {name: play(change) for name, change in CHANGES.items()}
        plain = recalls["true"]
        probes.append([probe(memory, plain.cue) for memory in plain.memories])
        null.append(probe(plain.memories[-1], np.random.default_rng(seed).permutation(plain.cue)))
        for name, recall in recalls.items():
            success[name].append(float(recall.success.mean()))
        flips.append(flipped(plain, recalls["swapped"]))
        each = (play(token_swapped(token)) for token in range(core.tokens))
        tokens.append([flipped(plain, recall) for recall in each])
        if seed == 0:
            looks.append(looks_of(recaller, params, plain))
        told = ", ".join(f"{name} {values[-1]:.3f}" for name, values in success.items())
        say(f"seed {seed}: success with memory {told}; a swap flips {flips[-1]:.3f}; probe {probes[-1][-1]:.3f}")
    return MemoryReport(
        steps,
        recaller.segment,
        episodes,
        np.array(probes),
        np.array(null),
        {name: np.array(values) for name, values in success.items()},
        np.array(flips),
        np.array(tokens),
        looks[0],
    )


def write_report(reports: Sequence[MemoryReport], folder: Path, name: str) -> list[Path]:
    """Write tables and the figure of reports, one a length, into a folder; returns the files.

    Raises:
        OSError: where the disk does not take them.
    """
    changes = [f"success, {change} memory" for change in CHANGES]
    columns = ("steps", "seed", *changes, FLIPPED, "probe, last segment", "probe of shuffled cues")
    rows = [
        [str(report.steps), str(seed)]
        + [figure(report.success[change][seed]) for change in CHANGES]
        + [figure(report.flipped[seed]), figure(report.probes[seed, -1]), figure(report.null[seed])]
        for report in reports
        for seed in range(len(report.flipped))
    ]
    files = [folder / f"{name}{ending}" for ending in (".csv", ".md", ".png")]
    write_table(files[0], files[1], columns, rows)
    draw_report(reports, files[2])
    return files


def draw_report(reports: Sequence[MemoryReport], path: Path) -> None:
    """Draw probes, changes, tokens and attention into one picture."""
    drawn = Figure(figsize=(12, 8), layout="constrained")
    axes = drawn.subplots(2, 3)
    _draw_probes(axes[0, 0], reports)
    _draw_changes(axes[0, 1], reports)
    _draw_tokens(axes[0, 2], reports[-1])
    looks = reports[-1].looks
    _draw_write(axes[1, 0], looks)
    _draw_read(axes[1, 1], looks)
    _draw_share(axes[1, 2], looks)
    seeds = len(reports[0].flipped)
    drawn.suptitle(f"{seeds} seed{'s' if seeds > 1 else ''}, {reports[0].episodes} episodes each", fontsize="medium")
    drawn.savefig(path, dpi=110)


def flipped(plain: Recall, changed: Recall) -> float:
    """Of the episodes that are solved, how many turn the other way; nan where none is solved."""
    if not plain.success.any():
        return float("nan")
    return float((changed.acted & ~changed.success)[plain.success].mean())


def _draw_probes(axes: Axes, reports: Sequence[MemoryReport]) -> None:
    for number, report in enumerate(reports):
        after = np.arange(1, report.probes.shape[1] + 1) * report.segment
        axes.plot(after, report.probes.mean(0), marker=".", label=f"{report.steps} steps", color=f"C{number}")
        axes.fill_between(after, report.probes.min(0), report.probes.max(0), color=f"C{number}", alpha=0.2)
    axes.axhline(reports[-1].null.mean(), color="0.6", linestyle="--", linewidth=1, label="shuffled cues")
    axes.set(xlabel="steps since the cue", ylabel="accuracy", title="the cue, read from memory", ylim=(0.3, 1.05))
    axes.legend()


def _draw_changes(axes: Axes, reports: Sequence[MemoryReport]) -> None:
    names = [*CHANGES, FLIPPED]
    width = 0.8 / len(reports)
    for number, report in enumerate(reports):
        values = np.array([*(report.success[name] for name in CHANGES), report.flipped])
        places = np.arange(len(names)) + (number - (len(reports) - 1) / 2) * width
        axes.bar(places, np.nan_to_num(values).mean(axis=1), width, label=f"{report.steps} steps", alpha=0.6)
        for place, seeds in zip(places, values, strict=True):
            axes.plot([place] * len(seeds), seeds, "k.", markersize=3)
    axes.axhline(0.5, color="0.6", linestyle="--", linewidth=1)
    axes.set_xticks(range(len(names)), names)
    axes.set(title="success with memory exchanged;\nturns that a swap flips", ylim=(0, 1.05))
    axes.legend()


def _draw_tokens(axes: Axes, report: MemoryReport) -> None:
    tokens = report.by_token.shape[1]
    for seed, values in enumerate(report.by_token):
        axes.plot(range(tokens), values, marker="o", label=f"seed {seed}")
    axes.set(xlabel="memory token", title="turns that a swap of one token flips", ylim=(-0.05, 1.05))
    axes.set_xticks(range(tokens))
    axes.legend()


def _draw_write(axes: Axes, looks: Looks) -> None:
    """Rows: write tokens by layer, heads averaged; columns: what they look at."""
    layers, _, tokens, rows = looks.write.shape
    picture = looks.write.mean(1).reshape(layers * tokens, rows)
    axes.imshow(picture, aspect="auto", cmap="magma", vmin=0)
    for layer in range(1, layers):
        axes.axhline(layer * tokens - 0.5, color="w", linewidth=1)
    _mark_rows(axes, looks.tokens, rows)
    axes.set_yticks(np.arange(layers) * tokens + (tokens - 1) / 2, [f"layer {n + 1}" for n in range(layers)])
    axes.set(title="write: where the write tokens of\nthe first segment look", xlabel="read | steps | write")


def _draw_read(axes: Axes, looks: Looks) -> None:
    layers, heads, rows = looks.read.shape
    axes.imshow(looks.read.reshape(layers * heads, rows), aspect="auto", cmap="magma", vmin=0)
    _mark_rows(axes, looks.tokens, rows)
    names = [f"{layer + 1}.{head + 1}" for layer, head in itertools.product(range(layers), range(heads))]
    axes.set_yticks(range(len(names)), names, fontsize="small")
    axes.set(title="read: where the deciding step looks", xlabel="read | steps | write", ylabel="layer.head")


def _draw_share(axes: Axes, looks: Looks) -> None:
    """How much of the deciding step's attention is on memory, against an even look at all that it sees."""
    share = looks.read[..., : looks.tokens].sum(-1)
    layers, heads = share.shape
    seen = (looks.read.max((0, 1)) > 0).sum()
    for head in range(heads):
        axes.plot(range(1, layers + 1), share[:, head], marker="o", label=f"head {head + 1}")
    axes.axhline(looks.tokens / seen, color="0.6", linestyle="--", linewidth=1, label="even")
    axes.set(xlabel="layer", title="of the deciding step's attention,\nthe share on memory", ylim=(0, 1.05))
    axes.set_xticks(range(1, layers + 1))
    axes.legend()


def _mark_rows(axes: Axes, tokens: int, rows: int) -> None:
    for place in (tokens - 0.5, rows - tokens - 0.5):
        axes.axvline(place, color="w", linestyle="--", linewidth=1)
