"""What policy and value do when the cells are taken away that attention is on, and when others are.

Attention that lies on a place is no proof that anything was read there. So the most attended cells of a frame are
blurred, or emptied, and as many others; what is compared is how far the policy moves. Empty is the background, where a
network takes one off. Cells are those of the maps' own grid, each with the pixels that are nearest to it, so that no
choice is more scattered than another only because of what a cell is; and only those with as many pixels as most have,
so that no choice takes more away. Attended cells still lie together, and in places where much happens. So there are,
beside the least attended and random ones, those that are the most attended in another frame.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from jaxmem.agents.base import Params
from jaxmem.analysis.looking.agreement import SHARE, levels, top_count
from jaxmem.analysis.looking.maps import nearest
from jaxmem.analysis.looking.saliency import Answers, answers, blurred
from jaxmem.analysis.looking.watch import Moments, in_blocks
from jaxmem.cores.looking import Placement
from jaxmem.networks import PolicyValue

OTHER = "other frame"
"""What the most attended cells of another frame are called among the choices."""
FILLS = ("blur", "zero")
_FRAMES = 8
_FEWEST = 9


class Effect(NamedTuple):
    """What taking cells away does, float64 [N] for N frames.

    Attributes:
        divergence: KL divergence from the policy with the frame as it is to that without the cells.
        value: how far the value moves, either way.
    """

    divergence: np.ndarray
    value: np.ndarray


def whole_cells(grid: tuple[int, int], height: int, width: int, placement: Placement) -> np.ndarray:
    """The cells of a grid (h, w) that have as many pixels as most have: bool [h, w].

    At borders, cells may have fewer. Where less than nine would be left to choose from, it is all of them.

    Args:
        grid: the cells.
        height: of the picture.
        width: of the picture.
        placement: where the cells are on it.
    """
    count = grid[0] * grid[1]
    areas = np.bincount(nearest(np.arange(count).reshape(grid), height, width, placement).ravel(), minlength=count)
    whole = areas == np.bincount(areas).argmax()
    return (whole if whole.sum() >= _FEWEST else np.ones_like(whole)).reshape(grid)


def chosen_cells(
    maps: np.ndarray, rng: np.random.Generator, share: float = SHARE, among: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Cells of N frames by their maps [N, h, w]: "most", "random" and "least", bool [N, h, w] each.

    Among cells with the same attention lots are drawn.

    Args:
        maps: the maps.
        rng: of the lots.
        share: how much of the cells that may be chosen is taken, rounded up.
        among: bool [h, w], these cells; None for all.
    """
    allowed = np.arange(maps[0].size) if among is None else np.flatnonzero(among)
    flat = levels(maps)[:, allowed]
    count = top_count(len(allowed), share)
    lots = rng.random(flat.shape)
    orders = {
        "most": np.lexsort((lots, -flat)),
        "random": np.argsort(rng.random(flat.shape), axis=1),
        "least": np.lexsort((lots, flat)),
    }

    def cells(order: np.ndarray) -> np.ndarray:
        taken = np.zeros((len(maps), maps[0].size), bool)
        np.put_along_axis(taken, allowed[order[:, :count]], True, axis=1)
        return taken.reshape(maps.shape)

    return {choice: cells(order) for choice, order in orders.items()}


def of_other_frames(cells: np.ndarray, episode: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The cells of another of the N frames, [N, h, w], drawn for each: from another episode, where there is one.

    Args:
        cells: of each frame; at least two frames.
        episode: int [N], which episode a frame is from.
        rng: of the lots.
    """
    frames = np.arange(len(cells))
    apart = episode[:, None] != episode
    apart = apart if apart.any() else frames[:, None] != frames
    return cells[np.argmax(np.where(apart, rng.random(apart.shape), -1), axis=1)]


def effects(
    net: PolicyValue,
    params: Params,
    moments: Moments,
    cells: dict[str, np.ndarray],
    blur: float,
    advance: Callable[[int], None] = lambda done: None,
) -> dict[tuple[str, str], Effect]:
    """What taking cells away does, by what is put there ("blur" or "zero") and by choice.

    Args:
        net: the network.
        params: its variables.
        moments: N steps.
        cells: bool [N, H, W] by choice.
        blur: deviation of the Gaussian that blurs, in pixels.
        advance: called with the number of moments that are done.
    """
    masks = np.stack(list(cells.values()), axis=1).astype(np.float32)
    found = in_blocks(lambda part: _effects(net, params, *part, blur), (moments, jnp.asarray(masks)), _FRAMES, advance)
    # On the host, in float64: of small divergences, float32 would leave little but rounding.
    logits, values = (np.asarray(part, np.float64) for part in found)
    policy = special.softmax(logits, axis=-1)
    divergence = special.rel_entr(policy[:, :, :1], policy[:, :, 1:]).sum(axis=-1)
    value = np.abs(values[:, :, 1:] - values[:, :, :1])
    return {
        (fill, choice): Effect(divergence[:, f, c], value[:, f, c])
        for f, fill in enumerate(FILLS)
        for c, choice in enumerate(cells)
    }


@partial(jax.jit, static_argnums=(0, 4))
def _effects(net: PolicyValue, params: Params, moments: Moments, masks: jax.Array, blur: float) -> Answers:
    """What is said of N moments with masks [N, G, H, W]: [N, fills, 1 + G, ...], first of the frame as it is."""
    fills = {"blur": lambda frame: blurred(frame, blur), "zero": jnp.zeros_like}

    def one(inputs: tuple[Moments, jax.Array]) -> Answers:
        moment, masks = inputs
        masks = jnp.concatenate([jnp.zeros_like(masks[:1]), masks])
        said = [answers(net, params, moment, masks, fills[fill]) for fill in FILLS]
        return jax.tree.map(lambda *parts: jnp.stack(parts), *said)

    return jax.lax.map(one, (moments, masks))
