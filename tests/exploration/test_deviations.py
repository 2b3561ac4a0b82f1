"""Planned deviations: when they happen, how likely they say they were, and what is learned from them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem.exploration import DEVIATION_WEIGHTS, DeviationOptions, Deviations, deviation_weight

ROWS, HORIZON, ACTIONS = 20_000, 8, 3
WANTED, LOG_PROB = 2, -0.25


def played(**options: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Actions, log-probabilities and deviations, [T, B] each, of an agent that always wants the same."""
    deviations = Deviations(DeviationOptions(**options), HORIZON, ACTIONS)
    plan = deviations.plan(jax.random.key(0), ROWS)
    action, log_prob = jnp.full((ROWS,), WANTED, jnp.int32), jnp.full((ROWS,), LOG_PROB)
    keys = jax.random.split(jax.random.key(1), HORIZON)
    did = [deviations.apply(plan, jnp.int32(t), action, log_prob, keys[t]) for t in range(HORIZON)]
    actions, log_probs, deviated = (np.stack(leaves) for leaves in zip(*did, strict=True))
    assert (actions[~deviated] == WANTED).all()
    np.testing.assert_allclose(log_probs[~deviated], LOG_PROB)
    return actions, log_probs, deviated


def test_none_is_what_the_agent_wants():
    assert not played()[2].any()


@pytest.mark.parametrize(
    ("options", "share"),
    [
        (dict(kind="first", chance=0.3), [0.3] + [0] * 7),
        (dict(kind="prefix", chance=0.6, steps=3), [0.6] * 3 + [0] * 5),
        (dict(kind="any", chance=0.8, time="uniform"), [0.1] * 8),
        (dict(kind="any", chance=1.0, time="log_uniform"), np.log((np.arange(8) + 2) / (np.arange(8) + 1)) / np.log(9)),
        (dict(kind="extended", chance=0.8, time="uniform", steps=2), [0.1] + [0.2] * 7),
        (dict(kind="each", chance=0.2), [0.2] * 8),
        (dict(kind="first", chance=0.0), [0] * 8),
    ],
)
def test_each_kind_has_its_times(options, share):
    actions, log_probs, deviated = played(**options)
    # Four standard errors of 20,000 episodes.
    np.testing.assert_allclose(deviated.mean(1), share, atol=4 * 0.5 / np.sqrt(ROWS))
    assert options["kind"] == "each" or (deviated.sum(0) <= options.get("steps", 1)).all()
    if not deviated.any():
        return
    counts = np.bincount(actions[deviated], minlength=ACTIONS) / deviated.sum()
    np.testing.assert_allclose(counts, 1 / ACTIONS, atol=0.02)
    if options["kind"] != "extended":
        np.testing.assert_allclose(log_probs[deviated], -np.log(ACTIONS), rtol=1e-6)


def test_an_extended_action_is_drawn_once_and_kept_up():
    actions, log_probs, deviated = played(kind="extended", chance=1.0, steps=3, time="uniform")
    for row in range(200):
        steps = np.flatnonzero(deviated[:, row])
        assert (np.diff(steps) == 1).all()
        assert len(set(actions[steps, row])) == 1
        np.testing.assert_allclose(log_probs[steps[0], row], -np.log(ACTIONS), rtol=1e-6)
        np.testing.assert_allclose(log_probs[steps[1:], row], 0)


def test_each_step_deviates_on_its_own():
    _, _, deviated = played(kind="each", chance=0.5)
    # Of eight coins: their sum's variance is 2.
    assert deviated.sum(0).var() == pytest.approx(2, rel=0.1)


LOGITS, WORTH = jnp.array([2.0, 0.0, -3.0]), jnp.array([0.0, -1.0, 2.0])


def expected_gradient(kind: str | None) -> np.ndarray:
    """Of a bandit's policy, by enumeration: its own actions (None), or those of a deviation with weights."""

    def loss(logits: jax.Array) -> jax.Array:
        log_p = jax.nn.log_softmax(logits)
        policy = jnp.exp(jax.lax.stop_gradient(log_p))
        advantage = WORTH - policy @ WORTH
        if kind is None:
            return -jnp.sum(policy * advantage * log_p)
        weight = deviation_weight(kind, advantage, policy * ACTIONS)
        return -jnp.mean(weight * advantage * log_p)

    return np.asarray(jax.grad(loss)(LOGITS))


def test_what_a_bandit_learns_from_deviations():
    """The ratio is unbiased; masked learns nothing; keep is biased towards what pays off, by a known amount."""
    own = expected_gradient(None)
    np.testing.assert_allclose(expected_gradient("ratio"), own, rtol=1e-5)
    np.testing.assert_array_equal(expected_gradient("masked"), np.zeros(ACTIONS))
    policy = np.exp(np.asarray(jax.nn.log_softmax(LOGITS), np.float64))
    advantage = np.asarray(WORTH) - policy @ np.asarray(WORTH)
    weight = np.where(advantage > 0, 1 / ACTIONS, policy)
    # d log p_a / d logits_b = [a = b] - p_b
    by_hand = -(weight * advantage - policy * (weight * advantage).sum())
    np.testing.assert_allclose(expected_gradient("keep"), by_hand, rtol=1e-5)
    # The third action, of probability 0.6 %, pays off: the policy alone hardly moves towards it.
    assert expected_gradient("keep")[2] < 10 * own[2] < 0


def test_no_gradient_flows_through_weights_and_unknown_ones_are_refused():
    for kind in DEVIATION_WEIGHTS:
        slope = jax.grad(lambda ratio, kind=kind: deviation_weight(kind, jnp.float32(-1), ratio))(0.5)
        assert slope == 0
    with pytest.raises(ValueError, match="allowed is one of ratio, masked, keep"):
        deviation_weight("nosuch", jnp.ones(1), jnp.ones(1))
