"""One compiled loop: bookkeeping, determinism, independence of seeds, evaluation that only reads."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
from support import assert_same_bits, plain, small_config

from jaxmem import agents, envs
from jaxmem.replay import BalanceOptions
from jaxmem.training import LoopOptions
from jaxmem.training.loop import Program


@pytest.fixture(scope="module")
def program() -> Program:
    return Program(small_config())


@pytest.fixture(scope="module")
def compiled(program):
    return jax.jit(program.init), jax.jit(program.iterate), jax.jit(program.evaluate)


@pytest.fixture(scope="module")
def fresh(compiled):
    return compiled[0](jax.random.key(0))


def test_counters_and_window_add_up(compiled, fresh):
    run = compiled[1](fresh, 3)
    np.testing.assert_array_equal(run.episodes, [6 + 12] * 2)
    np.testing.assert_array_equal(run.env_steps, [18 * 4] * 2)
    np.testing.assert_array_equal(run.updates, [6] * 2)
    np.testing.assert_array_equal(run.experience.size, [18] * 2)
    np.testing.assert_array_equal(run.window.episodes, [18] * 2)
    np.testing.assert_allclose(run.window.outcomes["return"], run.experience.data.reward.sum((1, 2)), rtol=1e-5)


def test_chunks_of_any_length_reach_the_same_bits_with_one_trace(program, fresh):
    traces = []

    def iterate(run, count):
        traces.append(1)
        return program.iterate(run, count)

    iterate = jax.jit(iterate)
    whole = iterate(fresh, 5)
    parts = iterate(iterate(iterate(fresh, 1), 3), 1)
    assert_same_bits(whole, parts)
    assert len(traces) == 1


def test_evaluation_repeats_itself(compiled, fresh):
    evaluate = compiled[2]
    first, second = evaluate(fresh), evaluate(fresh)
    assert_same_bits(first, second)
    assert set(first) == {"return", "success", "length"}
    assert first["return"].shape == (2,)


def test_seeds_differ_and_one_alone_equals_itself_among_others(program, compiled, fresh):
    run = compiled[1](fresh, 2)
    params = jax.tree.leaves(run.agent.params)
    assert any((leaf[0] != leaf[1]).any() for leaf in params)
    alone = Program(replace(program.config, seeds=1))
    one = jax.tree.map(lambda leaf: leaf[1:], fresh)
    after = jax.jit(alone.iterate)(one, 2)
    # The same numbers up to rounding: batched and unbatched matrix products add up in different orders.
    for a, b in zip(plain(after.experience), plain(jax.tree.map(lambda leaf: leaf[1:], run.experience)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_papers_loop_is_a_setting():
    """One environment, ten random episodes and a quarter of an update for each of their steps, then so after each."""
    program = Program(small_config(loop=LoopOptions(episodes=2), seeds=1, env=envs.options("ActiveTMaze-v0", length=3)))
    run = jax.jit(program.init)(jax.random.key(0))
    # 10 episodes of 6 steps: int(15.0) updates.
    assert (int(run.episodes[0]), int(run.updates[0])) == (10, 15)
    run = jax.jit(program.iterate)(run, 2)
    # ceil(6 / 4) updates after each episode.
    assert (int(run.episodes[0]), int(run.updates[0])) == (12, 15 + 2 * 2)


def test_updates_follow_the_steps_really_taken_where_episodes_end_early():
    loop = LoopOptions(episodes=4, collect=2, updates_per_step=0.5, random_episodes=3)
    env = envs.options("CartPole-v1", max_steps_in_episode=30)
    program = Program(small_config(loop=loop, seeds=1, env=env))
    run = jax.jit(program.init)(jax.random.key(0))
    steps, updates = int(run.env_steps[0]), int(run.updates[0])
    assert steps == int(run.experience.data.length[0, :3].sum()) < 90
    assert updates == steps // 2
    after = jax.jit(program.iterate)(run, 1)
    gained = int(after.env_steps[0]) - steps
    assert int(after.updates[0]) - updates == -(-gained // 2)


def test_a_balanced_batch_is_what_an_update_gets(fresh):
    """Of a run's random episodes, the one that is made the only success is half of each batch."""
    config = small_config(balance=BalanceOptions(share=0.5))
    stored = jax.tree.map(lambda leaf: leaf[0], fresh.experience)
    stored = replace(stored, data=replace(stored.data, reward=stored.data.reward.at[3, 0].set(10)))
    learner: Any = Program(config).learner
    returns = learner._sampler(stored)(jax.random.key(0)).returns
    assert returns.shape == (4,)
    assert (returns[:2] > 5).all()


@pytest.mark.parametrize("core", ["lstm", "gru", "mlp"])
def test_every_core_goes_through_the_loop(core):
    from jaxmem import cores

    config = small_config(core=cores.options(core, width=8), seeds=1, agent=agents.options("ddqn", batch_size=2))
    program = Program(config)
    run = jax.jit(lambda key: program.iterate(program.init(key), 1))(jax.random.key(0))
    assert int(run.updates[0]) == 2
    assert np.isfinite(float(run.window.metrics["loss"][0]))
