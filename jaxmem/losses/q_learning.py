"""Temporal-difference errors of double Q-learning with lambda-returns."""

from typing import Any, Literal

import chex
import jax
import jax.numpy as jnp
import rlax

from jaxmem.losses.reduce import taken

Trace = Literal["peng", "watkins"]
TRACES: tuple[Trace, ...] = ("peng", "watkins")


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
) -> jax.Array:
    """TD errors `G_t - q(s_{t-1}, a_{t-1})` of one trajectory, G being a double-Q lambda-return.

    The bootstrap value is that of double Q-learning: `v_t = q_value(s_t, argmax_a q_selector(s_t, a))`
    (van Hasselt et al. 2016, arXiv:1509.06461, eq. 4), and

        G_t = r_t + discount_t * ((1 - l_t) * v_t + l_t * G_{t+1}).

    * `lambda_=0` is one-step double Q-learning.
    * `trace="peng"`: `l_t = lambda_` at every step (Peng & Williams 1996). Off-policy it is biased towards
      the behaviour policy, the more the larger lambda is; nothing is cut.
    * `trace="watkins"`: `l_t = lambda_` only where the action taken at t is the selector's greedy one, so that
      the return is cut at the first exploratory action (Watkins 1989).

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
        trace: which lambda-return, "peng" or "watkins".

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
    if trace == "watkins":
        # a_t, the action at the step that v_t is the value of; the last step has none, and continues_t is
        # false or the array ends there, so what stands in its place does not matter.
        a_t = jnp.append(a_tm1[1:], -1)
        lambda_t = lambda_t * (a_t == greedy_t)
    return_t: Any = rlax.lambda_returns(r_t, discount_t, v_t, lambda_t)
    return jax.lax.stop_gradient(return_t) - taken(q_tm1, a_tm1)
