"""Finite tasks found by trying small environments."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from gymnax.environments import spaces
from gymnax.environments.environment import Environment, EnvParams

from jaxmem import envs
from jaxmem.analysis.lengths import measure
from jaxmem.config import ConfigError
from jaxmem.envs.explore import _chances, explore


@struct.dataclass
class State:
    """`at` and `time`, int32, and `more`, whatever a test wants to be in there."""

    at: jax.Array
    time: jax.Array
    more: Any = None


class Ring(Environment[Any, Any]):
    """Five cells in a ring, two moves; the episode begins in cell 0 or 1 and cell 3 pays. Tests change the rest."""

    @property
    def name(self) -> str:
        return "Ring"

    @property
    def default_params(self) -> EnvParams:
        return EnvParams(max_steps_in_episode=3)

    def reset_env(self, key, params):
        state = State(jax.random.randint(key, (), 0, 2), jnp.int32(0))
        return self.observe(state), state

    def step_env(self, key, state, action, params):
        at = (state.at + jnp.where(action == 0, 1, -1)) % 5
        state = State(at, state.time + 1, state.more)
        return self.observe(state), state, jnp.where(at == 3, 1.0, 0.0), jnp.bool_(False), {}

    def is_truncated(self, state, params):
        return state.time >= params.max_steps_in_episode

    def observe(self, state):
        return state.at.astype(jnp.float32)[None]

    def action_space(self, params=None):
        return spaces.Discrete(2)


def found(env, **options):
    return explore(env, env.default_params, **options)


def outcomes(pomdp, state, action):
    """What can follow: {(observation, reward, ended): probability}."""
    pair = state * pomdp.num_actions + action
    rows = range(pomdp.offsets[pair], pomdp.offsets[pair + 1])
    return {
        (
            np.asarray(pomdp.observations[pomdp.observation[row]]).tolist()[0],
            float(pomdp.reward[row]),
            bool(pomdp.ended[row]),
        ): float(pomdp.probability[row])
        for row in rows
    }


def test_random_beginnings_and_certain_steps():
    pomdp = found(Ring(), draws=64)
    assert (pomdp.num_actions, pomdp.horizon, pomdp.sampled) == (2, 3, 64)
    assert pomdp.initial_probability.tolist() == [0.5, 0.5]
    assert sorted(pomdp.observations[number].tolist() for number in pomdp.initial_observation) == [[0], [1]]
    # Beginnings, cells 4, 0, 1, 2 after a step, all five after two. The end is no state.
    assert pomdp.num_states == 2 + 4 + 5
    assert all(np.diff(pomdp.offsets) == 1)
    begin = next(s for s, o in enumerate(pomdp.initial_observation) if pomdp.observations[o] == 1)
    state = int(pomdp.initial_state[begin])
    assert outcomes(pomdp, state, 0) == {(2, 0, False): 1}
    after = pomdp.next_state[pomdp.offsets[2 * state]]
    assert outcomes(pomdp, after, 0) == {(3, 1, False): 1}
    last = pomdp.next_state[pomdp.offsets[2 * after]]
    # The time limit ends it.
    assert outcomes(pomdp, last, 0) == {(4, 0, True): 1}
    assert outcomes(pomdp, last, 1) == {(2, 0, True): 1}


class Still(Ring):
    """Begins in cell 1, whatever its key is."""

    def reset_env(self, key, params):
        _, unused = jax.random.split(key)
        del unused
        state = State(jnp.int32(1), jnp.int32(0))
        return self.observe(state), state


def test_what_uses_no_key_is_certain():
    pomdp = found(Still())
    assert pomdp.sampled == 0
    assert pomdp.initial_probability.tolist() == [1]


class Slips(Still):
    """Moves to one of some cells, whatever is done."""

    def __init__(self, chances):
        super().__init__()
        self.chances = chances

    def step_env(self, key, state, action, params):
        at = jnp.searchsorted(jnp.cumsum(jnp.array(self.chances)), jax.random.uniform(key))
        state = State(at.astype(jnp.int32), state.time + 1)
        return self.observe(state), state, jnp.float32(0), jnp.bool_(False), {}


@pytest.mark.parametrize("chances", [(0.1, 0.9), (1 / 3, 1 / 3, 1 / 3), (0.25, 0.75)], ids=str)
def test_random_steps_become_simple_fractions(chances):
    pomdp = found(Slips(chances))
    assert pomdp.sampled == 16_384
    assert pomdp.num_states == 1 + 2 * len(chances)
    for state in range(pomdp.num_states):
        for action in range(2):
            shares = {cell: chance for (cell, _, _), chance in outcomes(pomdp, state, action).items()}
            assert shares == pytest.approx(dict(enumerate(chances)), rel=1e-12)


def test_what_is_no_simple_fraction_is_near_what_it_is():
    chances = (0.0301, 0.2129, 0.757)
    pomdp = found(Slips(chances), draws=512)
    assert pomdp.sampled == 512
    for state in range(pomdp.num_states):
        shares = {cell: chance for (cell, _, _), chance in outcomes(pomdp, state, 0).items()}
        assert sum(shares.values()) == pytest.approx(1)
        assert shares == pytest.approx(dict(enumerate(chances)), abs=0.08)


class Keyed(Still):
    """Carries something in its state."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def reset_env(self, key, params):
        obs, state = super().reset_env(key, params)
        return obs, dataclasses.replace(state, more=self.make(key))


@pytest.mark.parametrize("make", [lambda key: key, lambda key: {"deep": (jax.random.split(key, 3),)}], ids=["a", "b"])
def test_a_key_in_the_state_is_refused(make):
    with pytest.raises(ConfigError, match="^environment 'Ring' cannot be written out: .*holds a random key") as error:
        found(Keyed(make))
    assert "\n" not in str(error.value)


class Drifts(Still):
    """No two states are the same: a number grows in its own way with each action."""

    def reset_env(self, key, params):
        obs, state = super().reset_env(key, params)
        return obs, dataclasses.replace(state, more=jnp.float32(0.1))

    def step_env(self, key, state, action, params):
        obs, state, *rest = super().step_env(key, state, action, params)
        return obs, dataclasses.replace(state, more=jnp.sin(3 * state.more + action)), *rest

    @property
    def default_params(self) -> EnvParams:
        return EnvParams(max_steps_in_episode=1000)


def test_a_continuous_state_is_given_up():
    with pytest.raises(ConfigError, match="'Ring' cannot be written out: the task has more than 500 states") as error:
        found(Drifts(), max_states=500)
    assert "\n" not in str(error.value)


def test_a_random_walk_on_a_continuum_is_given_up():
    class Walks(Drifts):
        def step_env(self, key, state, action, params):
            obs, after, *rest = super().step_env(key, state, action, params)
            return obs, dataclasses.replace(after, more=state.more + jax.random.normal(key)), *rest

    with pytest.raises(ConfigError, match="more than 300 states"):
        found(Walks(), draws=32, max_states=300)


class Cells(Still):
    """Observations are a tree."""

    def observe(self, state):
        return {"half": (state.at // 2).astype(jnp.float32), "odd": (state.at % 2 == 1)[None]}


def test_trees_as_observations():
    pomdp = found(Cells())
    # Of five cells in a ring from cell 1: all are seen, no two look the same.
    assert len(pomdp.observations) == 5
    assert len({np.asarray(seen).tobytes() for seen in pomdp.observations}) == 5
    plain = found(Still())
    for name in ("offsets", "next_state", "observation", "reward", "ended"):
        assert np.array_equal(getattr(pomdp, name), getattr(plain, name)), name


def test_scalars_as_observations():
    class Scalar(Still):
        def observe(self, state):
            return state.at % 2

    assert sorted(int(seen) for seen in found(Scalar()).observations) == [0, 1]


def test_zeros_of_both_signs_are_one():
    class Signs(Still):
        """0.0 is carried and shown, with the sign of the latest move."""

        def observe(self, state):
            return jnp.zeros(2) if state.more is None else jnp.stack([state.more, state.at.astype(float)])

        def reset_env(self, key, params):
            obs, state = super().reset_env(key, params)
            return obs, dataclasses.replace(state, more=jnp.float32(0))

        def step_env(self, key, state, action, params):
            state = dataclasses.replace(state, more=jnp.where(action == 0, 0.0, -0.0))
            return super().step_env(key, state, action, params)

    pomdp, plain = found(Signs()), found(Still())
    assert pomdp.num_states == plain.num_states
    # The first one shows zeros, all others a zero and the cell.
    assert len(pomdp.observations) == 5 + (0 not in [seen.item() for seen in plain.observations])


def test_early_ends_and_the_horizon():
    class Falls(Still):
        def step_env(self, key, state, action, params):
            obs, state, reward, _, info = super().step_env(key, state, action, params)
            return obs, state, reward, state.at == 0, info

    pomdp = found(Falls())
    begin = int(pomdp.initial_state[0])
    assert outcomes(pomdp, begin, 1) == {(0, 0, True): 1}
    assert outcomes(pomdp, begin, 0) == {(2, 0, False): 1}
    # Cell 1; cell 2; cells 1 and 3. Nothing is known after an end.
    assert pomdp.num_states == 4


def test_an_own_horizon_counts():
    class Short(Still):
        def horizon(self, params):
            return 2

    pomdp = found(Short())
    assert pomdp.horizon == 2
    # Cell 1; cells 2 and 0; cells 3, 1 and 4, of which nothing is asked. Nothing but the horizon ends an episode.
    assert pomdp.num_states == 6
    assert not pomdp.ended[: 2 * 3].any()


def test_layouts_are_enumerated():
    class Placed(Ring):
        """Four layouts: two of them are one beginning."""

        def layouts(self, params):
            return [(0.1, 0), (0.2, 1), (0.3, 2), (0.4, 1)]

        def reset_to(self, layout, params=None):
            state = State(jnp.int32(layout), jnp.int32(0))
            return self.observe(state), state

    pomdp = found(Placed())
    assert pomdp.sampled == 0
    shares = np.bincount(pomdp.initial_state, pomdp.initial_probability)
    seen = [pomdp.observations[o].item() for o in pomdp.initial_observation[:3]]
    np.testing.assert_allclose(shares[:3][np.argsort(seen)], [0.1, 0.6, 0.3])


def test_actions_that_are_no_integers_are_refused():
    class Pushed(Still):
        def action_space(self, params=None):
            return spaces.Box(-1, 1, (1,))

    with pytest.raises(ConfigError, match="^environment 'Ring' has actions that are no integers") as error:
        found(Pushed())
    assert "\n" not in str(error.value)


def test_the_registry_explores_what_does_not_write_itself_out():
    env = Still()
    one, other = envs.as_pomdp(env, env.default_params), found(env)
    assert one.next_state.tolist() == other.next_state.tolist()
    with pytest.raises(ConfigError, match="more than 3 states"):
        envs.as_pomdp(env, env.default_params, max_states=3)


@pytest.mark.parametrize("chance", [0.3, 0.35, 0.45, 0.15, 0.02, 1 / 7])
def test_a_decimal_is_found_from_its_counts_and_its_mirror_alike(chance):
    count = round(chance * 16_384)
    assert _chances([count, 16_384 - count], 16_384) == pytest.approx([chance, 1 - chance], rel=1e-12)
    assert _chances([16_384 - count, count], 16_384) == pytest.approx([1 - chance, chance], rel=1e-12)


def test_posteriors_that_all_but_vanish_are_no_less_apart():
    # After a first look B and C have next to no chance, in either order; the last look leaves them alone.
    def step(state, action):
        kind, time = state
        seen = "none" if time == 0 else "A" if kind == "A" else "not A"
        return [(1.0, (kind, time + 1), seen, {"A": 0, "B": 1, "C": -1}[kind] * (time == 2))]

    odds = {"A": 1 - 3e-13, "B": 1e-13, "C": 2e-13}
    swapped = odds | {"B": odds["C"], "C": odds["B"]}
    begin = [(chance / 2, (kind, 0), look) for look, of in enumerate((odds, swapped)) for kind, chance in of.items()]
    assert measure(envs.FinitePOMDP.from_rules(begin, step, 1, 3), 1.0).reward_memory.value == 3
