"""The engine on beliefs against the definitions on histories, over random tasks."""

import itertools

import numpy as np
from brute_force import Brute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxmem.analysis.lengths import FinitePOMDP, measure
from jaxmem.analysis.lengths.policy_memory import search
from jaxmem.envs.pomdp import Outcome


def random_task(seed):
    """A tiny task, with numbers so coarse that ties and certain observations are common, and some early ends."""
    rng = np.random.default_rng(seed)
    states, observations, horizon = rng.integers(2, 5), rng.integers(1, 4), rng.integers(2, 4)
    rewards = [[0, 1], [0, 0, 0, 1], [-1, 0, 1, 2]][rng.integers(3)]
    shown = rng.integers(observations, size=(horizon, states))
    ways = {}
    for key in itertools.product(range(states), range(horizon), range(2)):
        outcomes = []
        for after in rng.integers(states, size=rng.integers(1, 3)):
            seen = shown[key[1], after] if rng.random() < 0.8 else rng.integers(observations)
            outcomes.append(((int(after), key[1] + 1), int(seen), rng.choice(rewards), rng.random() < 0.1))
        ways[key] = outcomes

    def step(state, action):
        outcomes = ways[(*state, action)]
        return [Outcome(1 / len(outcomes), *outcome) for outcome in outcomes]

    begin = [(1 / 3, (int(rng.integers(states)), 0), int(rng.integers(observations))) for _ in range(3)]
    return FinitePOMDP.from_rules(begin, step, 2, int(horizon))


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 0.5]))
def test_engine_agrees_with_the_definitions_and_the_theorem_holds(seed, discount):
    task = random_task(seed)
    lengths, brute = measure(task, discount), Brute(task, discount)
    assert lengths.reward_memory.exact
    assert lengths.reward_memory.value == brute.reward_memory()
    assert lengths.transition_memory.exact
    assert lengths.transition_memory.value == brute.transition_memory()
    assert lengths.value_memory.exact
    assert lengths.value_memory.value == brute.value_memory()
    assert lengths.policy_memory_uniform.value == brute.uniform_memory()
    assert lengths.policy_memory.exact
    assert lengths.policy_memory.value == brute.policy_memory()
    few = search(lengths.graph, lengths.values, lengths.policy_memory_uniform.high, budget=10)
    assert few.low <= lengths.policy_memory.value <= few.high
    bounded = measure(task, discount, max_pairs=2)
    for name in ("reward_memory", "value_memory"):
        assert getattr(bounded, name).low <= getattr(lengths, name).value <= getattr(bounded, name).high
    credit = brute.credit()
    if credit is not None:
        assert lengths.credit_assignment.low <= credit <= lengths.credit_assignment.high
    assert lengths.policy_memory.value <= lengths.policy_memory_uniform.value <= lengths.value_memory.value
    assert lengths.value_memory.value <= lengths.memory.value
    first = sum(map(sum, (w.values() for w in brute.weights[0].values())))
    value = sum(sum(w.values()) * max(brute.q[h]) for h, w in brute.weights[0].items())
    np.testing.assert_allclose([first, lengths.value], [1, value], atol=1e-9)
