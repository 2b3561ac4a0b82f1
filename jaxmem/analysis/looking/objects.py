"""How much of the attention lies on the objects that an observation names, beside where they are in other frames."""

from typing import NamedTuple

import numpy as np

from jaxmem.analysis.looking.agreement import Agreement, beside_shuffled

CHANNELS: dict[str, tuple[str, ...]] = {
    "Asterix-MinAtar": ("player", "enemy", "trail", "gold"),
    "Breakout-MinAtar": ("paddle", "ball", "trail", "brick"),
    "Freeway-MinAtar": ("chicken", "car", "speed 1", "speed 2", "speed 3", "speed 4", "speed 5"),
    "Seaquest-MinAtar": (
        "submarine",
        "submarine's back",
        "own bullet",
        "trail",
        "enemy bullet",
        "enemy fish",
        "enemy submarine",
        "oxygen",
        "divers on board",
        "diver",
    ),
    "SpaceInvaders-MinAtar": ("cannon", "alien", "alien going left", "alien going right", "own bullet", "enemy bullet"),
}
"""What the channels of gymnax's MinAtar games (Young & Tian 2019, arXiv:1903.03176) show."""


class OnObject(NamedTuple):
    """Attention on one object, over the frames that show it.

    Attributes:
        area: mean share of the frame's cells that show it: the mass of a map that is the same everywhere.
        mass: mass of the maps on it, beside the mass on where it is in other frames. `mass.ratio` is the lift: above 1,
            attention goes where the object goes.
    """

    area: float
    mass: Agreement


def object_masks(env_id: str, obs: np.ndarray) -> dict[str, np.ndarray]:
    """Where each object is: bool [..., H, W] by name; nothing for observations [..., H, W, C] that name none."""
    names = CHANNELS.get(env_id.removeprefix("Sticky"), ())
    if len(names) != obs.shape[-1]:
        return {}
    return {name: obs[..., channel] > 0 for channel, name in enumerate(names)}


def attention_on(
    maps: np.ndarray, masks: dict[str, np.ndarray], episode: np.ndarray, seed: int = 0
) -> dict[str, OnObject]:
    """Attention on each object that at least two of the frames show.

    Args:
        maps: [T, H, W], at the frames' size, each with the sum 1.
        masks: bool [T, H, W] by name.
        episode: int [T], which episode a frame is from.
        seed: of the resamples.
    """
    flat = np.asarray(maps, np.float64).reshape(len(maps), -1)
    found = {}
    for name, mask in masks.items():
        cells = mask.reshape(len(mask), -1)
        shown = cells.any(axis=1)
        if shown.sum() > 1:
            pairs = flat[shown] @ cells[shown].T.astype(np.float64)
            found[name] = OnObject(float(cells[shown].mean()), beside_shuffled(pairs, episode[shown], seed))
    return found
