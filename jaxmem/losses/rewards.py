"""Rewards as a learner may want to see them."""

import jax
import jax.numpy as jnp

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
