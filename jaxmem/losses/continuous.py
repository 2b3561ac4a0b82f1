"""Actor-critics with continuous actions: the returns of their twin critics, and squashed Gaussians.

Sources: Fujimoto et al. 2018 (TD3), arXiv:1802.09477; Haarnoja et al. 2018 (SAC), arXiv:1812.05905.
"""

import math

import chex
import jax
import jax.numpy as jnp

from jaxmem.losses.returns import general_returns


def clipped_double_returns(
    r_t: jax.Array,
    discount_t: jax.Array,
    q_t: jax.Array,
    bonus_t: jax.Array,
    continues_t: jax.Array,
    lambda_: float = 0.0,
    n_step: int | None = None,
) -> jax.Array:
    """Returns that both critics are regressed to, of one trajectory.

        G_{t-1} = r_t + discount_t * (bonus_t + v_t + c_t * (G_t - v_t)),    v_t = min_i q_i(s_t, a_t'),

    where a_t' is the target policy's action, and c_t is `lambda_` where the trajectory goes on, else 0. `lambda_=0` is
    TD3's and SAC's target (TD3, algorithm 1; SAC, eq. 2 and 5, whose bonus is `-temperature * log_prob`). A longer one
    is biased towards the policy that acted: nothing is cut.

    Args:
        r_t: float [T], rewards that followed the steps 0..T-1.
        discount_t: float [T]; 0 where the episode terminated, and in the padding.
        q_t: float [2, T], both target critics at the steps 1..T, of the target policy's actions there.
        bonus_t: float [T], what these actions are worth besides; 0 in TD3.
        continues_t: bool [T], whether the trajectory goes on with an action at step t. Where it does not (a time
            limit, the end of a part) the return bootstraps, whatever lambda is.
        lambda_: mixing parameter in [0, 1].
        n_step: after how many steps a return bootstraps at the latest; None for no bound.

    Returns:
        float [T]; no gradient flows through it. What it is in the padding means nothing.

    Raises:
        AssertionError: for wrong ranks, dtypes or lengths.
    """
    arrays = [r_t, discount_t, q_t, bonus_t, continues_t]
    chex.assert_rank(arrays, [1, 1, 2, 1, 1])
    chex.assert_type(arrays, [float, float, float, float, bool])
    chex.assert_equal_shape([r_t, discount_t, bonus_t, continues_t])
    chex.assert_shape(q_t, (2, *r_t.shape))
    v_t = jnp.min(q_t, axis=0)
    trace_t = lambda_ * continues_t.astype(r_t.dtype)
    return general_returns(r_t + discount_t * bonus_t, discount_t, v_t, v_t, trace_t, n_step)


def squashed_normal(mean: jax.Array, log_std: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """An action `tanh(u)`, u normal, and the logarithm of its density (SAC, appendix C, eq. 26).

    Args:
        mean: float [..., A], of u.
        log_std: float [..., A].
        key: randomness.

    Returns:
        Actions [..., A] in [-1, 1], through which gradients reach mean and spread, and log-densities [...].
    """
    noise = jax.random.normal(key, mean.shape)
    u = mean + jnp.exp(log_std) * noise
    # log(1 - tanh(u)^2) without its cancellation at large u.
    log_slope = 2 * (math.log(2) - u - jax.nn.softplus(-2 * u))
    log_density = -0.5 * jnp.square(noise) - log_std - 0.5 * math.log(2 * math.pi) - log_slope
    return jnp.tanh(u), jnp.sum(log_density, axis=-1)
