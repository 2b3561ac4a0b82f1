"""What was found, as rows of tables: by column, numbers and names."""

from typing import Any

import numpy as np

from jaxmem.analysis.looking.agreement import STATISTICS, beside_shuffled, mean_of_frames
from jaxmem.analysis.looking.causal import Effect
from jaxmem.analysis.looking.objects import attention_on

Row = dict[str, Any]
Maps = dict[str, np.ndarray]
"""Maps of T frames, [T, H, W] each, by name."""

UNTRAINED = "untrained"
"""The column of what the same network has in the same frames before training."""


def agreement_rows(
    maps: Maps, saliency: Maps, episode: np.ndarray, seed: int, untrained: tuple[Maps, Maps] | None = None
) -> list[Row]:
    """Each map beside each saliency, by each statistic.

    Args:
        maps: of the network.
        saliency: of the network.
        episode: int [T], which episode a frame is from.
        seed: of the resamples and the orders.
        untrained: maps and saliency of the network before training, in the same frames; None leaves the column out.
    """
    rows = []
    for statistic, vectors in STATISTICS.items():
        looks, matters = ({name: vectors(one) for name, one in kind.items()} for kind in (maps, saliency))
        first = (
            None if untrained is None else [{name: vectors(one) for name, one in kind.items()} for kind in untrained]
        )
        for of, salient in matters.items():
            for name, one in looks.items():
                found = beside_shuffled(one @ salient.T, episode, seed)
                low, high = found.difference_interval
                row = {"map": name, "saliency": of, "statistic": statistic, "value": found.value, "null": found.null}
                row |= {"difference": found.difference, "low": low, "high": high}
                if first:
                    row[UNTRAINED] = beside_shuffled(first[0][name] @ first[1][of].T, episode, seed).difference
                rows.append(row | {"p": found.p, "frames": found.frames, "episodes": found.episodes})
    return rows


def object_rows(maps: Maps, untrained: Maps, masks: Maps, episode: np.ndarray, seed: int) -> list[Row]:
    """Each map on each object.

    Args:
        maps: of the network, at the frames' size, each with the sum 1.
        untrained: of the network before training, in the same frames.
        masks: where objects are, bool.
        episode: int [T], which episode a frame is from.
        seed: of the resamples and the orders.
    """
    rows = []
    for name, one in maps.items():
        first = attention_on(untrained[name], masks, episode, seed)
        for thing, found in attention_on(one, masks, episode, seed).items():
            mass = found.mass
            low, high = mass.ratio_interval
            row = {"map": name, "object": thing, "area": found.area, "mass": mass.value, "null": mass.null}
            row |= {"lift": mass.ratio, "low": low, "high": high, UNTRAINED: first[thing].mass.ratio}
            rows.append(row | {"p": mass.p, "frames": mass.frames, "episodes": mass.episodes})
    return rows


def causal_rows(found: dict[tuple[str, str], Effect], cells: Maps, episode: np.ndarray) -> list[Row]:
    """What taking cells away does, and how much more it does with the most attended ones than with any others.

    Args:
        found: effects of `effects`, by what is put there and by choice.
        cells: bool [N, H, W] by choice: what was taken away.
        episode: int [N], which episode a frame is from.
    """
    counts = {choice: taken.sum(axis=(1, 2)) for choice, taken in cells.items()}
    shares = {choice: (taken & cells["most"]).sum(axis=(1, 2)) / counts[choice] for choice, taken in cells.items()}
    pixels, shared = _with_differences(counts), _with_differences(shares)
    rows = []
    for fill in dict.fromkeys(fill for fill, _ in found):
        for measure in Effect._fields:
            of_fill = {choice: getattr(effect, measure) for (filled, choice), effect in found.items() if filled == fill}
            for choice, values in _with_differences(of_fill).items():
                mean, (low, high) = mean_of_frames(values, episode)
                row = {"fill": fill, "measure": measure, "cells": choice, "mean": mean, "low": low, "high": high}
                row |= {"pixels": float(np.mean(pixels[choice])), "shared": float(np.mean(shared[choice]))}
                rows.append(row | {"frames": len(values), "episodes": len(np.unique(episode))})
    return rows


def _with_differences(of_frames: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Numbers of frames by choice, and those of the most attended cells less those of each other choice."""
    most = of_frames["most"]
    return of_frames | {f"most - {other}": most - of_frames[other] for other in of_frames if other != "most"}
