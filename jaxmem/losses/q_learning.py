"""Temporal-difference errors of double Q-learning with returns of many steps."""

import chex
import jax
import jax.numpy as jnp

from jaxmem.losses.reduce import taken
from jaxmem.losses.returns import TRACES, Trace, general_returns


def double_q_lambda(
    q_tm1: jax.Array,
    a_tm1: jax.Array,
    r_t: jax.Array,
    discount_t: jax.Array,
    q_t_value: jax.Array,
    q_t_selector: jax.Array,
    continues_t: jax.Array,
    lambda_: float = 0.0,
    trace: Trace = "peng",
    n_step: int | None = None,
) -> jax.Array:
    """TD errors `G_{t-1} - q(s_{t-1}, a_{t-1})` of one trajectory, G being a double-Q lambda-return.

    The bootstrap value is that of double Q-learning: `v_t = q_value(s_t, argmax_a q_selector(s_t, a))`
    (van Hasselt et al. 2016, arXiv:1509.06461, eq. 4), and

        G_{t-1} = r_t + discount_t * ((1 - l_t) * v_t + l_t * G_t).

    * `lambda_=0` is one-step double Q-learning.
    * `trace="peng"`: `l_t = lambda_` at every step (Peng & Williams 1996). Off-policy it is biased towards
      the behaviour policy, the more the larger lambda is; nothing is cut.
    * `trace="watkins"`: `l_t = lambda_` only where the action taken at t is the selector's greedy one, so that
      the return is cut at the first exploratory action (Watkins 1989).
    * `trace="retrace"`: `l_t = lambda_ * min(1, pi(a_t) / mu(a_t))` (Munos et al. 2016, arXiv:1606.02647). The target
      policy pi is the selector's greedy one: the ratio is at least 1 where it is not 0, so that whatever mu is, this
      is Watkins's return by another name. So is "tree_backup", `l_t = lambda_ * pi(a_t)` (Precup et al. 2000).
    * `lambda_=1` with `n_step` is the n-step return, uncorrected with "peng" (as in Hessel et al. 2018,
      arXiv:1710.02298), cut with the others.

    No gradient flows into the return: only `q_tm1` is differentiated.

    Args:
        q_tm1: float [T, A], values at the steps 0..T-1.
        a_tm1: int [T], actions taken there.
        r_t: float [T], rewards that followed.
        discount_t: float [T]; 0 where the episode terminated.
        q_t_value: float [T, A], the target net's values at the steps 1..T.
        q_t_selector: float [T, A], the values that choose the bootstrap action there.
        continues_t: bool [T], whether the trajectory goes on with an action at step t. Where it does not (a time
            limit, the end of the data) the return is the bootstrap value alone, whatever lambda is.
        lambda_: mixing parameter in [0, 1].
        trace: which lambda-return, one of `TRACES`.
        n_step: after how many steps a return bootstraps at the latest; None for no bound.

    Returns:
        float [T], the TD errors.

    Raises:
        AssertionError: for wrong ranks, dtypes or lengths.
        ValueError: for an unknown trace.
    """
    chex.assert_rank([q_tm1, a_tm1, r_t, discount_t, q_t_value, q_t_selector, continues_t], [2, 1, 1, 1, 2, 2, 1])
    chex.assert_type([q_tm1, a_tm1, r_t, discount_t, continues_t], [float, int, float, float, bool])
    chex.assert_equal_shape([q_tm1, q_t_value, q_t_selector])
    chex.assert_equal_shape([a_tm1, r_t, discount_t, continues_t])
    if trace not in TRACES:
        raise ValueError(f"trace is {trace!r}: allowed is one of {', '.join(TRACES)}")

    greedy_t = jnp.argmax(q_t_selector, axis=-1)
    v_t = taken(q_t_value, greedy_t)
    lambda_t = lambda_ * continues_t.astype(r_t.dtype)
    if trace != "peng":
        # a_t, the action at the step that v_t is the value of; the last step has none, and its trace does not matter.
        lambda_t = lambda_t * (jnp.roll(a_tm1, -1) == greedy_t)
    # A baseline of q_value(s_t, a_t) would be the same: the trace is 0 where a_t is not the action of v_t.
    return general_returns(r_t, discount_t, v_t, v_t, lambda_t, n_step) - taken(q_tm1, a_tm1)
