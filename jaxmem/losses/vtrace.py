"""V-trace: value targets and advantages from actions that an older policy chose."""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import rlax


class VTraceOutput(NamedTuple):
    """What V-trace makes of one trajectory, float [T] each; no gradient flows through either.

    Attributes:
        target: `v_s`, what the values are regressed to.
        advantage: what the gradient of the policy's log-probability is weighted with, times the importance ratio.
    """

    target: jax.Array
    advantage: jax.Array


def vtrace(
    v_tm1: jax.Array,
    v_t: jax.Array,
    r_t: jax.Array,
    discount_t: jax.Array,
    rho_tm1: jax.Array,
    lambda_: float = 1.0,
    clip_rho: float | None = 1.0,
    clip_c: float | None = 1.0,
) -> VTraceOutput:
    """V-trace targets and advantages of one trajectory (Espeholt et al. 2018, arXiv:1802.01561, section 4).

        v_s = V_s + sum_{t >= s} (prod_{i = s}^{t-1} discount_{i+1} c_i) min(clip_rho, rho_t) (r + discount V' - V)_t
        c_i = lambda min(clip_c, rho_i)
        advantage_s = r + discount (lambda v_{s+1} + (1 - lambda) V_{s+1}) - V_s

    The gradient of IMPALA is min(clip_pg_rho, rho_s) advantage_s times that of the log-probability: `clip_ratio`.

    With all ratios at 1 the targets are lambda-returns, and the advantages those of Schulman et al. 2016
    (arXiv:1506.02438); with `lambda_=1` besides, both are Monte-Carlo. A ratio of 0 says that a step has no action: its
    target is its own value, and no correction passes it.

    The recursion is rlax's, whose clip of c is fixed at 1: the rest of `clip_c` is put into its lambda.

    Args:
        v_tm1: float [T], values at the steps 0..T-1.
        v_t: float [T], values at the steps 1..T.
        r_t: float [T], rewards that followed the steps 0..T-1.
        discount_t: float [T]; 0 where the episode terminated.
        rho_tm1: float [T], importance ratios of the actions at the steps 0..T-1.
        lambda_: mixing parameter in [0, 1].
        clip_rho: bound of the ratios in the TD errors; None does not clip.
        clip_c: bound of the ratios in the trace; None does not clip.

    Raises:
        AssertionError: for wrong ranks, dtypes or lengths.
    """
    arrays = [v_tm1, v_t, r_t, discount_t, rho_tm1]
    chex.assert_rank(arrays, 1)
    chex.assert_type(arrays, float)
    chex.assert_equal_shape(arrays)
    rho_tm1 = jax.lax.stop_gradient(rho_tm1)
    # rlax multiplies by min(1, rho) again; where that is 0, so is the trace.
    share = clip_ratio(rho_tm1, clip_c) / jnp.where(rho_tm1 > 0, jnp.minimum(1, rho_tm1), 1)
    bound: Any = jnp.inf if clip_rho is None else clip_rho
    errors: Any = rlax.vtrace(v_tm1, v_t, r_t, discount_t, rho_tm1, lambda_ * share, bound)
    target = jax.lax.stop_gradient(errors + v_tm1)
    # After the last step there is no target: its value stands for it.
    ahead = v_t + lambda_ * jnp.append(target[1:] - v_t[:-1], 0)
    advantage = r_t + discount_t * ahead - v_tm1
    return VTraceOutput(target, jax.lax.stop_gradient(advantage))


def clip_ratio(rho: jax.Array, bound: float | None) -> jax.Array:
    """`min(bound, rho)`; None does not clip."""
    return rho if bound is None else jnp.minimum(bound, rho)
