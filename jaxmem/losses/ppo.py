"""The losses of proximal policy optimisation, per step."""

import jax
import jax.numpy as jnp


def clipped_ratio_loss(ratio: jax.Array, advantage: jax.Array, clip: float, worst: float | None = None) -> jax.Array:
    """What is minimised for the policy (Schulman et al. 2017, arXiv:1707.06347, eq. 7), with its sign turned.

        -min(ratio A, clip(ratio, 1 - clip, 1 + clip) A)

    A policy gains nothing by moving a ratio further than the clip where that pays, but loses where it does not: without
    a bound, unless there is a `worst` ratio, from which on an action that did worse than expected no longer counts
    (dual clip, Ye et al. 2020, arXiv:1912.09729, eq. 5).

    Args:
        ratio: float [...], probability of an action under the policy over that under the one before the updates.
        advantage: float [...].
        clip: how far a ratio may be from 1.
        worst: the largest ratio that counts where the advantage is negative; None has no bound.

    Returns:
        float [...].
    """
    gain = jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - clip, 1 + clip) * advantage)
    if worst is not None:
        gain = jnp.where(advantage < 0, jnp.maximum(gain, worst * advantage), gain)
    return -gain


def clipped_value_loss(value: jax.Array, old_value: jax.Array, target: jax.Array, clip: float | None) -> jax.Array:
    """Half the squared error of values; with `clip`, at least that of values kept so close to the old ones.

    The clip is in no paper but in OpenAI's code, and CleanRL's (Huang et al. 2022, arXiv:2111.08819).

    Args:
        value: float [...].
        old_value: float [...], before the updates.
        target: float [...].
        clip: how far a value may be from the old one; None does not clip.

    Returns:
        float [...].
    """
    error = jnp.square(value - target)
    if clip is not None:
        near = old_value + jnp.clip(value - old_value, -clip, clip)
        error = jnp.maximum(error, jnp.square(near - target))
    return 0.5 * error
