"""Rewards as a learner may want to see them."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

REWARD_CLIPS = ("off", "abs_one", "sign", "soft_asymmetric")


def clip_rewards(reward: jax.Array, mode: str) -> jax.Array:
    """Rewards, float of any shape, squeezed by one of `REWARD_CLIPS`.

    * off: as they are.
    * abs_one: cut off at -1 and 1 (Espeholt et al. 2018, arXiv:1802.01561, for Atari).
    * sign: -1, 0 or 1 (Mnih et al. 2015).
    * soft_asymmetric: `5 tanh(r / 5)`, negative ones times 0.3: the code of Espeholt et al. 2018 for DMLab.

    Raises:
        ValueError: for another mode.
    """
    if mode not in REWARD_CLIPS:
        raise ValueError(f"mode is {mode!r}: allowed is one of {', '.join(REWARD_CLIPS)}")
    if mode == "abs_one":
        return jnp.clip(reward, -1, 1)
    if mode == "sign":
        return jnp.sign(reward)
    if mode == "soft_asymmetric":
        squeezed = 5 * jnp.tanh(reward / 5)
        return jnp.where(reward < 0, 0.3 * squeezed, squeezed)
    return reward


def by_size(reward: jax.Array, sizes: Sequence[float]) -> jax.Array:
    """Rewards, float [...], sorted by size: float [..., K], with K - 1 ascending `sizes` between.

    The first are those whose absolute value is below `sizes[0]`, the last those from `sizes[-1]` on. What is paid often
    and what is paid rarely mostly differ in size, so that each can have a value of its own, as parts of a reward that
    are known have in van Seijen et al. 2017 (arXiv:1706.04208).
    """
    kind = jnp.sum(jnp.abs(reward)[..., None] >= np.array(sizes, np.float32), axis=-1)
    return jnp.where(kind[..., None] == np.arange(len(sizes) + 1), reward[..., None], 0)
