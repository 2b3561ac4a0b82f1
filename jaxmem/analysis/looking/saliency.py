"""Perturbation saliency: how much policy and value change when a place of the frame is blurred.

Source: Greydanus et al. 2018 (arXiv:1711.00138), section 3 and equations 1 to 4. The frame I becomes

    I' = I (1 - M) + blur(I) M

where M is a Gaussian of the radius r around a place, 1 at its top, and blur is one with a deviation of its own. Of a
network that takes the background B off each picture, it is the rest that is blurred, and B + blur(I - B) stands in
place of blur(I): else blur(B) - B, which is in no picture, would come in wherever the background has an edge. The
paper's released code makes M of a small disc that it smooths; here it is the Gaussian of the text. Scores are half the
squared distance of the logits, and half the squared difference of the values, with and without; what differs by no
more than the rounding of outputs of this size does not differ.

All channels of an observation are perturbed alike: of a stack of frames, what was at that place in each of them is
gone. The network's memory is that of the true history: what is measured is what the frame, and no memory of it, says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from jaxmem.agents.base import Params
from jaxmem.analysis.looking.watch import Moments, in_blocks, total_value
from jaxmem.config import Config, integer, number
from jaxmem.cores.looking import Placement
from jaxmem.networks import CENTRE, Inputs, PolicyValue
from jaxmem.networks.inputs import scaled

_BLOCK_BYTES = 2**28
_SMALL = 32
# Eight steps of float32: where an input differs in its last bit, outputs mostly do by one or two.
_ROUNDING = 8 * float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class SaliencyOptions(Config):
    """How frames are perturbed; the defaults are the paper's, for 80 x 80 pixels."""

    path = "saliency"

    radius: float = number(5.0, above=0)
    """deviation of the Gaussian that says where a frame is perturbed, in pixels"""
    blur: float = number(3.0, above=0)
    """deviation of the Gaussian that blurs, in pixels"""
    stride: int = integer(5, low=1)
    """pixels from one perturbed place to the next"""

    @staticmethod
    def for_size(height: int, width: int) -> "SaliencyOptions":
        """The paper's for frames like its own; for those whose pixels are whole objects, each pixel by itself."""
        return SaliencyOptions() if min(height, width) >= _SMALL else SaliencyOptions(1.0, 1.0, 1)

    @property
    def placement(self) -> Placement:
        """Where the places of the grid are on frames that are larger than half a stride: see `centres`."""
        return Placement(self.stride, self.stride // 2)


class Saliency(NamedTuple):
    """Scores of B frames at the places of a grid, float32 [B, gh, gw]; see `centres` for where these are.

    Attributes:
        actor: half the squared distance of the logits.
        critic: half the squared difference of the values.
    """

    actor: jax.Array
    critic: jax.Array


def saliency(
    net: PolicyValue, params: Params, memory: Any, inputs: Inputs, start: jax.Array, options: SaliencyOptions
) -> Saliency:
    """Scores of B frames, each on its own: all its perturbed frames are one batch.

    Args:
        net: the network.
        params: its variables.
        memory: its memory before each frame, [B, ...].
        inputs: one step of B rows, with pictures [B, H, W, C].
        start: bool [B].
        options: of the perturbation.
    """
    return _saliency(net, params, Moments(memory, inputs, start), options)


def saliency_of(
    net: PolicyValue,
    params: Params,
    moments: Moments,
    options: SaliencyOptions,
    advance: Callable[[int], None],
    block: int = 8,
) -> tuple[np.ndarray, np.ndarray]:
    """`saliency` of N moments, some at a time, so that one hears how far it is.

    Args:
        net: the network.
        params: its variables.
        moments: N steps.
        options: of the perturbation.
        advance: called with the number of moments that are done.
        block: how many are done in one call.

    Returns:
        Actor and critic, float32 [N, gh, gw].
    """
    found = in_blocks(lambda part: _saliency(net, params, part, options), moments, block, advance)
    return found.actor, found.critic


def centres(size: int, stride: int) -> np.ndarray:
    """Pixels along an axis around which frames are perturbed, from the middle of the first stride on: int [g]."""
    return np.arange(min(stride // 2, size - 1), size, stride)


def gaussian_masks(height: int, width: int, options: SaliencyOptions) -> np.ndarray:
    """M for each place of the grid, row by row: float32 [gh * gw, H, W], 1 at the place."""

    def profile(size: int) -> np.ndarray:
        away = np.arange(size) - centres(size, options.stride)[:, None]
        return np.exp(-(away**2) / (2 * options.radius**2))

    masks = profile(height)[:, None, :, None] * profile(width)[None, :, None, :]
    return masks.reshape(-1, height, width).astype(np.float32)


def blurred(frame: jax.Array | np.ndarray, deviation: float) -> jax.Array:
    """A frame [..., H, W, C], smoothed by a Gaussian as `scipy.ndimage` does it: borders are mirrored."""

    def operator(size: int) -> np.ndarray:
        return ndimage.gaussian_filter1d(np.eye(size, dtype=np.float32), deviation, axis=0)

    down, across = operator(frame.shape[-3]), operator(frame.shape[-2])
    # At full precision: on GPUs, differences of pixels would be rounded.
    return jnp.einsum("ij,...jkc,lk->...ilc", down, frame, across, precision="highest")


def background_of(params: Params) -> jax.Array | float:
    """The picture that a network takes off each one it sees, float32 [H, W, C], scaled; 0 where it takes none off."""
    embedding = params.get(CENTRE, {}).get("trunk", {}).get("embedding", {})
    return embedding.get("background", {}).get("obs", 0.0)


class Answers(NamedTuple):
    """What a network says of G versions of one frame: logits float32 [G, A], and values float32 [G]."""

    logits: jax.Array
    value: jax.Array


def answers(
    net: PolicyValue, params: Params, moment: Moments, masks: jax.Array, fill: Callable[[jax.Array], jax.Array]
) -> Answers:
    """What a network would have said of one step, had its frame been another one where masks say so.

    Args:
        net: the network.
        params: its variables.
        moment: one step, without a leading axis.
        masks: float32 [G, H, W], between 0 for the frame's own pixel and 1 for the other's.
        fill: gives the other frame, float32 [H, W, C], of the frame. Both are scaled as networks scale them, and what a
            network takes off as background is off.
    """
    apply: Any = net.apply
    frame = scaled(moment.inputs.obs)
    background = background_of(params)
    # What a mask adds: so added, it is nothing where both are the same.
    added = background + fill(frame - background) - frame
    count = len(masks)
    # With the memory of a transformer, that many rows may not fit at once.
    bytes_of_row = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(moment.memory))
    most = max(1, _BLOCK_BYTES // max(1, bytes_of_row))
    blocks = -(-count // most)
    rows = -(-count // blocks)
    padded = jnp.pad(masks, [(0, blocks * rows - count), (0, 0), (0, 0)])

    def block(masks: jax.Array) -> Answers:
        mask = masks[..., None]
        repeated = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (rows, *leaf.shape)), moment)
        inputs = repeated.inputs._replace(obs=frame + added * mask)
        inputs, start = jax.tree.map(lambda leaf: leaf[None], (inputs, repeated.start))
        _, said = apply(params, repeated.memory, inputs, start, True, method="unroll")
        return Answers(said.logits[0], total_value(said.value)[0])

    said = jax.lax.map(block, padded.reshape(blocks, rows, *masks.shape[1:]))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:count], said)


@partial(jax.jit, static_argnums=(0, 3))
def _saliency(net: PolicyValue, params: Params, moments: Moments, options: SaliencyOptions) -> Saliency:
    height, width = moments.inputs.obs.shape[1:3]
    grid = tuple(len(centres(size, options.stride)) for size in (height, width))
    # The first version is the frame as it is.
    masks = np.concatenate([np.zeros((1, height, width), np.float32), gaussian_masks(height, width, options)])

    def one(moment: Moments) -> Saliency:
        said = answers(net, params, moment, jnp.asarray(masks), lambda frame: blurred(frame, options.blur))
        actor = 0.5 * jnp.sum(jnp.square(_differences(said.logits)), axis=-1)
        critic = 0.5 * jnp.square(_differences(said.value))
        return Saliency(actor.reshape(grid), critic.reshape(grid))

    return jax.lax.map(one, moments)


def _differences(said: jax.Array) -> jax.Array:
    """How all others of [1 + G, ...] differ from the first one: 0 where rounding may be all there is."""
    away = said[1:] - said[0]
    return jnp.where(jnp.abs(away) > _ROUNDING * jnp.max(jnp.abs(said)), away, 0)
