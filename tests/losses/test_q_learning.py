"""Double Q(lambda) against numbers worked out by hand and a float64 recursion."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem.losses import Trace, double_q_lambda, masked_mean

# Three steps, two actions. The selector prefers actions 1, 0, 1 at the steps 1, 2, 3; the target net's values
# of those are 2, 3, 5.
Q_TM1 = jnp.array([[1.0, 0.5], [0.0, 4.0], [2.0, 2.5]])
A_TM1 = jnp.array([0, 1, 0])
R_T = jnp.array([1.0, -1.0, 0.5])
Q_VALUE = jnp.array([[9.0, 2.0], [3.0, 9.0], [9.0, 5.0]])
Q_SELECTOR = jnp.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
GOES_ON = jnp.array([True, True, False])


def td_errors_of(arguments: list[Any]) -> np.ndarray:
    return np.asarray(double_q_lambda(*arguments))


def td_errors(
    lambda_: float, discounts=(0.9, 0.9, 0.9), trace: Trace = "peng", goes_on=GOES_ON, a_tm1=A_TM1
) -> np.ndarray:
    out = double_q_lambda(Q_TM1, a_tm1, R_T, jnp.array(discounts), Q_VALUE, Q_SELECTOR, goes_on, lambda_, trace)
    return np.asarray(out)


def test_one_step_is_double_q_learning():
    # 1 + .9*2 - 1, -1 + .9*3 - 4, .5 + .9*5 - 2
    np.testing.assert_allclose(td_errors(0.0), [1.8, -2.3, 3.0], atol=1e-6)


def test_no_bootstrap_where_the_episode_terminated():
    np.testing.assert_allclose(td_errors(0.0, (0.9, 0.9, 0.0)), [1.8, -2.3, -1.5], atol=1e-6)
    # Monte-Carlo: .5; -1 + .9*.5 = -.55; 1 + .9*(-.55) = .505
    np.testing.assert_allclose(td_errors(1.0, (0.9, 0.9, 0.0)), [0.505 - 1, -0.55 - 4, 0.5 - 2], atol=1e-6)


def test_lambda_mixes_by_hand():
    # G3 = .5 + .9*5 = 5; G2 = -1 + .9*(.5*3 + .5*5) = 2.6; G1 = 1 + .9*(.5*2 + .5*2.6) = 3.07
    np.testing.assert_allclose(td_errors(0.5), [3.07 - 1, 2.6 - 4, 5 - 2], atol=1e-6)


def test_a_time_limit_bootstraps_fully_whatever_lambda_is():
    # The episode was cut after its second step; what stands behind is padding.
    cut = td_errors(1.0, (0.9, 0.9, 0.0), goes_on=jnp.array([True, False, False]))
    # G2 = -1 + .9*3 = 1.7; G1 = 1 + .9*1.7 = 2.53
    np.testing.assert_allclose(cut[:2], [2.53 - 1, 1.7 - 4], atol=1e-6)


def test_watkins_cuts_at_exploratory_actions_only():
    # The action at step 1 is 1, the greedy one; at step 2 it is 0, greedy too: nothing is cut.
    np.testing.assert_allclose(td_errors(0.5, trace="watkins"), td_errors(0.5), atol=1e-6)
    # An exploratory action at step 2: the return of step 1 bootstraps there. G2 = -1 + .9*3 = 1.7.
    explores = jnp.array([0, 1, 1])
    cut = td_errors(1.0, trace="watkins", a_tm1=explores)
    # G1 = 1 + .9*G2 = 2.53; the last error is .5 + .9*5 - 2.5
    np.testing.assert_allclose(cut, [2.53 - 1, 1.7 - 4, 5 - 2.5], atol=1e-6)


@pytest.mark.parametrize("trace", ["peng", "watkins"])
@pytest.mark.parametrize("lambda_", [0.0, 0.3, 0.95, 1.0])
def test_agrees_with_a_float64_recursion(trace, lambda_):
    rng = np.random.default_rng(0)
    steps, actions = 37, 3
    q_tm1, q_value, q_selector = rng.normal(size=(3, steps, actions))
    a_tm1 = rng.integers(0, actions, steps)
    r_t, discount_t = rng.normal(size=steps), rng.uniform(0.8, 1.0, steps)
    goes_on = np.arange(1, steps + 1) < steps
    target, expected = 0.0, np.zeros(steps)
    for t in reversed(range(steps)):
        greedy = q_selector[t].argmax()
        mixing = lambda_ if t < steps - 1 else 0.0
        if trace == "watkins" and t < steps - 1 and a_tm1[t + 1] != greedy:
            mixing = 0.0
        target = r_t[t] + discount_t[t] * ((1 - mixing) * q_value[t, greedy] + mixing * target)
        expected[t] = target - q_tm1[t, a_tm1[t]]
    arrays = (q_tm1, a_tm1, r_t, discount_t, q_value, q_selector)
    cast: list[Any] = [jnp.asarray(x, jnp.int32 if x.dtype.kind == "i" else jnp.float32) for x in arrays]
    np.testing.assert_allclose(
        td_errors_of([*cast, jnp.asarray(goes_on), lambda_, trace]), expected, atol=2e-5, rtol=1e-5
    )


@pytest.mark.parametrize(("trace", "n_step"), [("peng", None), ("watkins", None), ("retrace", 2)])
def test_gradient_reaches_the_taken_values_and_nothing_else(trace, n_step):
    def total(q_tm1, q_value, q_selector):
        values = q_value, q_selector
        return jnp.sum(double_q_lambda(q_tm1, A_TM1, R_T, jnp.full(3, 0.9), *values, GOES_ON, 0.5, trace, n_step))

    d_q, d_value, d_selector = jax.grad(total, argnums=(0, 1, 2))(Q_TM1, Q_VALUE, Q_SELECTOR)
    np.testing.assert_array_equal(d_q, [[-1, 0], [0, -1], [-1, 0]])
    np.testing.assert_array_equal(d_value, np.zeros((3, 2)))
    np.testing.assert_array_equal(d_selector, np.zeros((3, 2)))


def test_wrong_shapes_dtypes_and_traces_are_refused():
    good: list[Any] = [Q_TM1, A_TM1, R_T, jnp.full(3, 0.9), Q_VALUE, Q_SELECTOR, GOES_ON]
    for position, bad in [(0, Q_TM1[0]), (1, A_TM1.astype(float)), (2, R_T[:2]), (4, Q_VALUE[:2]), (6, R_T)]:
        arguments = list(good)
        arguments[position] = bad
        with pytest.raises(AssertionError):
            td_errors_of(arguments)
    with pytest.raises(ValueError, match="allowed is one of peng, watkins, retrace, tree_backup"):
        td_errors_of([*good, 0.5, "sarsa"])


def test_masked_mean_ignores_what_is_masked():
    values = jnp.array([1.0, jnp.nan, 3.0])
    mask = jnp.array([True, False, True])
    assert masked_mean(values, mask) == 2.0
    assert masked_mean(values, jnp.zeros(3, bool)) == 0.0
    np.testing.assert_array_equal(jax.grad(lambda v: masked_mean(v, mask))(values), [0.5, 0.0, 0.5])
