"""V-trace against a float64 recursion from the paper's equations, rlax, lambda-returns and Monte-Carlo returns."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rlax

from jaxmem.losses import clip_ratio, vtrace

STEPS = 12
INFINITE: dict[str, Any] = {"clip_rho": None, "clip_c": None}


def trajectory(seed: int = 0) -> dict[str, Any]:
    """Random values, rewards, discounts (one of them 0) and importance ratios from near 0 to over 3, float64."""
    rng = np.random.default_rng(seed)
    discount_t = np.full(STEPS, 0.95)
    discount_t[7] = 0.0
    return {
        "v_tm1": rng.normal(size=STEPS),
        "v_t": rng.normal(size=STEPS),
        "r_t": rng.normal(size=STEPS),
        "discount_t": discount_t,
        "rho_tm1": np.exp(rng.normal(size=STEPS)),
    }


def chained(seed: int = 0) -> dict[str, Any]:
    """The same, but each step's next value is the next step's value."""
    data = trajectory(seed)
    data["v_t"][:-1] = data["v_tm1"][1:]
    return data


def float32(data: dict[str, Any]) -> dict[str, Any]:
    return {name: jnp.asarray(values, jnp.float32) for name, values in data.items()}


def by_the_paper(v_tm1, v_t, r_t, discount_t, rho_tm1, lambda_, rho_bar, c_bar):
    """Equation 1 of the paper, written out as a sum over steps of products, in float64."""
    delta = np.minimum(rho_bar, rho_tm1) * (r_t + discount_t * v_t - v_tm1)
    c = lambda_ * np.minimum(c_bar, rho_tm1)
    return np.array(
        [v_tm1[s] + sum(np.prod(discount_t[s:t] * c[s:t]) * delta[t] for t in range(s, STEPS)) for s in range(STEPS)]
    )


@pytest.mark.parametrize("clips", [(1.0, 1.0), (2.0, 0.5), (1.5, 2.5), (np.inf, np.inf)])
@pytest.mark.parametrize("lambda_", [1.0, 0.9, 0.0])
def test_targets_are_the_papers(clips, lambda_):
    data = chained()
    expected = by_the_paper(**data, lambda_=lambda_, rho_bar=clips[0], c_bar=clips[1])
    rho, c = (None if np.isinf(clip) else clip for clip in clips)
    got = vtrace(**float32(data), lambda_=lambda_, clip_rho=rho, clip_c=c)
    np.testing.assert_allclose(got.target, expected, rtol=1e-6, atol=1e-6)


def test_rlax_says_the_same_where_it_can():
    data = float32(chained(1))
    got = vtrace(**data, lambda_=0.8, clip_rho=1.3)
    theirs = rlax.vtrace_td_error_and_advantage(**data, lambda_=0.8, clip_rho_threshold=1.3, clip_pg_rho_threshold=0.7)
    np.testing.assert_allclose(got.target, theirs.errors + data["v_tm1"], atol=1e-6)
    weighted = clip_ratio(data["rho_tm1"], 0.7) * got.advantage
    np.testing.assert_allclose(weighted, theirs.pg_advantage, atol=1e-6)


@pytest.mark.parametrize("lambda_", [1.0, 0.7])
@pytest.mark.parametrize("clips", [{}, INFINITE])
def test_on_policy_targets_are_lambda_returns(lambda_: float, clips: Any):
    data = float32(chained(2) | {"rho_tm1": np.ones(STEPS)})
    got = vtrace(**data, lambda_=lambda_, **clips)
    returns = rlax.lambda_returns(data["r_t"], data["discount_t"], data["v_t"], lambda_)
    np.testing.assert_allclose(got.target, returns, atol=1e-5)
    np.testing.assert_allclose(got.advantage, returns - data["v_tm1"], atol=1e-5)


def test_without_clips_and_with_lambda_one_it_is_monte_carlo():
    """A whole episode: no value enters the targets, and the advantage is the return less the baseline."""
    data: Any = chained(3) | {"rho_tm1": np.ones(STEPS)}
    data["discount_t"] = np.ones(STEPS)
    data["discount_t"][-1] = 0
    got = vtrace(**float32(data), clip_rho=None, clip_c=None)
    returns = np.cumsum(data["r_t"][::-1])[::-1]
    np.testing.assert_allclose(got.target, returns, atol=1e-5)
    np.testing.assert_allclose(got.advantage, returns - data["v_tm1"], atol=1e-5)


def test_a_step_without_action_keeps_its_value_and_lets_nothing_through():
    data = chained(4)
    data["rho_tm1"][5] = 0.0
    got = vtrace(**float32(data))
    np.testing.assert_allclose(got.target[5], data["v_tm1"][5], atol=1e-6)
    after = {name: values.copy() for name, values in data.items()}
    after["r_t"][6:] += 10
    np.testing.assert_array_equal(vtrace(**float32(after)).target[:5], got.target[:5])
    assert np.isfinite(got.advantage).all()


def test_nothing_is_differentiated():
    data = float32(chained(5))

    def total(v_tm1):
        return sum(part.sum() for part in vtrace(**(data | {"v_tm1": v_tm1})))

    np.testing.assert_array_equal(jax.grad(total)(data["v_tm1"]), np.zeros(STEPS))


def test_wrong_shapes_and_types_are_refused():
    data = float32(chained())
    with pytest.raises(AssertionError):
        vtrace(**(data | {"r_t": data["r_t"][:-1]}))
    with pytest.raises(AssertionError):
        vtrace(**(data | {"v_tm1": data["v_tm1"][None]}))
    with pytest.raises(AssertionError):
        vtrace(**data | {"v_tm1": data["v_tm1"][None]})
