"""Deviations that go where rare observations were: hash, octaves, what is learned, what is planned from it."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import small_config

from jaxmem import agents
from jaxmem.config import ConfigError
from jaxmem.exploration import DeviationOptions, Deviations
from jaxmem.exploration.rare import hashed, learned, nothing_sought, octaves, shares
from jaxmem.replay import Episodes
from jaxmem.training import LoopOptions
from jaxmem.training.loop import Program

HORIZON, ACTIONS, ROWS = 6, 3, 8


def episodes(rare: list[int], deviated: dict[int, tuple[int, int]], length: int = HORIZON) -> Episodes:
    """Rows that see nothing but zeros, `rare` ones a one in the end; {row: (time, action)} deviated."""
    obs = jnp.zeros((HORIZON + 1, ROWS, 2)).at[HORIZON, jnp.asarray(rare, int), 1].set(1.0)
    action, flags = jnp.zeros((HORIZON, ROWS), jnp.int32), jnp.zeros((HORIZON, ROWS), bool)
    for row, (time, chosen) in deviated.items():
        action, flags = action.at[time, row].set(chosen), flags.at[time, row].set(True)
    zero = jnp.zeros((HORIZON, ROWS))
    lengths = jnp.full((ROWS,), length)
    return Episodes(obs, action, zero, flags, zero, lengths, jnp.ones((ROWS,), bool))


def test_equal_observations_share_a_hash_and_others_do_not():
    obs = jnp.asarray([[0, 0], [0, 1], [0, -1], [1, 0], [1, 1], [1, -1]], jnp.float32)
    buckets = np.asarray(hashed(jnp.stack([obs, obs])))
    np.testing.assert_array_equal(buckets[0], buckets[1])
    assert len(set(buckets[0])) == 6
    pictures = jax.random.randint(jax.random.key(0), (1, 200, 5, 5, 3), 0, 256).astype(jnp.uint8)
    spread = np.asarray(hashed(pictures))
    assert len(np.unique(spread)) > 190
    assert spread.min() >= 0
    assert spread.max() < 4096


def test_a_deviation_gains_what_is_rarer_after_it():
    sought = nothing_sought(HORIZON, ACTIONS)
    assert sought.gain.shape == (2, octaves(HORIZON), ACTIONS) == (2, 3, 3)
    # Of two rows of eight that deviate at times 2 and 3, one sees what no other does.
    seen = episodes(rare=[5], deviated={5: (2, 1), 6: (3, 2)})
    after = learned(sought, seen, 0.5)
    zeros, one = np.asarray(hashed(seen.obs))[[0, HORIZON], [0, 5]]
    share = 0.9 + 0.1 / 8
    np.testing.assert_allclose(after.seen[zeros], 1, rtol=1e-6)
    np.testing.assert_allclose(after.seen[one], share, rtol=1e-6)
    # Time 2 is in the second octave from the first step, which has two steps, and in the third from the last, which has
    # three: it was likelier drawn from the shorter one, by three to two.
    want = np.zeros((2, 3, 3))
    want[0, 1, 1], want[1, 2, 1] = (-0.2 * np.log(share) * part for part in (3 / 5, 2 / 5))
    np.testing.assert_allclose(after.gain, want, rtol=1e-5, atol=1e-7)

    # What is shown after an episode's end counts for nothing.
    over = learned(sought, episodes(rare=[5], deviated={5: (2, 1)}, length=HORIZON - 1), 0.5)
    np.testing.assert_allclose(over.gain, 0, atol=1e-7)


def test_what_one_step_brings_is_not_credited_to_the_many_beside_it():
    """Action 1 brings something in the very first step alone, which shares an octave with two others."""
    deviations = Deviations(DeviationOptions(kind="rare", chance=1.0, adapted=0.8), HORIZON, ACTIONS)

    @jax.jit
    def after_many(key: jax.Array) -> jax.Array:
        def once(sought: Any, key: jax.Array) -> tuple[Any, None]:
            plan = replace(deviations, sought=sought).plan(key, ROWS)
            paid = (plan.begin == 0) & (plan.action == 1)
            flags = jnp.arange(HORIZON)[:, None] == plan.begin
            obs = jnp.zeros((HORIZON + 1, ROWS, 2)).at[HORIZON, :, 1].set(paid.astype(jnp.float32))
            zero, length = jnp.zeros((HORIZON, ROWS)), jnp.full((ROWS,), HORIZON)
            played = Episodes(obs, jnp.where(flags, plan.action, 0), zero, flags, zero, length, jnp.ones((ROWS,), bool))
            # As rare as at first, however often it was sought.
            return learned(sought, played, 0.8)._replace(seen=sought.seen), None

        first = nothing_sought(HORIZON, ACTIONS)
        rare = first._replace(seen=first.seen.at[hashed(jnp.ones((1, 1, 2)) * jnp.array([0.0, 1.0]))[0, 0]].set(0.1))
        return jax.lax.scan(once, rare, jax.random.split(key, 200))[0].gain

    gain = np.array(after_many(jax.random.key(3)))
    alone, beside = gain[0, 0, 1], gain[1, 2, 1]
    assert alone > 1.5
    assert beside < 0.5 * alone
    gain[0, 0, 1] = gain[1, 2, 1] = 0
    assert not gain.any()


def test_deviations_go_by_what_was_gained():
    options, rows = DeviationOptions(kind="rare", chance=1.0, adapted=0.8), 40_000
    deviations = Deviations(options, HORIZON, ACTIONS)
    first = deviations.first_sought()
    # Each octave has a sixth: from the first step 0, 1-2, 3-5, from the last 5, 3-4, 0-2.
    want = np.array([1 + 1 / 3, 1 / 2 + 1 / 3, 1 / 2 + 1 / 3, 1 / 3 + 1 / 2, 1 / 3 + 1 / 2, 1 / 3 + 1]) / 6
    np.testing.assert_allclose(shares(first, 0.8, HORIZON), np.tile(want[:, None] / 3, (1, 3)), rtol=1e-6)
    sought = first._replace(gain=first.gain.at[0, 1, 2].set(0.5).at[1, 0, 0].set(1.5))
    expected = 0.2 * np.tile(want[:, None] / 3, (1, 3))
    # By the squares of what was gained: a tenth and nine tenths of 0.8.
    expected[1:3, 2] += 0.08 / 2
    expected[5, 0] += 0.72
    plan = replace(deviations, sought=sought).plan(jax.random.key(0), rows)
    counts = np.zeros((HORIZON, ACTIONS))
    np.add.at(counts, (np.asarray(plan.begin), np.asarray(plan.action)), 1 / rows)
    # Four standard errors.
    np.testing.assert_allclose(counts, expected, atol=4 * 0.5 / np.sqrt(rows))
    given = np.log(expected / expected.sum(1, keepdims=True))[plan.begin, plan.action]
    np.testing.assert_allclose(plan.log_prob, given, rtol=1e-5)
    assert (plan.end == plan.begin + 1).all()


def test_unrolls_are_refused():
    with pytest.raises(ConfigError, match="loop.unroll is 5: deviation.kind rare learns from whole episodes"):
        small_config(
            agent=agents.options("ppo"),
            loop=LoopOptions(episodes=8, collect=4, unroll=5),
            deviation=DeviationOptions(kind="rare"),
        )


@pytest.mark.parametrize("agent", ["ppo", "ddqn"])
def test_a_run_learns_where_deviations_lead(agent):
    config = small_config(agent=agents.options(agent), deviation=DeviationOptions(kind="rare", chance=1.0), seeds=1)
    program = Program(config)
    run = jax.jit(program.iterate)(jax.jit(program.init)(jax.random.key(0)), 2)
    assert run.sought.gain.shape == (1, 2, octaves(4), 4)
    # After two iterations, what no episode showed has lost a tenth twice.
    np.testing.assert_allclose(jnp.min(run.sought.seen), 0.81, rtol=1e-5)
