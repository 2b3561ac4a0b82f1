"""How agents explore in each step: the formula, what is drawn by it, schedules, and what options say."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem.config import ConfigError
from jaxmem.exploration import Exploration, ExplorationOptions, Schedule

PREFERENCES = np.array([[1.0, -3.0, 0.5, 1.0], [-20.0, 3.0, 2.0, -10.0]], np.float32)


def exploration(epsilon: float, temperature: float, moves: bool) -> Exploration:
    """At progress 0.5, with schedules that stand still or are on their way."""
    way = 2.0 if moves else 1.0
    return Exploration(Schedule(epsilon / way, epsilon * way), Schedule(temperature / way, temperature * way))


def middle(schedule: Schedule) -> float:
    return (schedule.start + schedule.end) / 2


def by_hand(epsilon: float, temperature: float) -> np.ndarray:
    """The formula in float64; at temperature 0 the first of the best."""
    x = PREFERENCES.astype(np.float64)
    if temperature == 0:
        soft = np.eye(4)[x.argmax(-1)]
    else:
        soft = np.exp((x - x.max(-1, keepdims=True)) / temperature)
        soft /= soft.sum(-1, keepdims=True)
    return (1 - epsilon) * soft + epsilon / 4


@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("epsilon", [0.0, 1e-6, 0.3])
def test_probabilities_are_the_formulas_however_small(epsilon, temperature, moves):
    explores = exploration(epsilon, temperature, moves)
    log_probs = explores.log_probs(jnp.asarray(PREFERENCES), 0.5)
    assert log_probs.dtype == jnp.float32
    expected = by_hand(middle(explores.epsilon), middle(explores.temperature))
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(log_probs, np.log(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("epsilon", "temperature", "keys"), [(0.0, 0.0, 0), (0.4, 0.0, 2), (0.0, 2.0, 1), (0.4, 2.0, 3)]
)
def test_what_is_drawn_is_as_likely_as_is_said(epsilon, temperature, keys):
    explores, rows = exploration(epsilon, temperature, moves=False), 20_000
    assert explores.num_keys == keys
    preferences = jnp.broadcast_to(jnp.asarray(PREFERENCES[0]), (rows, 4))
    action = explores.draw(preferences, 0.5, jax.random.split(jax.random.key(0), keys))
    assert action.dtype == jnp.int32
    # Four standard errors of 20,000 draws.
    share = np.bincount(action, minlength=4) / rows
    np.testing.assert_allclose(share, by_hand(epsilon, temperature)[0], atol=4 * 0.5 / np.sqrt(rows))


def test_a_temperature_on_its_way_to_nothing_overflows_nowhere_and_becomes_greedy():
    cools, large = Exploration(Schedule(0, 0), Schedule(1e-36, 0.0)), 1e6 * jnp.asarray(PREFERENCES[1:])
    for progress in (0.0, 0.5, 1.0):
        np.testing.assert_array_equal(np.exp(cools.log_probs(large, progress)), np.eye(4)[[1]])
        assert cools.draw(large, progress, jax.random.split(jax.random.key(0), 1)) == 1
    # Of equals the first one, and at the very end alone.
    np.testing.assert_allclose(np.exp(cools.log_probs(jnp.asarray(PREFERENCES[:1]), 0.5)), [[0.5, 0, 0, 0.5]])
    np.testing.assert_array_equal(np.exp(cools.log_probs(jnp.asarray(PREFERENCES[:1]), 1.0)), [[1, 0, 0, 0]])


def test_schedules_move_over_their_share_and_stay():
    progress = jnp.array([0.0, 0.1, 0.2, 0.5, 1.0])
    linear = Schedule(1.0, 0.01, fraction=0.2)
    np.testing.assert_allclose(linear.at(progress), [1, 0.505, 0.01, 0.01, 0.01], rtol=1e-5)
    falls = Schedule(1.0, 0.01, fraction=0.2, shape="exponential")
    np.testing.assert_allclose(falls.at(progress), [1, 0.1, 0.01, 0.01, 0.01], rtol=1e-5)
    rises = Schedule(0.01, 1.0, shape="exponential").at(jnp.linspace(0, 1, 999))
    assert (np.diff(rises) > 0).all()
    assert rises[-1] == 1
    at_once = Schedule(0.5, 0.25, fraction=0.0)
    np.testing.assert_allclose(at_once.at(jnp.array([0.0, 1e-6, 1.0])), [0.5, 0.25, 0.25])
    assert Schedule(0.5, 0.5).is_always(0.5)
    assert not linear.is_always(1.0)


@dataclass(frozen=True)
class Options(ExplorationOptions):
    """As an agent's."""


def test_options_say_it_for_a_task():
    plain = Options().exploration(horizon=20)
    assert plain.is_policy
    other = Options(epsilon_start=0.5, epsilon_end=None, act_temperature_end=0.1, act_temperature_shape="exponential")
    bound = other.exploration(horizon=20)
    assert bound.epsilon == Schedule(0.5, 0.05, 0.1, "linear")
    assert bound.temperature == Schedule(1.0, 0.1, 0.1, "exponential")
    assert not bound.is_policy


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(epsilon_start=1.5), "epsilon_start is 1.5: allowed is a number from 0 to 1"),
        (dict(act_temperature_end=-1.0), "act_temperature_end is -1.0: allowed is a number >= 0"),
        (dict(act_temperature_start=None), "act_temperature_start is none: allowed is a number >= 0"),
        (dict(epsilon_shape="cosine"), "epsilon_shape is 'cosine': allowed is one of linear, exponential"),
        (
            dict(epsilon_start=1.0, epsilon_shape="exponential"),
            "epsilon_shape is 'exponential': allowed is linear where epsilon_start or epsilon_end is 0",
        ),
        (
            dict(act_temperature_end=0.0, act_temperature_shape="exponential"),
            "act_temperature_shape is 'exponential': allowed is linear where act_temperature_start or "
            "act_temperature_end is 0",
        ),
    ],
)
def test_wrong_options_are_told_in_a_line(wrong, message):
    with pytest.raises(ConfigError) as error:
        Options(**wrong)
    assert str(error.value) == f"agent.{message}"
