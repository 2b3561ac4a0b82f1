"""Soft actor-critic for discrete actions: expectations over actions are sums, not samples.

Sources: Haarnoja et al. 2018, arXiv:1801.01290; Christodoulou 2019, arXiv:1910.07207.
"""

from typing import Any

import chex
import jax
import jax.numpy as jnp
import rlax

from jaxmem.losses.policy import clipped_log_softmax, entropy


def soft_lambda_returns(
    r_t: jax.Array,
    discount_t: jax.Array,
    q_t: jax.Array,
    logits_t: jax.Array,
    continues_t: jax.Array,
    temperature: float | jax.Array,
    lambda_: float = 0.0,
) -> jax.Array:
    """Returns that both critics are regressed to, of one trajectory.

        G_t = r_t + discount_t * (temperature * H_t + (1 - l_t) * E_t + l_t * G_{t+1}),

    where H_t is the policy's entropy at step t, E_t = sum_a pi(a) min_i q_i(a) its expected value there, and l_t is
    `lambda_` where the trajectory goes on, else 0. `lambda_=0` is the target of soft actor-critic; larger ones follow
    Peng & Williams 1996 and are biased towards the policy that acted.

    Args:
        r_t: float [T], rewards that followed the steps 0..T-1.
        discount_t: float [T]; 0 where the episode terminated.
        q_t: float [2, T, A], both target critics' values at the steps 1..T.
        logits_t: float [T, A], the policy's there.
        continues_t: bool [T], whether the trajectory goes on with an action at step t.
        temperature: weight of the entropy.
        lambda_: mixing parameter in [0, 1].

    Returns:
        float [T]; no gradient flows through it.

    Raises:
        AssertionError: for wrong ranks, dtypes or lengths.
    """
    chex.assert_rank([r_t, discount_t, q_t, logits_t, continues_t], [1, 1, 3, 2, 1])
    chex.assert_type([r_t, discount_t, q_t, logits_t, continues_t], [float, float, float, float, bool])
    chex.assert_equal_shape([r_t, discount_t, continues_t])
    chex.assert_shape(q_t, (2, *logits_t.shape))
    expected_t = jnp.sum(jax.nn.softmax(logits_t) * jnp.min(q_t, axis=0), axis=-1)
    bonus_t = discount_t * temperature * entropy(logits_t)
    lambda_t = lambda_ * continues_t.astype(r_t.dtype)
    returns: Any = rlax.lambda_returns(r_t + bonus_t, discount_t, expected_t, lambda_t)
    return jax.lax.stop_gradient(returns)


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
