"""Advantages: over what other rows got, as far as values can be believed, and of one size."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import rlax

from jaxmem.losses import masked_mean

# Of what is compared: less of a difference between rows may be rounding.
_LEAST_DIFFERENCE = 1e-4


def relative_rewards(
    reward: jax.Array, discount_t: jax.Array, terminated: jax.Array, mask: jax.Array, discount: float
) -> tuple[jax.Array, jax.Array]:
    """Rewards over the mean of what the other rows got at the same step, in units of how far their returns differ.

    Rows that begin together share most of what happens to them: time passes, and what everybody finds is found. A value
    that has to predict it needs all of its precision for that, and what one row did differently drowns. What the other
    rows got does not depend on this row, so that the differences bias no policy gradient (with leave-one-out means:
    Kool et al. 2019, "Buy 4 REINFORCE samples"). The unit does, a little, as every normalisation by a batch's own
    deviation: the row itself is one of those that it is made of. Values that were learned in an earlier unit are not
    rescaled.

    An episode that ends for good earlier than others is charged with what these still get in this batch. Where a time
    limit cuts one off, nothing is charged for what comes after; values stand for that.

    Args:
        reward: float [T, B], of whole episodes that begin in step 0; 0 where nothing was done.
        discount_t: float [T, B]; 0 where an episode ended for good, and where nothing was done.
        terminated: bool [T, B], the steps that ended an episode for good.
        mask: bool [T, B], the steps in which something was done.
        discount: the plain one, of the others' rewards.

    Returns:
        The rewards, float [T, B], and the unit, a scalar: the root mean square of the returns of such rewards. What
        differs by rounding alone does not differ; where nothing does, both are 0.
    """

    def ahead(rewards: jax.Array, discounts: jax.Array) -> jax.Array:
        returns: Any = jax.vmap(rlax.discounted_returns, in_axes=1, out_axes=1)
        return returns(rewards, discounts, jnp.zeros_like(rewards))

    def size(values: jax.Array) -> jax.Array:
        return jnp.sqrt(masked_mean(jnp.square(values), mask))

    rows = reward.shape[1]
    others = (jnp.sum(reward, axis=1, keepdims=True) - reward) / max(rows - 1, 1)
    missed = ahead(others, jnp.full_like(reward, discount))
    less = jnp.where(terminated, missed, others)
    # Reward by reward: in the returns of a whole batch, the first steps of an agent that cannot walk yet would be lost.
    differs = mask & (jnp.abs(reward - less) > _LEAST_DIFFERENCE * jnp.maximum(jnp.abs(reward), jnp.abs(less)))
    relative = jnp.where(differs, reward - less, 0)
    unit = size(ahead(relative, discount_t))
    return relative / jnp.where(unit > 0, unit, 1), unit


class Judged(NamedTuple):
    """What is made of one kind of reward.

    Attributes:
        target: float [T, B], what its values are regressed to; [T, B, K] of K kinds together.
        advantage: float [T, B], how much better what was done is than the old policy.
        trust: scalar, how far differences of its values were believed.
        unit: scalar, in how much reward all of that is counted.
    """

    target: jax.Array
    advantage: jax.Array
    trust: jax.Array
    unit: jax.Array


def judged_together(kinds: Judged, alike: bool) -> Judged:
    """Several kinds of reward, on the last axis: targets as they are, advantages added up in one unit.

    That is the root of the units' summed squares; trust is weighted by them.

    Args:
        kinds: what was made of each, of relative rewards. In a kind of which all rows get the same nothing counts.
        alike: whether an advantage counts in its own kind's unit, instead of as much as was paid.
    """
    weight = jnp.where(kinds.unit > 0, 1.0, 0.0) if alike else kinds.unit
    share = jnp.square(weight)
    unit = jnp.sqrt(jnp.sum(share))
    safe = jnp.where(unit > 0, unit, 1)
    advantage = jnp.sum(kinds.advantage * weight, axis=-1) / safe
    return Judged(kinds.target, advantage, jnp.sum(kinds.trust * share) / jnp.square(safe), unit)


def over_step_mean(advantage: jax.Array, mask: jax.Array) -> jax.Array:
    """Advantages less the mean of the other rows' at the same step; 0 where there is no other row.

    A value that does not know how late it is errs alike in all rows, over hundreds of steps by more than a single
    action can cost. What the other rows got does not depend on what was done in this one, so that it is a baseline like
    any other, and nothing is biased by it (with leave-one-out means: Kool et al. 2019, "Buy 4 REINFORCE samples").

    Args:
        advantage: float [T, B].
        mask: bool [T, B], the steps in which something was done; others are 0.
    """
    rows = jnp.sum(mask, axis=1, keepdims=True)
    sums = jnp.sum(jnp.where(mask, advantage, 0), axis=1, keepdims=True)
    others = (sums - advantage) / jnp.maximum(rows - 1, 1)
    return jnp.where(mask & (rows > 1), advantage - others, 0)


def calibrated(value: jax.Array, target: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Values whose differences between rows are as large as the returns bear out, and the share of them that is left.

    Advantages that bootstrap follow whatever values say of an action. Before there is anything to tell rows apart by,
    that is made up, and the policy would become sure of it. So at each step values are drawn towards the rows' mean,
    until they predict: by the slope of the returns over the values, both less their means over the rows.

    Args:
        value: float [T+1, B].
        target: float [T, B], returns; of whole episodes if they are to say more than the values.
        mask: bool [T, B], the steps in which something was done.

    Returns:
        The values, float [T+1, B], and the slope, a scalar from 0 to 1.
    """
    whole = jnp.concatenate([mask, jnp.zeros_like(mask[:1])])
    rows = jnp.maximum(jnp.sum(whole, axis=1, keepdims=True), 1)
    mean = jnp.sum(jnp.where(whole, value, 0), axis=1, keepdims=True) / rows
    # Where nothing was done in any row there is nothing to be compared.
    off = jnp.where(jnp.any(whole, axis=1, keepdims=True), value - mean, 0)
    known = jnp.where(mask, off[:-1], 0)
    slope = jnp.sum(known * jnp.where(mask, target, 0)) / jnp.maximum(jnp.sum(jnp.square(known)), 1e-12)
    trust = jnp.clip(slope, 0, 1)
    return value - (1 - trust) * off, trust


def normalized(advantage: jax.Array, mask: jax.Array, least: float = 0.0) -> jax.Array:
    """Advantages less their mean, over their deviation or `least`, by the steps in which something was done."""
    centred = advantage - masked_mean(advantage, mask)
    return centred / jnp.maximum(jnp.sqrt(masked_mean(jnp.square(centred), mask) + 1e-8), least)
