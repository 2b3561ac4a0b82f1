"""Lengths told in words: which lines there are, and what they say."""

import dataclasses
import re

import numpy as np
import pytest

from jaxmem.analysis.lengths import CreditWitness, FinitePOMDP, History, Length, Lengths, PairWitness, measure
from jaxmem.analysis.lengths.words import NAMES, explain
from jaxmem.envs.pomdp import Outcome


@pytest.fixture(scope="module")
def maze() -> Lengths:
    return measure("ActiveTMaze-v0", length=3)


def recall(show, steps):
    """A cue to name with the last action; in between there is nothing to see. `show` makes observations of numbers."""

    def step(state, action):
        cue, time = state
        last = time + 1 == steps
        return [Outcome(1.0, (cue, time + 1), show(2), float(last and action == cue), last)]

    return FinitePOMDP.from_rules([(0.5, (cue, 0), show(cue)) for cue in range(2)], step, 2, steps)


@pytest.fixture(scope="module")
def small() -> Lengths:
    return measure(recall(lambda number: np.array([number]), 2))


def test_lines_of_a_maze(maze):
    assert explain(maze, "credit_assignment") == [
        "after  [0 0]  the best action is 2:",
        "  return of 5 steps: 0, of the best other action 0",
        "  return of 6 steps: 0.95099, of the best other action 0.475495",
        "  0.475 of value hangs on it",
    ]
    assert explain(maze, "policy_memory_uniform") == [
        "share the last 4 observations:",
        "  [0 0] 2:[0 -1] 0: | [0 0] 0:[0 0] 0:[0 0] 0:[1 0]  =>  the policy takes action 3",
        "  [0 0] 2:[0 1] 0: | [0 0] 0:[0 0] 0:[0 0] 0:[1 0]  =>  the policy takes action 1",
    ]


def test_every_length_is_told_on_lines_of_their_own(maze):
    for name in NAMES:
        lines = explain(maze, name)
        assert len(lines) == (4 if name == "credit_assignment" else 3)
        assert not any("\n" in line for line in lines)


def seen(*numbers):
    return tuple(np.array([number]) for number in numbers)


def told(lengths, history, other, shared, kind="reward", consequences=(0.5, -1 / 3), action=1):
    """The lines of two histories that are made up."""
    witness = PairWitness(kind, history, other, shared, action, consequences)
    return explain(dataclasses.replace(lengths, reward_memory=Length(shared + 1, shared + 1, witness)), "reward_memory")


def test_what_is_shared_follows_a_bar(small):
    one, other = History(seen(1, 0, 0), (1, 0)), History(seen(2, 0, 0), (1, 0))
    assert told(small, one, other, 2) == [
        "share the last 2 observations:",
        "  [1] 1: | [0] 0:[0]  =>  action 1 is expected to pay 0.5",
        "  [2] 1: | [0] 0:[0]  =>  action 1 is expected to pay -0.333333",
    ]
    assert told(small, one, other, 1)[:2] == [
        "share the last observation:",
        "  [1] 1:[0] 0: | [0]  =>  action 1 is expected to pay 0.5",
    ]


def test_nothing_is_shared(small):
    assert told(small, History(seen(1), ()), History(seen(2), ()), 0, "value") == [
        "share nothing:",
        "  [1]  =>  action 1 is worth 0.5",
        "  [2]  =>  action 1 is worth -0.333333",
    ]


@pytest.mark.parametrize(
    ("numbers", "actions", "shared", "text"),
    [
        ((1, 0, 0), (0, 0), 0, "[1] 0:[0] 0:[0]"),
        ((1, 0, 0, 0), (0, 0, 0), 0, "[1] (0:[0]) x3"),
        ((1, *[0] * 40), (0,) * 40, 0, "[1] (0:[0]) x40"),
        # The first observation has no action before it.
        ((0, 0, 0, 0), (0, 0, 0), 0, "[0] (0:[0]) x3"),
        # Another action, or another observation, is another step.
        ((1, 0, 0, 0, 0, 0), (0, 0, 0, 1, 0), 0, "[1] (0:[0]) x3 1:[0] 0:[0]"),
        ((1, 0, 0, 0, 2, 2, 2), (0,) * 6, 0, "[1] (0:[0]) x3 (0:[2]) x3"),
        # A run ends at the bar, where the action is told before and the observation after it.
        ((1, *[0] * 8), (0,) * 8, 4, "[1] (0:[0]) x4 0: | [0] (0:[0]) x3"),
        ((1, 0, 0, 0), (0, 0, 0), 3, "[1] 0: | [0] 0:[0] 0:[0]"),
    ],
)
def test_equal_steps_are_told_once(small, numbers, actions, shared, text):
    history = History(seen(*numbers), actions)
    assert told(small, history, history, shared)[1] == f"  {text}  =>  action 1 is expected to pay 0.5"


def test_large_observations_are_called_by_their_numbers():
    # Made anew each time: arrays that are equal have one number.
    lengths = measure(recall(lambda number: np.full((3, 3), number), 5))
    assert [seen.flat[0] for seen in lengths.pomdp.observations] == [0, 1, 2]
    assert explain(lengths, "reward_memory") == [
        "share the last 4 observations:",
        "  o0 0: | o2 (0:o2) x3  =>  action 0 is expected to pay 1",
        "  o1 0: | o2 (0:o2) x3  =>  action 0 is expected to pay 0",
    ]


def test_up_to_eight_numbers_are_shown():
    lengths = measure(recall(lambda number: np.linspace(number, number + 1.75, 8).reshape(2, 4), 1))
    assert explain(lengths, "reward_memory")[1].startswith("  [0 0.25 0.5 0.75 1 1.25 1.5 1.75]  =>  ")


def test_what_is_no_array_is_called_what_it_is():
    lengths = measure(recall(lambda number: ("left", "right", "nothing")[number], 3))
    assert explain(lengths, "value_memory")[1:] == [
        "  left 0: | nothing 0:nothing  =>  action 0 is worth 1",
        "  right 0: | nothing 0:nothing  =>  action 0 is worth 0",
    ]


def test_what_is_seen_next(small):
    rain, sun = seen(0, 1)
    many = tuple((0.2, np.array([number]), False) for number in range(5))
    consequences = (((0.75, rain, False), (0.25, sun, True)), ((1.0, sun, True),))
    one, other = History(seen(1), ()), History(seen(2), ())
    assert told(small, one, other, 0, "percept", consequences)[1:] == [
        "  [1]  =>  action 1 is followed by [0] (0.75), [1] and the end (0.25)",
        "  [2]  =>  action 1 is followed by [1] and the end",
    ]
    assert told(small, one, other, 0, "percept", (many, consequences[1]))[1] == (
        "  [1]  =>  action 1 is followed by [0] (0.2), [1] (0.2), [2] (0.2), [3] (0.2), ..."
    )


def test_what_a_policy_does(small):
    one, other = History(seen(1), ()), History(seen(2), ())
    assert told(small, one, other, 0, "policy", ((0, 2), (1,)), -1)[1:] == [
        "  [1]  =>  the policy takes action 0 or action 2",
        "  [2]  =>  the policy takes action 1",
    ]


def credit(lengths, high, best, returns, gap=0.25):
    witness = CreditWitness(History(seen(1), ()), 0, 0, best, np.array(returns), gap)
    return explain(dataclasses.replace(lengths, credit_assignment=Length(high, high, witness)), "credit_assignment")


def test_credit(small):
    returns = [[0, 1, 2, 3], [0, 2, 2, 1], [0, 0, 0, 4]]
    assert credit(small, 3, (0, 2), returns) == [
        "after  [1]  the best action is 0 or 2:",
        "  return of 2 steps: 2, of the best other action 2",
        "  return of 3 steps: 4, of the best other action 1",
        "  0.25 of value hangs on it",
    ]
    # What is ahead at once has no step before.
    assert credit(small, 1, (1,), returns)[1:-1] == ["  return of 1 step: 2, of the best other action 1"]
    assert credit(small, 1, (0, 1, 2), returns) == ["after every history all actions are as good"]


def test_credit_is_told_of_a_history_on_which_something_hangs():
    # Only the last action matters, and pays at once: c is 1, although all first actions are as good.
    lengths = measure(recall(lambda number: np.array([number]), 3))
    assert lengths.credit_assignment.value == 1
    first, *lines = explain(lengths, "credit_assignment")
    assert re.fullmatch(r"after  \[(\d)\] \d:\[2\] \d:\[2\]  the best action is \1:", first)
    assert lines == ["  return of 1 step: 1, of the best other action 0", "  1 of value hangs on it"]


def test_nothing_to_tell():
    # Nothing pays and nothing differs.
    lengths = measure(FinitePOMDP.from_rules([(1.0, 0, "x")], lambda s, a: [Outcome(1.0, 0, "x", 0.0)], 2, 3))
    for name in NAMES:
        lines = ["after every history all actions are as good"] if name == "credit_assignment" else []
        assert explain(lengths, name) == lines


def test_of_many_different_steps_only_the_ends_are_told():
    lengths = measure("MemoryLength-v0", length=20)
    line = explain(lengths, "reward_memory")[1]
    assert line.count("[") == 11
    assert "0:[0.75 0 0] ... 9 more ... 0:[0.25 0 0]" in line
