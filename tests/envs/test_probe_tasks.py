"""Probes: what holds for each of them as an environment."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import envs
from jaxmem.config import ConfigError
from jaxmem.envs.probes.base import share

KEY = jax.random.key(0)
ROWS = 512
# Small tasks, for whole episodes of random actions.
SMALL = {
    "MemoryLength-v0": {"length": 5, "num_bits": 2},
    "UmbrellaLength-v0": {"length": 5, "distractors": 3},
    "DelayedCatch-v0": {"rows": 3, "columns": 4, "drops": 2},
    "RepeatFirst-v0": {},
    "Autoencode-v0": {},
    "HeavenHell-v0": {},
    "MemoryCards-v0": {"pairs": 2, "limit": 6},
}
FIXED = [id for id in SMALL if id not in ("HeavenHell-v0", "MemoryCards-v0")]


def rollout(env, params, key, steps):
    """First observation and state, and the outputs of random actions; after its end an episode goes on, unlawfully."""
    first = env.reset_env(key, params)

    def body(state, key):
        action = env.action_space(params).sample(key)
        obs, state, *rest = env.step_env(key, state, action, params)
        return state, (obs, state, *rest, env.is_truncated(state, params), action)

    _, outs = jax.lax.scan(body, first[1], jax.random.split(key, steps))
    return first, outs


@functools.cache
def played(id):
    env, params = envs.make(id, **SMALL[id])
    run = functools.partial(rollout, env, params, steps=envs.horizon(env, params))
    return env, params, jax.tree.map(np.asarray, jax.jit(jax.vmap(run))(jax.random.split(KEY, ROWS)))


@pytest.mark.parametrize("id", SMALL)
def test_alone_and_together_are_the_same_and_steps_need_no_key(id):
    env, params, (first, outs) = played(id)
    alone = jax.jit(env.reset_env)(jax.random.split(KEY, ROWS)[1], params)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[1], b), first, alone)
    step, state = jax.jit(env.step_env), alone[1]
    for t in range(int(outs[3][1].argmax()) + 1):
        *together, _, action = jax.tree.map(lambda x, t=t: x[1, t], outs)
        stepped = step(jax.random.key(t), state, action, params)
        jax.tree.map(np.testing.assert_array_equal, stepped, tuple(together))
        state = stepped[1]


@pytest.mark.parametrize("id", SMALL)
def test_episodes_end_at_the_horizon(id):
    env, params, (_, (_, _, reward, terminated, info, truncated, _)) = played(id)
    horizon = envs.horizon(env, params)
    ends = terminated.argmax(axis=1)
    assert terminated.any(axis=1).all()
    assert envs.fixed_horizon(env) == (id in FIXED)
    assert (ends == horizon - 1).all() if id in FIXED else (ends < horizon - 1).any()
    assert not truncated.any()
    np.testing.assert_array_equal(info["discount"], 1.0 - terminated)
    assert not info["success"][~terminated].any()
    assert set(np.unique(info["success"])) <= {0, 1}
    for name in ("discount", *envs.episode_metrics(env)):
        assert info[name].dtype == reward.dtype == np.float32


@pytest.mark.parametrize("id", SMALL)
def test_observations_and_states_lie_in_their_spaces(id):
    env, params, (first, (obs, state, *_, action)) = played(id)
    space = env.observation_space(params)
    assert obs.shape[2:] == first[0].shape[1:] == space.shape
    assert first[0].dtype == obs.dtype == space.dtype == np.float32
    assert space.contains(first[0])
    assert space.contains(obs)
    assert env.state_space(params).contains(first[1])
    assert env.state_space(params).contains(state)
    assert env.num_actions == env.action_space(params).n == action.max() + 1


@pytest.mark.parametrize("id", SMALL)
def test_a_step_keeps_shapes_and_dtypes(id):
    env, params = envs.make(id, **SMALL[id])
    reset = jax.eval_shape(env.reset_env, KEY, params)
    stepped = jax.eval_shape(env.step_env, KEY, reset[1], 0, params)
    assert reset == stepped[:2]
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(stepped))


def drawn(id):
    """First states of many episodes."""
    return played(id)[2][0][1]


def near(counts, expected, trials, deviations=5):
    """Whether binomial counts are where they should be."""
    share = expected / trials
    return (abs(counts - expected) < deviations * (trials * share * (1 - share)) ** 0.5).all()


def test_random_layouts_are_right_and_uniform():
    for id in ("RepeatFirst-v0", "Autoencode-v0"):
        suits = drawn(id).suits
        assert (np.sort(suits, axis=1) == np.repeat(np.arange(4), 13)).all()
        for card in (0, 25, 51):
            assert near(np.bincount(suits[:, card]), ROWS / 4, ROWS)
    values = drawn("MemoryCards-v0").values
    assert (np.sort(values, axis=1) == [0, 0, 1, 1]).all()
    assert near(np.bincount(values @ [0, 1, 2, 4], minlength=8)[[3, 5, 6, 1, 2, 4]], ROWS / 6, ROWS)
    columns = drawn("DelayedCatch-v0").columns
    assert near(np.bincount(columns @ [1, 4]), ROWS / 16, ROWS)
    assert near(np.bincount(drawn("HeavenHell-v0").heaven), ROWS / 2, ROWS)
    umbrella = drawn("UmbrellaLength-v0")
    assert near(np.bincount(umbrella.need * 2 + umbrella.has), ROWS / 4, ROWS)
    bits = drawn("MemoryLength-v0")
    assert near(np.bincount(bits.context @ [1, 2] + 4 * bits.query), ROWS / 8, ROWS)


LAYOUTS = {
    "MemoryLength-v0": envs.MemoryLengthLayout(np.array([[0, 1], [1, 1]]), np.array([1, 0])),
    "UmbrellaLength-v0": envs.UmbrellaLengthLayout(np.array([0, 1]), np.array([1, 1]), np.array([3, 4], np.uint32)),
    "DelayedCatch-v0": envs.DelayedCatchLayout(np.array([[0, 3], [2, 1]], np.int8)),
    "RepeatFirst-v0": envs.CardsLayout(np.stack([np.arange(52) % 4, np.arange(52) // 13])),
    "Autoencode-v0": envs.CardsLayout(np.stack([np.arange(52) % 4, np.arange(52) // 13])),
    "HeavenHell-v0": envs.HeavenHellLayout(np.array([0, 1])),
    "MemoryCards-v0": envs.MemoryCardsLayout(
        np.array([[0, 1, 1, 0], [0, 0, 1, 1]], np.uint64), np.array([0, 2**32 - 1])
    ),
}


@pytest.mark.parametrize("id", LAYOUTS)
def test_layouts_under_jit_and_vmap(id):
    env, params = envs.make(id, **SMALL[id])
    together = jax.jit(jax.vmap(env.reset_to, (0, None)))(LAYOUTS[id], params)
    for i in range(2):
        alone = env.reset_to(jax.tree.map(lambda x, i=i: x[i], LAYOUTS[id]), params)
        jax.tree.map(lambda a, b, i=i: np.testing.assert_array_equal(a[i], b), together, alone)
    # What can be done with the default params can be done without.
    if not SMALL[id]:
        jax.tree.map(np.testing.assert_array_equal, env.reset_to(jax.tree.map(lambda x: x[1], LAYOUTS[id])), alone)


SUITS = np.arange(52) % 4
BAD_LAYOUTS = [
    ("MemoryLength-v0", envs.MemoryLengthLayout([0], 0), "layout.context is [0]: allowed are 2 integers from 0 to 1"),
    ("MemoryLength-v0", envs.MemoryLengthLayout([0, 1], 2), "layout.query is 2: allowed is an integer from 0 to 1"),
    ("UmbrellaLength-v0", envs.UmbrellaLengthLayout(0.5), "layout.need is 0.5: allowed is an integer from 0 to 1"),
    ("UmbrellaLength-v0", envs.UmbrellaLengthLayout(1, -1), "layout.has is -1: allowed is an integer from 0 to 1"),
    (
        "UmbrellaLength-v0",
        envs.UmbrellaLengthLayout(1, 1, -1),
        "layout.seed is -1: allowed is an integer from 0 to 429",
    ),
    (
        "DelayedCatch-v0",
        envs.DelayedCatchLayout([0, 4]),
        "layout.columns is [0, 4]: allowed are 2 integers from 0 to 3",
    ),
    ("RepeatFirst-v0", envs.CardsLayout(SUITS // 2), "layout.suits has 26 of 0: allowed are 13 of each from 0 to 3"),
    ("Autoencode-v0", envs.CardsLayout(SUITS[:51]), "...] of shape (51,): allowed are 52 integers from 0 to 3"),
    ("HeavenHell-v0", envs.HeavenHellLayout(2), "layout.heaven is 2: allowed is an integer from 0 to 1"),
    ("MemoryCards-v0", envs.MemoryCardsLayout([0, 0, 0, 1]), "values has 3 of 0: allowed are 2 of each from 0 to 1"),
    ("MemoryCards-v0", envs.MemoryCardsLayout([0, 0, 1, 1], 2**32), "layout.seed is 4294967296: allowed is an integer"),
]


@pytest.mark.parametrize(("id", "layout", "message"), BAD_LAYOUTS)
def test_layouts_that_cannot_be_are_told_in_one_line(id, layout, message):
    env, params = envs.make(id, **SMALL[id])
    with pytest.raises(ConfigError) as error:
        env.reset_to(layout, params)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


BAD_OPTIONS = [
    ("MemoryLength-v0", {"length": 0}, "env.length is 0: allowed is an integer from 1"),
    ("MemoryLength-v0", {"num_bits": 0}, "env.num_bits is 0: allowed is an integer from 1"),
    ("UmbrellaLength-v0", {"distractors": -1}, "env.distractors is -1: allowed is an integer from 0"),
    ("DelayedCatch-v0", {"rows": 1}, "env.rows is 1: allowed is an integer from 2"),
    ("DelayedCatch-v0", {"rows": 3, "columns": 6}, "env.columns is 6: allowed are at most 5 with env.rows 3"),
    ("RepeatFirst-v0", {"decks": 0}, "env.decks is 0: allowed is an integer from 1"),
    ("Autoencode-v0", {"decks": 1.0}, "env.decks is 1.0: allowed is an integer from 1"),
    ("HeavenHell-v0", {"limit": 13}, "env.limit is 13: allowed is an integer from 14"),
    ("MemoryCards-v0", {"pairs": 8, "limit": 7}, "env.limit is 7: allowed is at least env.pairs, which is 8"),
]


@pytest.mark.parametrize(("id", "options", "message"), BAD_OPTIONS)
def test_options_that_cannot_be_are_told_in_one_line(id, options, message):
    with pytest.raises(ConfigError) as error:
        envs.options(id, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_class_refuses_a_board_that_is_too_wide():
    with pytest.raises(ConfigError, match="^columns is 6: allowed are at most 5 with rows 3$"):
        envs.DelayedCatch(rows=3, columns=6)


@pytest.mark.parametrize(
    ("id", "options", "horizon", "memory", "credit"),
    [
        ("MemoryLength-v0", {}, 100, 100, 1),
        ("MemoryLength-v0", {"length": 7, "num_bits": 3}, 7, 7, 1),
        ("UmbrellaLength-v0", {}, 100, 1, 100),
        ("UmbrellaLength-v0", {"length": 30}, 30, 1, 30),
        ("DelayedCatch-v0", {}, 280, 1, 280),
        ("DelayedCatch-v0", {"rows": 5, "columns": 9, "drops": 3}, 15, 1, 15),
        ("RepeatFirst-v0", {}, 51, 2, 1),
        ("RepeatFirst-v0", {"decks": 16}, 831, 2, 1),
        ("Autoencode-v0", {}, 103, 103, 1),
        ("Autoencode-v0", {"decks": 3}, 311, 311, 1),
        ("HeavenHell-v0", {}, 20, 8, 20),
        ("HeavenHell-v0", {"limit": 14}, 14, 8, 14),
        ("MemoryCards-v0", {}, 50, 50, 1),
        ("MemoryCards-v0", {"pairs": 2, "limit": 9}, 9, 9, 1),
    ],
)
def test_spec_states_the_lengths_and_options_can_be_written_down(id, options, horizon, memory, credit):
    spec = envs.spec(id, **options)
    assert (spec.id, spec.horizon, spec.memory_length, spec.credit_length) == (id, horizon, memory, credit)
    assert "arXiv" in spec.source
    assert id in envs.registered_envs
    chosen = envs.options(id, **options)
    assert envs.options(**dataclasses.asdict(chosen)) == chosen
    env, params = chosen.make()
    assert envs.horizon(env, params) == horizon


def test_shares_of_time_are_the_same_however_they_are_compiled():
    wholes = np.array([1, 3, 5, 7, 100, 999_983, 2**20 - 1])
    for whole in wholes:
        parts = np.unique(np.linspace(0, whole, 50).astype(np.int32))
        exact = np.array([part * 2**24 // int(whole) / 2**24 for part in parts.tolist()], np.float32)
        np.testing.assert_array_equal(jax.jit(share)(parts, whole), exact)
        np.testing.assert_array_equal(jax.jit(lambda parts, whole=int(whole): share(parts, whole))(parts), exact)


def test_lengths_can_differ_under_vmap():
    env, _ = envs.make("MemoryLength-v0")
    made = [envs.make("MemoryLength-v0", length=length)[1] for length in (1, 3)]
    params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *made)

    def rewards(params):
        _, state = env.reset_to(envs.MemoryLengthLayout([1]), params)
        return jax.lax.scan(lambda state, _: env.step_env(KEY, state, 1, params)[1:3], state, length=3)[1]

    assert jax.jit(jax.vmap(rewards))(params).tolist() == [[1, 1, 1], [0, 0, 1]]


def test_tasks_of_the_same_shape_share_compiled_functions():
    short, long = (envs.make("UmbrellaLength-v0", length=length)[0] for length in (3, 300))
    assert short == long
    assert hash(short) == hash(long)
    assert short != envs.UmbrellaLength(distractors=1)
    assert envs.RepeatFirst() != envs.Autoencode()
    assert envs.episode_metrics(envs.DelayedCatch()) == ("success", "catches")
