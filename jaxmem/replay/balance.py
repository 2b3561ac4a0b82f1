"""Episodes that did well, so that a rare success is learned from more than once."""

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import struct

from jaxmem.config import Config, number
from jaxmem.replay.episodes import Episodes
from jaxmem.replay.ring import Replay, take, uniform_rows


@dataclass(frozen=True)
class BalanceOptions(Config):
    """How much of each batch out of the replay comes from episodes that did well.

    What is drawn so is not weighed down again. A learner of values then overrates what depends on luck: of actions
    whose outcome is random, it sees the good outcomes more often than they happen. Where the same actions on the same
    observations always lead to the same end, nothing is biased but how much each episode counts.
    """

    path: ClassVar[str] = "balance"

    share: float = number(0.0, 0, 1)
    """share of each batch that is drawn among the episodes whose return is above the bound; 0 draws from all alike"""
    quantile: float = number(0.9, 0, 0.999)
    """the bound: the return that this share of the stored episodes does not exceed"""
    above: float | None = number(None, optional=True)
    """a bound that stays the same, instead; none takes the quantile"""


@struct.dataclass
class Favoured:
    """Rows of a replay that a part of each batch is drawn from.

    Attributes:
        rows: int32 [capacity], of which the first `count` are meant.
        count: int32 scalar; 0 where no episode did well, and all are drawn alike.
        share: of each batch, rounded up to whole episodes; the others are drawn from all that is stored.
    """

    rows: jax.Array
    count: jax.Array
    share: float = struct.field(pytree_node=False)


def favoured(replay: Replay, options: BalanceOptions) -> Favoured:
    """The episodes whose return is above the bound; there are none where all did equally well."""
    rows = jnp.arange(replay.capacity)
    stored = rows < replay.size
    returns = jnp.sum(replay.data.reward, axis=1)
    bound = options.above
    if bound is None:
        last = jnp.floor(options.quantile * (replay.size - 1)).astype(jnp.int32)
        bound = jnp.sort(jnp.where(stored, returns, jnp.inf))[last]
    above = stored & (returns > bound)
    # A stable sort: rows that are favoured first.
    return Favoured(jnp.argsort(~above).astype(jnp.int32), jnp.sum(above, dtype=jnp.int32), options.share)


def sample_balanced(replay: Replay, favoured: Favoured, key: jax.Array, batch_size: int) -> Episodes:
    """Draw `batch_size` episodes with replacement, the first ones from the favoured rows, the others from all.

    `favoured` must have been made of this replay, in which at least one episode is stored.
    """
    return take(replay, balanced_rows(replay, favoured, key, batch_size))


def balanced_rows(replay: Replay, favoured: Favoured, key: jax.Array, batch_size: int) -> jax.Array:
    """Rows of `batch_size` episodes, int32 [B]: see `sample_balanced`."""
    all_key, favoured_key = jax.random.split(key)
    drawn = jax.random.randint(favoured_key, (batch_size,), 0, jnp.maximum(favoured.count, 1))
    from_favoured = jnp.arange(batch_size) < math.ceil(favoured.share * batch_size)
    return jnp.where(
        from_favoured & (favoured.count > 0), favoured.rows[drawn], uniform_rows(replay, all_key, batch_size)
    )
