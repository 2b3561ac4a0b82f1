"""The typical input of a network, around which its inputs are centred.

A linear memory adds up whatever it is fed. What is the same at nearly every step (an empty corridor, the action that is
always taken, a bias) grows in it with every step, while a cue is added once: after hundreds of steps the head has to
find a difference of a hundredth, and learns it a hundred times as slowly. So what the typical input embeds to is taken
off every input's. Typical is the median, number by number, as with backgrounds of films: a mean would be pulled by rare
inputs, and what it is off would add up in their place.

The typical input is a collection "centre" beside the parameters. No gradient reaches it; training moves it once an
iteration, so that all that is computed within one is computed around the same centre. It moves there by a fifth of the
way: what half of the steps show is typical in one iteration and not in the next.

Of pictures, the typical one is their background. Nearly all that a convolution gives of Atari's Pong is the same in
every frame, and little of it is the ball of one pixel. With the background taken off each picture before it is encoded,
what moves is all that is left.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmem.networks.inputs import Inputs, action_numbers, scaled

CENTRE = "centre"
"""Name of the collection."""

# Steps that a median is taken of, and numbers in these; sorting is slow on CPUs.
_MOST_STEPS = 4096
_MOST_NUMBERS = 2**20
_SHARE = 0.2


class Numbers(NamedTuple):
    """Inputs as numbers, with leading axes: observation [..., *shape], action [..., A] and reward [..., 1], float32."""

    obs: jax.Array
    action: jax.Array
    reward: jax.Array


def numbers(inputs: Inputs, num_actions: int) -> Numbers:
    """Inputs, scaled, with actions as vectors; the action before an episode's first step is a zero vector."""
    action = action_numbers(inputs.prev_action, num_actions)
    return Numbers(scaled(inputs.obs), action, inputs.prev_reward[..., None])


def first_centre(obs_shape: tuple[int, ...], num_actions: int) -> dict[str, jax.Array]:
    """The typical input before anything was seen: zeros, by the names of `Numbers`."""
    return Numbers(jnp.zeros(obs_shape), jnp.zeros((num_actions,)), jnp.zeros((1,)))._asdict()


def no_background(obs_shape: tuple[int, ...]) -> dict[str, jax.Array]:
    """The typical picture before any was seen: zeros, by the name of `Numbers`."""
    return {"obs": jnp.zeros(obs_shape)}


def recentred(variables: Any, inputs: Inputs, mask: jax.Array) -> Any:
    """A network's variables, the centre a fifth of the way closer to the medians of what was seen; or the same ones.

    Args:
        variables: of any network, parameters and centres.
        inputs: leading axes [T, B]; of many steps, or large pictures, as many as a median can be taken of.
        mask: bool [T, B], the steps that count; where none of those that are taken does, the centre stays.
    """
    if CENTRE not in variables:
        return variables
    every = _every(*mask.shape, size=inputs.obs[0, 0].size)
    inputs = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[::every], inputs)
    mask = mask.reshape(-1)[::every]

    def typical(values: jax.Array) -> jax.Array:
        return jnp.nanmedian(jnp.where(mask.reshape(-1, *(1,) * (values.ndim - 1)), values, jnp.nan), axis=0)

    def seen(name: str, old: jax.Array) -> jax.Array:
        if name == "obs":
            return scaled(inputs.obs)
        return action_numbers(inputs.prev_action, old.size) if name == "action" else inputs.prev_reward[..., None]

    def follow(centre: Any) -> Any:
        return {
            name: follow(part)
            if isinstance(part, Mapping)
            else jnp.where(jnp.any(mask), part + _SHARE * (typical(seen(name, part)) - part), part)
            for name, part in centre.items()
        }

    return {**variables, CENTRE: follow(variables[CENTRE])}


def _every(time: int, rows: int, size: int) -> int:
    """Each how many-th of T x B steps is taken, of observations of `size` numbers: of all rows in turn."""
    steps = time * rows
    every = max(-(-steps // _MOST_STEPS), -(-steps * size // _MOST_NUMBERS))
    while math.gcd(every, rows) > 1:
        every += 1
    return every
