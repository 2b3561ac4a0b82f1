"""Deviations towards what is rarely seen.

Which single action, and when, opens something up is not known beforehand: most change nothing. So it is learned from
the episodes that deviated: a time and an action after which something was observed that few episodes show are tried
more often, until it is no longer rare. Rewards have no part in it, and what is learned from a deviation is the agent's
affair: nothing is added to its rewards, as a bonus for novelty would be.

Observations are counted by a hash, which sign random projections have (Charikar 2002; for exploration: Tang et al.
2017, arXiv:1611.04717). Times are counted in octaves (0, 1 to 2, 3 to 6 and so on), from the first step and, as often,
back from the last: what decides is often near one of them, and a policy that has become sure of its last action tries
no other.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.replay import Episodes

_BUCKETS = 4096
_PLANES = 24
# Of the newest episodes, in running means of what is seen, and of what a deviation brought.
_SHARE_SEEN, _SHARE_GAIN = 0.1, 0.2
# What fewer than one in a thousand episodes show counts as rare as that.
_RAREST = 1e-3


class Sought(NamedTuple):
    """What is known of where deviations lead.

    Attributes:
        seen: float32 [4096], running share of the episodes that showed an observation with this hash.
        gain: float32 [2, octaves, A], running mean of how much rarer the rarest observation was after a deviation at
            such a time, from the first step or from the last, with such an action, than without one; 0 where it was
            not.
    """

    seen: jax.Array
    gain: jax.Array


def octaves(horizon: int) -> int:
    """How many octaves the steps 0..horizon-1 are in."""
    return math.ceil(math.log2(horizon + 1))


def nothing_sought(horizon: int, num_actions: int) -> Sought:
    """Before the first episode: everything counts as common, and no deviation as better than another."""
    return Sought(jnp.ones((_BUCKETS,)), jnp.zeros((2, octaves(horizon), num_actions)))


def octave_of(horizon: int) -> np.ndarray:
    """The octave of each step, int [2, horizon]: from the first step, and from the last."""
    forward = np.floor(np.log2(np.arange(horizon) + 1.5)).astype(np.int32)
    return np.stack([forward, forward[::-1]])


def shares(sought: Sought, adapted: float, horizon: int) -> jax.Array:
    """Shares of the deviations by step and action, float32 [horizon, A]; they add up to 1.

    Args:
        sought: what is known.
        adapted: share that goes by what was gained, in proportion to its square, since small gains are many and mostly
            chance; the rest is uniform over both ends, octaves and actions. All is uniform while nothing was gained.
            Within an octave all steps are alike.
        horizon: the most steps of an episode.
    """
    return jnp.sum(_shares_by_end(sought, adapted, horizon), axis=0)


def _shares_by_end(sought: Sought, adapted: float, horizon: int) -> jax.Array:
    """The parts of `shares`, float32 [2, horizon, A], that were drawn by octaves from the first step, and the last."""
    worth, uniform = jnp.square(sought.gain), jnp.full(sought.gain.shape, 1 / sought.gain.size)
    total = jnp.sum(worth)
    by_octave = jnp.where(total > 0, adapted * worth / jnp.maximum(total, 1e-6) + (1 - adapted) * uniform, uniform)
    octave = octave_of(horizon)
    size = np.bincount(octave[0])
    return by_octave[np.arange(2)[:, None], octave] / size[octave][..., None]


def learned(sought: Sought, episodes: Episodes, adapted: float) -> Sought:
    """What is known after B more whole episodes; of those that deviated, the first deviating step counts.

    A step is in two octaves, one from either end. What it brought counts for each as likely as it was drawn from there:
    else the early half of all steps would be credited with what the very first one brings.

    Args:
        sought: what was known when they were planned.
        episodes: the episodes.
        adapted: as in `shares`.
    """
    horizon, rows = episodes.action.shape
    bucket = hashed(episodes.obs)
    # The observation after the last action is shown as well.
    shown = jnp.arange(horizon + 1)[:, None] <= episodes.length
    column = jnp.broadcast_to(jnp.arange(rows), bucket.shape)
    sees = jnp.zeros((rows, _BUCKETS), bool).at[column, bucket].max(shown)
    seen = sought.seen + _SHARE_SEEN * (jnp.mean(sees, axis=0) - sought.seen)
    rarity = jnp.max(jnp.where(shown, -jnp.log(jnp.maximum(seen, _RAREST))[bucket], 0), axis=0)

    deviated = jnp.any(episodes.deviated, axis=0)
    usual = jnp.sum(rarity * ~deviated) / jnp.maximum(jnp.sum(~deviated), 1)
    time = jnp.argmax(episodes.deviated, axis=0)
    action = episodes.action[time, jnp.arange(rows)].astype(jnp.int32)
    drawn = _shares_by_end(sought, adapted, horizon)[:, time, action]
    drawn = jnp.where(deviated, drawn / jnp.sum(drawn, axis=0), 0)
    ends, octave = jnp.arange(2)[:, None], jnp.asarray(octave_of(horizon))[:, time]
    count, sums = (
        jnp.zeros(sought.gain.shape).at[ends, octave, action].add(drawn * value)
        for value in (jnp.ones(rows), rarity - usual)
    )
    newest = jnp.maximum(sums / jnp.maximum(count, 1e-6), 0)
    # Fewer than one deviation count for as much less.
    return Sought(seen, sought.gain + _SHARE_GAIN * jnp.minimum(count, 1) * (newest - sought.gain))


def hashed(obs: jax.Array) -> jax.Array:
    """Observations [T, B, ...] -> int32 [T, B], the same for equal ones, mostly others for others; below 4096."""
    numbers = obs.reshape(*obs.shape[:2], -1).astype(jnp.float32)
    if obs.dtype == jnp.uint8:
        # Around 0: planes through a corner of all pictures would hardly tell them apart.
        numbers = numbers / 255 - 0.5
    rng = np.random.default_rng(0)
    planes, offsets = rng.normal(size=(numbers.shape[-1], _PLANES)), 0.5 * rng.normal(size=_PLANES)
    bits = numbers @ planes.astype(np.float32) + offsets.astype(np.float32) > 0
    code = jnp.sum(bits.astype(jnp.uint32) << np.arange(_PLANES, dtype=np.uint32), axis=-1)
    # Knuth's multiplicative hash: its upper twelve bits depend on all of the code.
    return ((code * np.uint32(2654435761)) >> np.uint32(20)).astype(jnp.int32)
