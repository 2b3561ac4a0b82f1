"""Returns of many steps, whoever chose the actions: one recursion, whose coefficients make all kinds."""

from typing import Any, Literal

import chex
import jax
import jax.numpy as jnp
import rlax

Trace = Literal["peng", "watkins", "retrace", "tree_backup"]
TRACES: tuple[Trace, ...] = ("peng", "watkins", "retrace", "tree_backup")
"""Kinds of lambda-returns. Of a greedy target policy the last three are one, and other policies have no Watkins's."""


def general_returns(
    r_t: jax.Array,
    discount_t: jax.Array,
    v_t: jax.Array,
    baseline_t: jax.Array,
    trace_t: jax.Array,
    n_step: int | None = None,
) -> jax.Array:
    """Returns `G_0..G_{T-1}` of one trajectory.

        G_{t-1} = r_t + discount_t * (v_t + c_t * (G_t - b_t)),   G_T = b_T.

    `v_t` is the target policy's value at step t, where the return would bootstrap. `G_t - b_t` is by how much the rest
    of the trajectory did better than the baseline, and the trace `c_t` how much of that counts.

    * `b_t = v_t`: a mixture of the n-step returns of all n. It leans towards the policy that acted, and not only while
      values are wrong: values of the target policy are a fixed point only where that is the one that acted.
    * `b_t = q(s_t, a_t)`: the operator of Munos et al. 2016 (arXiv:1606.02647, eq. 3). Values q of the target policy
      are a fixed point of their expected targets, whoever acted and whatever the trace. Traces up to
      pi(a_t) / mu(a_t) make it a contraction.

    The recursion is rlax's, with `(1 - c) b + c G` in it, and the reward takes what `v_t` differs from `b_t`.

    Args:
        r_t: float [T], rewards that followed the steps 0..T-1.
        discount_t: float [T]; 0 where the episode terminated.
        v_t: float [T], values at the steps 1..T.
        baseline_t: float [T], what is expected of `G_t`. Where the trace is 0 it may be any finite number.
        trace_t: float [T], at least 0; 0 where the trajectory does not go on with an action. What stands last does not
            matter.
        n_step: after how many steps a return bootstraps at the latest; None for no bound. With a trace of 1 and
            `b_t = v_t` it is the n-step return, without any correction for who acted. Costs n_step passes over T.

    Returns:
        float [T]; no gradient flows through it.

    Raises:
        AssertionError: for wrong ranks, dtypes or lengths.
    """
    arrays = r_t, discount_t, v_t, baseline_t, trace_t
    chex.assert_rank(arrays, 1)
    chex.assert_type(arrays, float)
    chex.assert_equal_shape(arrays)
    r_t, discount_t, v_t, baseline_t, trace_t = jax.lax.stop_gradient(arrays)
    # Where nothing is corrected the baseline drops out: v_t in its place leaves no error of rounding.
    baseline_t = jnp.where(trace_t > 0, baseline_t, v_t)
    r_t = r_t + discount_t * (v_t - baseline_t)
    if n_step is None:
        returns: Any = rlax.lambda_returns(r_t, discount_t, baseline_t, trace_t)
        return returns

    def one_step_longer(_: int, returns: jax.Array) -> jax.Array:
        ahead = jnp.append(returns[1:], baseline_t[-1])
        return r_t + discount_t * ((1 - trace_t) * baseline_t + trace_t * ahead)

    # Not rlax's n-step returns: they write out all n passes, which takes XLA minutes where n is some hundreds.
    return jax.lax.fori_loop(1, min(n_step, r_t.shape[0]), one_step_longer, r_t + discount_t * baseline_t)
