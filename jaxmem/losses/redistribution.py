"""Rewards moved to the steps that earned them, as learned models see it."""

import chex
import jax
import jax.numpy as jnp


def return_differences(prediction: jax.Array, reward: jax.Array, mask: jax.Array) -> jax.Array:
    """Rewards of one episode, redistributed as differences of predicted returns.

    A step's new reward is by how much it changed the prediction of the episode's return:

        r'_t = g_t - g_{t-1},    g_{-1} = 0,

    and the last step gets what the last prediction missed besides, so that the sum of the rewards stays what it was
    (Arjona-Medina et al. 2019, arXiv:1806.07857, section 3 and appendix A2.7).

    Args:
        prediction: float [T], g_t of the undiscounted return, from the steps up to t.
        reward: float [T], as paid.
        mask: bool [T], the steps that were taken, from the first to the last one without a gap.

    Returns:
        float [T], 0 where nothing was done; no gradient flows through it.

    Raises:
        AssertionError: for wrong ranks, dtypes or lengths.
    """
    chex.assert_rank([prediction, reward, mask], 1)
    chex.assert_type([prediction, reward, mask], [float, float, bool])
    chex.assert_equal_shape([prediction, reward, mask])
    difference = prediction - jnp.append(0.0, prediction[:-1])
    is_last = mask & ~jnp.append(mask[1:], False)
    missed = jnp.sum(jnp.where(mask, reward, 0)) - jnp.sum(jnp.where(is_last, prediction, 0))
    return jax.lax.stop_gradient(jnp.where(mask, difference, 0) + jnp.where(is_last, missed, 0))


def synthetic_rewards(contribution: jax.Array, gate: jax.Array, baseline: jax.Array) -> jax.Array:
    """Rewards of one episode, explained by what earlier steps contributed.

        r_t ~ gate_t * sum_{k < t} contribution_k + baseline_t

    (Raposo et al. 2021, arXiv:2102.12425, section 3).

    Args:
        contribution: float [T], of each step to all later rewards.
        gate: float [T], from 0 to 1, how far the reward of a step depends on earlier ones.
        baseline: float [T], what it is without them.

    Returns:
        float [T].

    Raises:
        AssertionError: for wrong ranks, dtypes or lengths.
    """
    chex.assert_rank([contribution, gate, baseline], 1)
    chex.assert_type([contribution, gate, baseline], float)
    chex.assert_equal_shape([contribution, gate, baseline])
    earlier = jnp.cumsum(contribution) - contribution
    return gate * earlier + baseline
