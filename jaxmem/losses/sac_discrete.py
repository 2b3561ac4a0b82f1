"""Soft actor-critic for discrete actions: expectations over actions are sums, not samples.

Sources: Haarnoja et al. 2018, arXiv:1801.01290; Christodoulou 2019, arXiv:1910.07207.
"""

import chex
import jax
import jax.numpy as jnp

from jaxmem.losses.policy import clipped_log_softmax, entropy
from jaxmem.losses.reduce import taken
from jaxmem.losses.returns import TRACES, Trace, general_returns

SOFT_TRACES: tuple[Trace, ...] = tuple(trace for trace in TRACES if trace != "watkins")


def soft_lambda_returns(
    r_t: jax.Array,
    discount_t: jax.Array,
    q_t: jax.Array,
    logits_t: jax.Array,
    a_tm1: jax.Array,
    log_mu_tm1: jax.Array,
    continues_t: jax.Array,
    temperature: float | jax.Array,
    lambda_: float = 0.0,
    trace: Trace = "peng",
    n_step: int | None = None,
) -> jax.Array:
    """Returns that both critics are regressed to, of one trajectory.

        G_{t-1} = r_t + discount_t * (temperature * H_t + E_t + c_t * (G_t - b_t)),

    where H_t is the policy's entropy at step t, q = min_i q_i, and E_t = sum_a pi(a) q(s_t, a) its expected value
    there. The entropy of a step counts in the returns of those before, not in its own, as the critics have it: it is in
    neither G_t nor b_t. `lambda_=0` is the target of soft actor-critic. Where the trajectory goes on,

    * `trace="peng"`: `c_t = lambda_`, `b_t = E_t` (Peng & Williams 1996). Nothing is cut; the return is biased towards
      the policy that acted.
    * `trace="retrace"`: `c_t = lambda_ * min(1, pi(a_t) / mu(a_t))`, `b_t = q(s_t, a_t)` (Munos et al. 2016,
      arXiv:1606.02647). Where q is the policy's soft value, it is the expected target, whoever acted. Where the policy
      itself acted, nothing is cut.
    * `trace="tree_backup"`: `c_t = lambda_ * pi(a_t)` and the same baseline, likewise without a bias (Precup et al.
      2000). It need not know who acted, and cuts more.
    * `lambda_=1` with `n_step` and "peng" is the n-step return, uncorrected.

    There is no Watkins's return: it is cut at actions that are not greedy, and pi is not greedy. For a policy that is,
    "retrace" and "tree_backup" are both that return.

    Args:
        r_t: float [T], rewards that followed the steps 0..T-1.
        discount_t: float [T]; 0 where the episode terminated.
        q_t: float [2, T, A], both target critics' values at the steps 1..T.
        logits_t: float [T, A], the policy's there.
        a_tm1: int [T], actions taken at the steps 0..T-1.
        log_mu_tm1: float [T], logarithm of the probability with which each was chosen; only "retrace" looks at it.
        continues_t: bool [T], whether the trajectory goes on with an action at step t. Where it does not (a time
            limit, the end of the data) the return bootstraps, whatever lambda is.
        temperature: weight of the entropy.
        lambda_: mixing parameter in [0, 1].
        trace: which lambda-return, one of `SOFT_TRACES`.
        n_step: after how many steps a return bootstraps at the latest; None for no bound.

    Returns:
        float [T]; no gradient flows through it.

    Raises:
        AssertionError: for wrong ranks, dtypes or lengths.
        ValueError: for an unknown trace.
    """
    arrays = [r_t, discount_t, q_t, logits_t, a_tm1, log_mu_tm1, continues_t]
    chex.assert_rank(arrays, [1, 1, 3, 2, 1, 1, 1])
    chex.assert_type(arrays, [float, float, float, float, int, float, bool])
    chex.assert_equal_shape([r_t, discount_t, a_tm1, log_mu_tm1, continues_t])
    chex.assert_shape(q_t, (2, *logits_t.shape))
    if trace not in SOFT_TRACES:
        raise ValueError(f"trace is {trace!r}: allowed is one of {', '.join(SOFT_TRACES)}")
    lower_t = jnp.min(q_t, axis=0)
    expected_t = jnp.sum(jax.nn.softmax(logits_t) * lower_t, axis=-1)
    bonus_t = discount_t * temperature * entropy(logits_t)
    baseline_t, trace_t = expected_t, lambda_ * continues_t.astype(r_t.dtype)
    if trace != "peng":
        # Actions at the steps 1..T; the last step has none, and its trace does not matter.
        a_t = jnp.roll(a_tm1, -1)
        baseline_t = taken(lower_t, a_t)
        log_ratio_t = taken(jax.nn.log_softmax(logits_t), a_t)
        if trace == "retrace":
            log_ratio_t = jnp.minimum(0, log_ratio_t - jnp.roll(log_mu_tm1, -1))
        trace_t = trace_t * jnp.exp(log_ratio_t)
    return general_returns(r_t + bonus_t, discount_t, expected_t, baseline_t, trace_t, n_step)


def sac_policy_loss(logits: jax.Array, q: jax.Array, temperature: float | jax.Array) -> jax.Array:
    """`sum_a pi(a) (temperature * log pi(a) - min_i q_i(a))` at each step of one trajectory.

    Args:
        logits: float [T, A].
        q: float [2, T, A], both critics' values; pass them through `stop_gradient` to train the policy alone.
        temperature: weight of the entropy.

    Returns:
        float [T].

    Raises:
        AssertionError: for wrong ranks, dtypes or lengths.
    """
    chex.assert_rank([logits, q], [2, 3])
    chex.assert_type([logits, q], float)
    chex.assert_shape(q, (2, *logits.shape))
    values = temperature * clipped_log_softmax(logits) - jnp.min(q, axis=0)
    return jnp.sum(jax.nn.softmax(logits) * values, axis=-1)


def temperature_loss(log_temperature: jax.Array, entropy: jax.Array, target: float) -> jax.Array:
    """`temperature * (entropy - target)`: its descent lowers the temperature while there is more entropy than wanted.

    Args:
        log_temperature: float scalar, the only one that gets a gradient.
        entropy: float scalar, the policy's mean entropy in nats.
        target: the entropy that is wanted, in nats.

    Returns:
        A float scalar.
    """
    return jnp.exp(log_temperature) * (jax.lax.stop_gradient(entropy) - target)
