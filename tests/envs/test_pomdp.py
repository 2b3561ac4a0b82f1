"""Finite tasks: what is checked, and what is written out from rules and from arrays."""

import dataclasses
import itertools

import numpy as np
import pytest

from jaxmem.config import ConfigError
from jaxmem.envs.pomdp import Beginning, FinitePOMDP, Outcome


def coins(horizon=2):
    """A coin is thrown at each step; action 1 pays 1 for the coin 1 that lies there, and ends the episode then."""

    def step(coin, action):
        if coin and action:
            return [Outcome(1.0, None, "end", 1.0, True)]
        return [(0.25, 0, "tail", 0), (0.75, 1, "head", 0)]

    return FinitePOMDP.from_rules([(0.5, 0, "tail"), (0.5, 1, "head")], step, 2, horizon)


def rows(pomdp, state, action):
    """What can follow: (probability, next state, observation, reward, ended) each."""
    pair = state * pomdp.num_actions + action
    return [
        (
            float(pomdp.probability[row]),
            int(pomdp.next_state[row]),
            pomdp.observations[pomdp.observation[row]],
            float(pomdp.reward[row]),
            bool(pomdp.ended[row]),
        )
        for row in range(pomdp.offsets[pair], pomdp.offsets[pair + 1])
    ]


def test_rules_are_written_out():
    pomdp = coins()
    assert (pomdp.num_states, pomdp.num_actions, pomdp.horizon, pomdp.sampled) == (2, 2, 2, 0)
    assert pomdp.observations == ("tail", "head", "end")
    assert pomdp.initial_probability.tolist() == [0.5, 0.5]
    assert pomdp.initial_state.tolist() == pomdp.initial_observation.tolist() == [0, 1]
    thrown = [(0.25, 0, "tail", 0.0, False), (0.75, 1, "head", 0.0, False)]
    assert rows(pomdp, 0, 0) == rows(pomdp, 0, 1) == rows(pomdp, 1, 0) == thrown
    # Nothing depends on the state after the end: it is no state of its own.
    assert rows(pomdp, 1, 1) == [(1.0, 1, "end", 1.0, True)]


def changed(name, at, value):
    array = getattr(coins(), name).copy()
    array[at] = value
    return {name: array}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"num_actions": 0}, "has 0 actions and horizon 2: allowed is at least 1 of each"),
        ({"horizon": 0}, "has 2 actions and horizon 0: allowed is at least 1 of each"),
        ({"offsets": np.array([0, 2, 4, 6])}, "pomdp.offsets is wrong: allowed is one row each"),
        ({"offsets": np.array([0, 2, 4, 6, 6])}, "pomdp.offsets is wrong: allowed is one row each"),
        (changed("offsets", 1, 0), "pomdp.probability is wrong: allowed is a sum of 1"),
        (changed("offsets", 1, 1), "pomdp.probability is wrong: allowed is a sum of 1"),
        ({"next_state": np.zeros(3, np.int64)}, "pomdp.next_state is wrong: allowed is shape (7,)"),
        ({"observation": np.zeros(8, np.int64)}, "pomdp.observation is wrong: allowed is shape (7,)"),
        ({"reward": np.zeros((7, 1))}, "pomdp.reward is wrong: allowed is shape (7,)"),
        ({"ended": np.zeros(6, bool)}, "pomdp.ended is wrong: allowed is shape (7,)"),
        (changed("reward", 2, np.nan), "pomdp.reward is wrong: allowed is finite numbers"),
        (changed("reward", 2, np.inf), "pomdp.reward is wrong: allowed is finite numbers"),
        (changed("next_state", 2, 2), "pomdp.next_state is wrong: allowed is integers from 0 to 1"),
        (changed("next_state", 2, -1), "pomdp.next_state is wrong: allowed is integers from 0 to 1"),
        (changed("initial_state", 0, 2), "pomdp.initial_state is wrong: allowed is integers from 0 to 1"),
        (changed("observation", 2, 3), "pomdp.observation is wrong: allowed is integers from 0 to 2"),
        (changed("initial_observation", 1, -1), "pomdp.initial_observation is wrong: allowed is integers from 0 to 2"),
        (changed("probability", 0, 0), "pomdp.probability is wrong: allowed is > 0"),
        (changed("probability", 0, -0.25), "pomdp.probability is wrong: allowed is > 0"),
        (changed("probability", 0, np.nan), "pomdp.probability is wrong: allowed is > 0"),
        (changed("probability", 0, 0.3), "pomdp.probability is wrong: allowed is a sum of 1"),
        (changed("initial_probability", 0, 0), "pomdp.probability is wrong: allowed is > 0"),
        (changed("initial_probability", 0, 0.4), "pomdp.initial_probability is wrong: allowed is a sum of 1"),
    ],
)
def test_wrong_arrays_are_refused(changes, says):
    with pytest.raises(ConfigError) as error:
        dataclasses.replace(coins(), **changes)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def walk(state, action):
    """Left and right without an end."""
    return [Outcome(1.0, state + 2 * action - 1, abs(state), 0.0)]


def test_states_are_those_within_the_horizon():
    asked = []

    def step(state, action):
        asked.append(state)
        return walk(state, action)

    pomdp = FinitePOMDP.from_rules([(1.0, 0, 0)], step, 2, 4)
    # -4 to 4: the last step leads to two new ones, of which nothing is asked.
    assert pomdp.num_states == 9
    assert sorted(asked) == sorted([*range(-3, 4)] * 2)
    assert FinitePOMDP.from_rules([(1.0, 0, 0)], walk, 2, 1).num_states == 3


def test_many_states_are_refused():
    assert FinitePOMDP.from_rules([(1.0, 0, 0)], walk, 2, 4, max_states=9).num_states == 9
    with pytest.raises(ConfigError, match="^the task has more than 8 states: allowed is a smaller one") as error:
        FinitePOMDP.from_rules([(1.0, 0, 0)], walk, 2, 4, max_states=8)
    assert "\n" not in str(error.value)


def test_what_cannot_happen_is_dropped():
    pomdp = FinitePOMDP.from_rules(
        [(0.0, 5, "never"), (1.0, 0, "start")],
        lambda state, action: [Outcome(0.0, 7, "never", 9.0), Outcome(1.0, state, "start", 0.0)],
        1,
        3,
    )
    assert pomdp.num_states == 1
    assert pomdp.observations == ("start",)
    assert pomdp.initial_probability.tolist() == pomdp.probability.tolist() == [1.0]


def test_states_in_which_an_episode_has_ended_are_not_asked_about():
    def step(state, action):
        assert state != "end"
        return [Outcome(0.5, "end", 0, 1.0, True), Outcome(0.5, state, 1, 0.0)]

    pomdp = FinitePOMDP.from_rules([(1.0, "begin", 0)], step, 1, 5)
    assert pomdp.num_states == 1
    assert pomdp.ended.tolist() == [True, False]
    assert pomdp.reward.tolist() == [1.0, 0.0]


def test_equal_observations_are_one():
    seen = [np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([0.0, 1.0], np.float32), np.array([[0.0, 1.0]])]
    begin = [Beginning(0.25, number, obs) for number, obs in enumerate(seen)]
    pomdp = FinitePOMDP.from_rules(begin, lambda s, a: [Outcome(1.0, s, seen[s], 0.0)], 1, 2)
    # Another type or shape is another observation.
    assert pomdp.initial_observation.tolist() == [0, 0, 1, 2]
    assert pomdp.observation.tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("begin", "outcome", "name"),
    [
        ([(0.5, 0, 0)], (1.0, 0, 0, 0.0), "pomdp.initial_probability"),
        ([(1.0, 0, 0)], (0.5, 0, 0, 0.0), "action 0 in state 0 add up to 0.5"),
        ([], (1.0, 0, 0, 0.0), "no beginning"),
        ([(1.0, 0, 0)], (0.0, 0, 0, 0.0), "action 0 in state 0 add up to 0"),
    ],
    ids=["beginnings", "outcomes", "no beginning", "no outcome"],
)
def test_rules_that_do_not_add_up_are_refused(begin, outcome, name):
    with pytest.raises(ConfigError, match=name) as error:
        FinitePOMDP.from_rules(begin, lambda state, action: [outcome], 1, 2)
    assert "\n" not in str(error.value)


TIGER = {
    "initial": [0.5, 0.5],
    # Listening leaves the tiger where it is; a door that is opened puts it behind any.
    "transition": [[[1, 0], [0.5, 0.5]], [[0, 1], [0.5, 0.5]]],
    "observation": [[0.85, 0.15], [0.15, 0.85]],
    "reward": [[-1, 10], [-1, -100]],
    "horizon": 3,
}


def tiger():
    """The same, by hand: states are where the tiger is."""
    noise = {0: [0.85, 0.15], 1: [0.15, 0.85]}

    def step(state, action):
        reward = -1 if action == 0 else 10 if state == 0 else -100
        after = [(1.0, state)] if action == 0 else [(0.5, 0), (0.5, 1)]
        return [
            Outcome(chance * likely, where, heard, reward)
            for chance, where in after
            for heard, likely in enumerate(noise[where])
        ]

    begin = [(0.5 * noise[where][heard], where, heard) for where, heard in itertools.product(range(2), repeat=2)]
    return FinitePOMDP.from_rules(begin, step, 2, 3)


def test_arrays_are_written_out_as_rules_are():
    one, other = FinitePOMDP.from_arrays(**TIGER), tiger()
    for field in dataclasses.fields(FinitePOMDP):
        np.testing.assert_allclose(getattr(one, field.name), getattr(other, field.name), rtol=1e-12)
    assert not one.ended.any()


def test_first_observation_can_differ():
    pomdp = FinitePOMDP.from_arrays(**TIGER, first_observation=[[0, 1], [0, 1]])
    assert pomdp.initial_probability.tolist() == [0.5, 0.5]
    assert [pomdp.observations[number] for number in pomdp.initial_observation] == [1, 1]
    assert rows(pomdp, 0, 0) == rows(FinitePOMDP.from_arrays(**TIGER), 0, 0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"transition": [[1.0, 0], [0, 1]]}, "transition has shape (2, 2): allowed is [states, actions, states]"),
        ({"transition": np.ones((2, 2, 3)) / 3}, "pomdp.transition is wrong: allowed is shape (2, 2, 2)"),
        ({"initial": [1.0]}, "pomdp.initial is wrong: allowed is shape (2,)"),
        ({"initial": [0.5, 0.4]}, "pomdp.initial_probability is wrong: allowed is a sum of 1"),
        ({"observation": [[1.0, 0]]}, "pomdp.observation is wrong: allowed is shape (2, 2)"),
        ({"observation": [[0.85, 0.1], [0.15, 0.85]]}, "add up to 0.95: allowed is 1"),
        ({"reward": [0.0, 1]}, "pomdp.reward is wrong: allowed is shape (2, 2)"),
        ({"reward": [[0.0, np.nan], [0, 0]]}, "pomdp.reward is wrong: allowed is finite numbers"),
        ({"first_observation": [[1.0], [1]]}, "pomdp.first_observation is wrong: allowed is shape (2, 2)"),
        ({"transition": [[[1, 0], [0.5, 0.4]], [[0, 1], [0.5, 0.5]]]}, "add up to 0.9: allowed is 1"),
        ({"transition": [[[1, 0], [1.5, -0.5]], [[0, 1], [0.5, 0.5]]]}, "add up to 1.5: allowed is 1"),
        ({"horizon": 0}, "horizon 0"),
        ({"initial": 1.0}, "pomdp.initial is wrong: allowed is shape (2,)"),
        ({"observation": 1.0}, "observation has shape (): allowed is [states, observations]"),
    ],
)
def test_wrong_textbook_arrays_are_refused(changes, says):
    with pytest.raises(ConfigError) as error:
        FinitePOMDP.from_arrays(**(TIGER | changes))
    assert says in str(error.value)
    assert "\n" not in str(error.value)
