"""Lengths of tasks that are known, and witnesses that the environments themselves confirm."""

import itertools
from functools import cache

import numpy as np
import pytest

from jaxmem import envs
from jaxmem.analysis.lengths import CreditWitness, FinitePOMDP, PairWitness, gaps, measure, replay
from jaxmem.config import ConfigError
from jaxmem.envs.pomdp import Beginning, Outcome


@cache
def written_out(env_id, **options):
    return envs.as_pomdp(*envs.make(env_id, **options))


@cache
def measured(env_id, discount=0.99, **options):
    return measure(written_out(env_id, **options), discount, search_budget=100_000)


def row(lengths):
    """(c, m_R, m_T, l_value, l_mem of the policy that draws among all best actions)."""
    found = (
        lengths.credit_assignment,
        lengths.reward_memory,
        lengths.transition_memory,
        lengths.value_memory,
        lengths.policy_memory_uniform,
    )
    assert all(length.exact for length in found)
    return tuple(length.value for length in found)


@pytest.mark.parametrize("discount", [1.0, 0.99])
@pytest.mark.parametrize(
    ("env_id", "options", "expected"),
    [
        ("PassiveTMaze-v0", {"length": 4}, (1, 5, 5, 5, 5)),
        ("PassiveTMaze-v0", {"length": 5}, (1, 6, 6, 6, 6)),
        ("PassiveTMaze-v0", {"length": 4, "penalty": 0}, (5, 5, 5, 5, 5)),
        ("ActiveTMaze-v0", {"length": 3}, (6, 5, 6, 5, 5)),
        ("ActiveTMaze-v0", {"length": 4}, (7, 6, 7, 6, 6)),
        ("MemoryLength-v0", {"length": 6}, (1, 6, 0, 6, 6)),
        ("UmbrellaLength-v0", {"length": 6, "distractors": 1}, (6, 1, 1, 1, 1)),
        ("RepeatFirst-v0", {"ranks": 2}, (1, 7, 7, 7, 2)),
    ],
)
def test_rows_of_the_table_that_was_enumerated(env_id, options, expected, discount):
    assert row(measured(env_id, discount, **options)) == expected


def chain(steps):
    """RepeatFirst with fresh cards from an endless pile: nothing but the reward depends on the past."""
    return FinitePOMDP.from_rules(
        [Beginning(0.5, (suit, 0), suit) for suit in range(2)],
        lambda s, a: [Outcome(0.5, (s[0], s[1] + 1), card, 1 if a == s[0] else -1) for card in range(2)],
        2,
        steps,
    )


def episodic(steps):
    """A cue a step to answer; all right answers are paid for at the end."""

    def step(state, action):
        time, cue, right = state
        right += action == cue
        reward = right if time + 1 == steps else 0
        return [Outcome(0.5, (time + 1, after, right), after, reward) for after in range(2)]

    return FinitePOMDP.from_rules([Beginning(0.5, (0, cue, 0), cue) for cue in range(2)], step, 2, steps)


def key_and_door(steps):
    """Take the key with the first action, pick apples, open the door with the last one; the key is always in sight."""

    def step(state, action):
        time, key = state
        if time == 0:
            key = action == 0
        reward = (5 * (key and action == 0)) if time + 1 == steps else int(time > 0 and action == 0)
        return [Outcome(1.0, (time + 1, key), key, reward)]

    return FinitePOMDP.from_rules([Beginning(1.0, (0, False), False)], step, 2, steps)


@pytest.mark.parametrize("discount", [1.0, 0.99])
@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (chain(6), (1, 6, 0, 6, 2)),
        (episodic(5), (5, 5, 0, 5, 1)),
        (key_and_door(6), (6, 1, 1, 1, 0)),
    ],
    ids=["repeat first", "delayed catch", "key and door"],
)
def test_rows_of_abstract_tasks(task, expected, discount):
    assert row(measure(task, discount)) == expected


def test_heaven_hell():
    lengths = measured("HeavenHell-v0")
    # The priest is seen 7 moves before the junction; the first move is paid for by the 14th.
    assert (lengths.policy_memory.value, lengths.policy_memory_uniform.value) == (8, 8)
    assert lengths.credit_assignment.value == 14
    # With time to spare and no discount, when one arrives can say what the priest said.
    assert measured("HeavenHell-v0", 1.0).policy_memory.value == 1


def test_a_policy_can_write_notes_with_actions_that_do_nothing():
    lengths = measured("MemoryLength-v0", length=6)
    # The first action repeats the bit, and each later one the action before it.
    assert (lengths.policy_memory.value, lengths.policy_memory_uniform.value) == (2, 6)


@pytest.mark.parametrize("every", [2, 3, 5, None])
@pytest.mark.parametrize(("distance", "penalty", "credit"), [(0, None, 1), (0, 0.0, 7), (1, None, 9), (1, 0.0, 9)])
def test_factorial_sets_memory_and_credit_apart(every, distance, penalty, credit):
    options = {"length": 6, "oracle_distance": distance, "penalty": penalty, "cue_every": every}
    lengths = measured("TMaze-v0", **options)
    spec = envs.spec("TMaze-v0", **options)
    assert lengths.credit_assignment.value == credit == spec.credit_length
    assert lengths.policy_memory.value == spec.memory_length


def layouts_for(env_id, history):
    """Layouts that can show a history, of tasks that have too many to list."""
    seen = np.array(history.observations)
    if env_id == "RepeatFirst-v0":
        dealt = seen[:, 1:].argmax(axis=1).tolist()
        left = np.repeat(range(4), [2 - dealt.count(suit) for suit in range(4)]).tolist()
        # The next card is what its consequences are averaged over.
        orders = sorted(set(itertools.permutations(left)))[:100]
        return [envs.CardsLayout(np.array([*dealt, *order])) for order in orders]
    if env_id == "DelayedCatch-v0":
        columns = [int(np.argwhere(board == -1)[0, 1]) for board in seen[::3] if (board == -1).any()]
        return [envs.DelayedCatchLayout(np.array(columns + [0] * (3 - len(columns))))]
    return None


@pytest.mark.parametrize(
    ("env_id", "options"),
    [
        ("PassiveTMaze-v0", {"length": 5}),
        ("ActiveTMaze-v0", {"length": 4}),
        ("HeavenHell-v0", {}),
        ("MemoryLength-v0", {"length": 6}),
        ("UmbrellaLength-v0", {"length": 6, "distractors": 1}),
        ("RepeatFirst-v0", {"ranks": 2}),
        ("DelayedCatch-v0", {"rows": 3, "columns": 3, "drops": 3}),
        ("KeyToDoor-v0", {"num_apples": 0, "max_frames": (3, 1, 3)}),
        ("MemoryCards-v0", {"pairs": 2, "limit": 3}),
        ("ActionAssociativeRetrieval-v0", {"length": 4}),
    ],
)
def test_every_witness_happens_in_the_environment(env_id, options):
    env, params = envs.make(env_id, **options)
    lengths = measured(env_id, **options)
    names = ("reward_memory", "transition_memory", "value_memory", "policy_memory", "policy_memory_uniform")
    witnesses = [getattr(lengths, name).witness for name in names]
    for name, witness in zip(names, witnesses, strict=True):
        assert (witness is None) == (getattr(lengths, name).value == 0)
    pairs = [witness for witness in witnesses if witness is not None]
    histories = [(h, w.action) for w in pairs for h in (w.first, w.second)]
    credit = lengths.credit_assignment.witness
    assert isinstance(credit, CreditWitness)
    histories.append((credit.history, credit.best[0]))
    if layouts_for(env_id, credit.history) is None:
        found = replay(env, params, *zip(*histories, strict=True), episodes=20_000)
    else:
        found = [replay(env, params, [h], [a], layouts=layouts_for(env_id, h))[0] for h, a in histories]
    assert all(one.met > 0 for one in found)
    for number, witness in enumerate(pairs):
        assert isinstance(witness, PairWitness)
        check_shared(witness)
        both = found[2 * number : 2 * number + 2]
        if witness.kind == "reward":
            for one, expected in zip(both, witness.consequences, strict=True):
                # Rewards are between -1 and 1 in the tasks whose episodes are drawn.
                error = 1e-6 if hasattr(env, "layouts") else 4 / np.sqrt(one.met)
                assert one.reward == pytest.approx(expected, abs=error)
        elif witness.kind == "percept" and env_id != "RepeatFirst-v0":
            for one, expected in zip(both, witness.consequences, strict=True):
                assert {kind.tobytes() for _, kind in one.seen} == {obs.tobytes() for _, obs, _ in expected}


def check_shared(witness):
    """Both end alike, over just as many observations as the witness says, and their consequences differ."""
    shared = witness.shared
    assert len(witness.first.observations) == len(witness.second.observations)
    for one, other in zip(
        witness.first.observations[-1 : -1 - shared : -1], witness.second.observations[::-1], strict=False
    ):
        assert np.array_equal(one, other)
    if shared > 1:
        assert witness.first.actions[1 - shared :] == witness.second.actions[1 - shared :]
    assert str(witness.consequences[0]) != str(witness.consequences[1])


def test_gap_of_the_decisive_action_vanishes_with_the_discount():
    lengths = measured("ActiveTMaze-v0", length=20)
    credit = lengths.credit_assignment.witness
    assert isinstance(credit, CreditWitness)
    found = gaps(lengths, [1.0, 0.99, 0.9])
    # A guess is right in half of the episodes.
    np.testing.assert_allclose(found, [0.5, 0.5 * 0.99**22, 0.5 * 0.9**22], rtol=1e-6)
    assert credit.gap == pytest.approx(found[1])


def test_returns_of_the_credit_witness_cross_where_it_says():
    lengths = measured("ActiveTMaze-v0", length=4)
    credit = lengths.credit_assignment.witness
    assert isinstance(credit, CreditWitness)
    assert credit.history.actions == ()
    assert credit.best == (2,)
    others = np.delete(credit.returns, 2, axis=0).max(axis=0)
    assert np.all(credit.returns[2, :7] <= others[:7] + 1e-12)
    assert credit.returns[2, 7] > others[7] + 0.1


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("CartPole-v1", {}, "different outcomes"),
        ("Pendulum-v1", {}, "no integers"),
        ("KeyToDoor-v0", {}, "num_apples is 10"),
        ("Autoencode-v0", {}, "52 cards"),
        ("UmbrellaLength-v0", {}, "distractors is 20"),
        ("PassiveTMaze-v0", {"discount": 0}, "discount is 0"),
        ("PassiveTMaze-v0", {"max_beliefs": 10}, "more than 10 beliefs"),
    ],
)
def test_what_cannot_be_measured_says_why(task, options, message):
    with pytest.raises(ConfigError, match=message) as error:
        measure(task, **options)
    assert "\n" not in str(error.value)
