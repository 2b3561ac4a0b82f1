"""SAC-Discrete's losses against float64 NumPy, by hand, and on saturated policies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem.losses import (
    clipped_log_softmax,
    entropy,
    log_barrier,
    sac_policy_loss,
    soft_lambda_returns,
    temperature_loss,
)

STEPS, ACTIONS = 7, 3
RNG = np.random.default_rng(0)
Q = RNG.normal(size=(2, STEPS, ACTIONS))
LOGITS = RNG.normal(size=(STEPS, ACTIONS))
REWARD = RNG.normal(size=STEPS)
DISCOUNT = np.array([0.9, 0.9, 0.9, 0.0, 0.9, 0.9, 0.9])
CONTINUES = np.array([True, True, True, False, True, True, False])
TEMPERATURE = 0.3
ACTION = RNG.integers(0, ACTIONS, STEPS)
LOG_MU = np.log(RNG.uniform(0.1, 1, STEPS))


def softmax(logits):
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def f32(x):
    return jnp.asarray(x, jnp.float32)


def returns_of(q=None, logits=None, **options):
    q, logits = f32(Q) if q is None else q, f32(LOGITS) if logits is None else logits
    did = jnp.asarray(ACTION), f32(LOG_MU), jnp.asarray(CONTINUES)
    return soft_lambda_returns(f32(REWARD), f32(DISCOUNT), q, logits, *did, TEMPERATURE, **options)


@pytest.mark.parametrize("lambda_", [0.0, 0.6, 1.0])
def test_returns_are_those_of_the_recursion_in_float64(lambda_):
    p = softmax(LOGITS)
    value = (p * Q.min(axis=0)).sum(axis=-1)
    bonus = -TEMPERATURE * (p * np.log(p)).sum(axis=-1)
    want, following = np.zeros(STEPS), np.nan
    for t in reversed(range(STEPS)):
        mix = lambda_ if CONTINUES[t] else 0.0
        further = (1 - mix) * value[t] + (mix * following if mix else 0.0)
        want[t] = following = REWARD[t] + DISCOUNT[t] * (bonus[t] + further)
    found = returns_of(lambda_=lambda_)
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)


def test_returns_by_hand():
    """Two actions, one step before the end: 1 + 0.5 * (0.5 * min(4, 2) + 0.5 * min(0, 6) + 0.1 * log 2)."""
    q = jnp.array([[[4.0, 0.0], [9.0, 9.0]], [[2.0, 6.0], [9.0, 9.0]]])
    did = jnp.array([0, 1]), jnp.zeros(2), jnp.array([True, False])
    found = soft_lambda_returns(jnp.array([1.0, 3.0]), jnp.array([0.5, 0.0]), q, jnp.zeros((2, 2)), *did, 0.1)
    np.testing.assert_allclose(found, [1 + 0.5 * (1.0 + 0.1 * np.log(2)), 3.0], rtol=1e-6)


@pytest.mark.parametrize(("trace", "n_step"), [("peng", None), ("retrace", None), ("tree_backup", 2)])
def test_no_gradient_flows_through_returns(trace, n_step):
    def total(q, logits):
        return jnp.sum(returns_of(q, logits, lambda_=0.5, trace=trace, n_step=n_step))

    for gradient in jax.grad(total, argnums=(0, 1))(f32(Q), f32(LOGITS)):
        assert not np.asarray(gradient).any()


def test_policy_loss_and_its_gradient():
    p = softmax(LOGITS)
    cost = TEMPERATURE * np.log(p) - Q.min(axis=0)
    np.testing.assert_allclose(
        sac_policy_loss(f32(LOGITS), f32(Q), TEMPERATURE), (p * cost).sum(axis=-1), rtol=1e-5, atol=1e-6
    )
    # d/dlogit_b sum_a p_a (t log p_a - q_a) = p_b (cost_b - mean cost).
    want = p * (cost - (p * cost).sum(axis=-1, keepdims=True))
    found = jax.grad(lambda logits: jnp.sum(sac_policy_loss(logits, f32(Q), TEMPERATURE)))(f32(LOGITS))
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-6)


def test_the_best_policy_is_the_softmax_of_the_values():
    """The policy loss is least at pi = softmax(min q / temperature): its gradient vanishes there."""
    best = f32(Q.min(axis=0) / TEMPERATURE)
    gradient = jax.grad(lambda logits: jnp.sum(sac_policy_loss(logits, f32(Q), TEMPERATURE)))(best)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


@pytest.mark.parametrize("scale", [50.0, 1e4, 1e30])
def test_saturated_logits_stay_finite(scale):
    logits = scale * jnp.array([[1.0, 0.0, -1.0], [0.0, 0.0, -1.0], [-1.0, 1.0, 1.0]])
    q = f32(Q[:, :3])

    def total(logits, q):
        # An action that was as good as impossible, and one that is so now.
        did = jnp.array([0, 1, 0]), jnp.array([0.0, -200.0, 0.0]), jnp.ones(3, bool)
        returns = soft_lambda_returns(jnp.ones(3), jnp.full(3, 0.9), q, logits, *did, 0.1, 0.5, "retrace")
        return jnp.sum(sac_policy_loss(logits, q, 0.1)) + jnp.sum(entropy(logits)) + jnp.sum(returns)

    value, gradients = jax.value_and_grad(total, argnums=(0, 1))(logits, q)
    assert np.isfinite(value)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert (np.asarray(clipped_log_softmax(logits)) >= np.log(1e-8) - 1e-4).all()
    np.testing.assert_allclose(entropy(logits)[0], 0, atol=1e-6)


def test_a_clipped_action_gets_no_gradient_of_its_logarithm():
    gradient = jax.grad(lambda logits: clipped_log_softmax(logits)[1])(jnp.array([60.0, 0.0]))
    np.testing.assert_array_equal(gradient, 0)
    gradient = jax.grad(lambda logits: clipped_log_softmax(logits)[1])(jnp.array([1.0, 0.0]))
    assert (np.asarray(gradient) != 0).all()


def test_entropy_of_a_uniform_policy_is_log_a():
    np.testing.assert_allclose(entropy(jnp.zeros((2, 4))), np.log(4), rtol=1e-6)


def test_the_temperature_falls_with_too_much_entropy_and_rises_with_too_little():
    slope = jax.grad(temperature_loss, argnums=(0, 1))
    for found, sign in ((1.2, 1.0), (0.3, -1.0)):
        to_temperature, to_entropy = slope(jnp.float32(-1.0), jnp.float32(found), 0.7)
        assert np.sign(to_temperature) == sign
        assert to_entropy == 0


def test_wrong_shapes_are_refused():
    did = jnp.asarray(ACTION), f32(LOG_MU), jnp.asarray(CONTINUES)
    good = f32(REWARD), f32(DISCOUNT), f32(Q), f32(LOGITS), *did, TEMPERATURE
    wrongs = (0, f32(REWARD[:3])), (2, f32(Q[:1])), (3, f32(LOGITS[:, :2])), (4, f32(REWARD)), (6, f32(REWARD))
    for index, wrong in wrongs:
        arguments = list(good)
        arguments[index] = wrong
        with pytest.raises(AssertionError):
            soft_lambda_returns(*arguments)  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        sac_policy_loss(f32(LOGITS), f32(Q[0]), TEMPERATURE)
    with pytest.raises(ValueError, match="trace is 'watkins': allowed is one of peng, retrace, tree_backup"):
        returns_of(trace="watkins")


def test_the_log_barrier_pushes_small_probabilities_as_hard_as_large_ones():
    logits = jnp.array([0.0, 3.0, 20.0])
    p = np.exp(np.asarray(logits, np.float64))
    p /= p.sum()
    np.testing.assert_allclose(log_barrier(logits), np.log(p).mean(), rtol=1e-5)
    np.testing.assert_allclose(jax.grad(lambda x: log_barrier(x).sum())(logits), 1 / 3 - p, atol=1e-6)
    np.testing.assert_allclose(log_barrier(jnp.zeros(4)), -np.log(4), rtol=1e-6)
