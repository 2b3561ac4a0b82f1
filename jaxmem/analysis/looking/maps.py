"""Attention maps: what a core that looks sows, and maps brought to another size."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxmem import cores
from jaxmem.agents.base import Params
from jaxmem.analysis.attention import sown_by_core
from jaxmem.config import ConfigError
from jaxmem.cores.looking import MAPS, LookingCore, Placement
from jaxmem.networks import Inputs, PolicyValue, PolicyValueOutputs

MEAN = "mean of all"
"""Name of the mean of the maps of a step, where there are several."""


def attention_maps(
    net: PolicyValue, params: Params, memory: Any, inputs: Inputs, start: jax.Array
) -> tuple[jax.Array, tuple[str, ...]]:
    """Where a network's core looks in T steps of B rows.

    Args:
        net: the network.
        params: its variables.
        memory: its memory before the first step; None where every row begins an episode.
        inputs: what is seen, [T, B, ...].
        start: bool [T, B].

    Returns:
        float32 [T, B, N, h, w], each map with the sum 1, and the names of the N maps.

    Raises:
        ConfigError: if the core has no maps.
    """
    maps = unrolled(net, params, memory, inputs, start)[2]
    if maps is None:
        looking = [name for name in cores.registered_cores if cores.looks_at(name)]
        name = type(net.trunk.core).__name__
        raise ConfigError(f"the core is a {name}: allowed is one with attention maps, {' or '.join(looking)}")
    return maps, map_names(net)


def map_names(net: PolicyValue) -> tuple[str, ...]:
    """Names of a core's maps; none where it has no maps."""
    return getattr(net.trunk.core, "map_names", ())


def unrolled(
    net: PolicyValue, params: Params, memory: Any, inputs: Inputs, start: jax.Array
) -> tuple[Any, PolicyValueOutputs, jax.Array | None]:
    """`net.unroll`, without dropout, and the maps [T, B, N, h, w] that its core sowed; None where it sowed none."""
    apply: Any = net.apply
    (memory, said), sown = apply(params, memory, inputs, start, True, method="unroll", mutable=["intermediates"])
    return memory, said, sown_by_core(sown).get(MAPS, (None,))[0]


def placement_of(net: PolicyValue) -> Placement:
    """Where the cells of the maps of a core that looks are on the pictures that its network sees."""
    core, eye = net.trunk.core, net.trunk.embedding.eye
    assert isinstance(core, LookingCore)
    assert eye is not None
    return core.map_placement.on(eye.placement)


def named_maps(maps: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """N maps [..., N, h, w] by name, [..., h, w] each, and last the mean of several."""
    named = {name: maps[..., index, :, :] for index, name in enumerate(names)}
    return named | {MEAN: maps.mean(axis=-3)} if len(named) > 1 else named


def resized(maps: np.ndarray, height: int, width: int, placement: Placement) -> np.ndarray:
    """Numbers of cells [..., h, w], as numbers of pixels: float32 [..., H, W].

    Between the middles of cells lies a straight line; beyond the last ones, at borders, is what they have.

    Args:
        maps: numbers of cells.
        height: of the picture, H.
        width: of the picture, W.
        placement: where the cells are on it.
    """

    def weights(pixels: int, cells: int) -> np.ndarray:
        away = np.abs(_in_cells(pixels, cells, placement)[:, None] - np.arange(cells))
        return np.maximum(0, 1 - away).astype(np.float32)

    down, across = weights(height, maps.shape[-2]), weights(width, maps.shape[-1])
    return down @ np.asarray(maps, np.float32) @ across.T


def upsampled(maps: np.ndarray, height: int, width: int, placement: Placement) -> np.ndarray:
    """Maps `resized`, each with the sum 1."""
    grown = resized(maps, height, width, placement)
    return grown / grown.sum(axis=(-2, -1), keepdims=True)


def nearest(cells: np.ndarray, height: int, width: int, placement: Placement) -> np.ndarray:
    """What the cell has that is nearest to each pixel, of cells [..., h, w]: [..., H, W], placed as in `resized`."""
    down, across = (
        np.ceil(_in_cells(pixels, count, placement) - 0.5).astype(int)
        for pixels, count in zip((height, width), cells.shape[-2:], strict=True)
    )
    return cells[..., down[:, None], across]


def _in_cells(pixels: int, cells: int, placement: Placement) -> np.ndarray:
    """Where pixels' middles are along an axis, counted in cells, none beyond the first and last: float64 [pixels]."""
    return np.clip((np.arange(pixels) - placement.first) / placement.stride, 0, cells - 1)
