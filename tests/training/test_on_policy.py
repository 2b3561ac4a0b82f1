"""The loop of agents that learn from their own latest steps, in whole episodes and in unrolls."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from support import assert_same_bits, small_config

from jaxmem import agents, cores, envs
from jaxmem.config import ConfigError
from jaxmem.exploration import DeviationOptions, Deviations
from jaxmem.losses import taken
from jaxmem.networks import NetworkOptions, first_inputs
from jaxmem.training import LoopOptions, RunConfig
from jaxmem.training.checkpoint import Checkpoints
from jaxmem.training.loop import Program
from jaxmem.training.on_policy import OnPolicy
from jaxmem.training.play import begin, play
from jaxmem.training.task import Task

ROWS, UNROLL = 4, 7


def config(unroll: int | None, **changes: Any) -> RunConfig:
    settings: dict[str, Any] = dict(
        env=envs.options("CartPole-v1", max_steps_in_episode=12),
        # The memory of rows under way is part of the run: complex numbers, too.
        core=cores.options("gru" if unroll is None else "lru", width=8),
        agent=agents.options("vtrace"),
        loop=LoopOptions(episodes=40, collect=ROWS, updates=2, unroll=unroll, eval_every=8, eval_episodes=4),
    )
    return small_config(**(settings | changes))


@pytest.fixture(scope="module", params=[None, UNROLL], ids=["whole", "unroll"])
def program(request) -> Program:
    return Program(config(request.param))


@pytest.fixture(scope="module")
def compiled(program):
    return jax.jit(program.init), jax.jit(program.iterate)


@pytest.fixture(scope="module")
def fresh(compiled):
    return compiled[0](jax.random.key(0))


def test_nothing_was_played_at_first(fresh):
    for counter in (fresh.iterations, fresh.episodes, fresh.env_steps, fresh.updates):
        np.testing.assert_array_equal(counter, [0, 0])


def test_counters_and_window_add_up(program, compiled, fresh):
    run = compiled[1](fresh, 3)
    np.testing.assert_array_equal(run.iterations, [3, 3])
    np.testing.assert_array_equal(run.updates, [6, 6])
    np.testing.assert_array_equal(run.window.updates, [6, 6])
    np.testing.assert_array_equal(run.window.episodes, run.episodes)
    # A reward of 1 a step.
    np.testing.assert_array_equal(run.window.outcomes["return"], run.window.outcomes["length"])
    if program.config.loop.unroll is None:
        np.testing.assert_array_equal(run.episodes, [3 * ROWS] * 2)
        np.testing.assert_array_equal(run.env_steps, run.window.outcomes["length"])
    else:
        # Every step is taken but those that show an episode's last observation.
        assert (np.asarray(run.env_steps) <= 3 * ROWS * UNROLL).all()
        assert (np.asarray(run.env_steps) > 2 * ROWS * UNROLL).all()
        under_way = np.asarray(run.experience.length).sum(axis=1)
        np.testing.assert_array_equal(run.env_steps, run.window.outcomes["length"] + under_way)
    assert np.isfinite(np.asarray(run.window.metrics["loss"])).all()
    # On the second use of the same steps the policy has moved on.
    assert (np.abs(np.asarray(run.window.metrics["ratio"]) / 6 - 1) > 1e-5).all()


def test_chunks_of_any_length_reach_the_same_bits(compiled, fresh):
    iterate = compiled[1]
    assert_same_bits(iterate(fresh, 3), iterate(iterate(fresh, 1), 2))


def test_a_run_that_was_saved_goes_on_in_the_same_bits(compiled, fresh, tmp_path):
    """Rows in the middle of their episodes included: environment, memory, and what they see next."""
    iterate = compiled[1]
    run = iterate(fresh, 1)
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(1, run, {})
    template = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), run)
    restored, _ = checkpoints.restore(template, 1)
    checkpoints.close()
    assert_same_bits(iterate(run, 2), iterate(restored, 2))


def test_the_step_size_has_fallen_to_nothing_at_the_end(compiled, fresh):
    """Ten iterations are planned; the eleventh would learn nothing."""
    iterate = compiled[1]
    planned = iterate(fresh, 10)
    after = iterate(planned, 1)
    for a, b in zip(jax.tree.leaves(after.agent.params), jax.tree.leaves(planned.agent.params), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)
    assert_same_bits(after.updates, planned.updates + 2)


def test_unrolls_are_for_agents_that_learn_from_them():
    with pytest.raises(ConfigError, match=r"^loop.unroll is 7: ddqn learns from a replay, allowed is none$"):
        config(UNROLL, agent=agents.options("ddqn"))


def test_counts_that_overflow_are_told_in_one_line():
    loop = LoopOptions(episodes=2**30, collect=1, unroll=1000)
    with pytest.raises(ConfigError, match="with 1000 steps each a run has at most 2147483 of them"):
        Program(config(None, loop=loop))


FAMILIES = {
    "classic": ["CartPole-v1", "Acrobot-v1", "MountainCar-v0"],
    "bsuite": ["Catch-bsuite", "DeepSea-bsuite", "MemoryChain-bsuite", "UmbrellaChain-bsuite"],
    "minatar": ["Asterix-MinAtar", "Breakout-MinAtar", "Freeway-MinAtar", "SpaceInvaders-MinAtar"],
}

DISCRETE = [name for name in agents.registered_agents if not agents.options(name).continuous]
CONTINUOUS = [name for name in agents.registered_agents if agents.options(name).continuous]


@pytest.mark.parametrize(
    ("env_id", "agent"),
    [(ids[0], agent) for ids in FAMILIES.values() for agent in DISCRETE]
    + [("Pendulum-v1", agent) for agent in CONTINUOUS]
    + [pytest.param(env_id, "vtrace", marks=pytest.mark.slow) for ids in FAMILIES.values() for env_id in ids[1:]],
)
def test_gymnaxs_tasks_fit_every_agent_and_pictures_get_the_cnn(env_id, agent):
    """Traced, which finds every shape and type that does not fit; what runs is tried above and in the loop's tests."""
    loop = LoopOptions(
        episodes=4,
        collect=2,
        updates=1,
        random_episodes=2,
        replay_steps=1,
        replay_episodes_min=2,
        unroll=3 if agent == "vtrace" else None,
    )
    program = Program(
        config(
            None,
            env=envs.options(env_id, **({} if "bsuite" in env_id else {"max_steps_in_episode": 5})),
            core=cores.options("mlp", width=8),
            agent=agents.options(agent),
            loop=loop,
            seeds=1,
        )
    )
    run = jax.eval_shape(program.init, jax.random.key(0))
    after = jax.eval_shape(program.iterate, run, 1)
    assert jax.tree.structure(after) == jax.tree.structure(run)
    names = {"/".join(str(part.key) for part in path) for path, _ in jax.tree.leaves_with_path(run.agent.params)}
    assert any("embedding/obs/conv_0" in name for name in names) == ("MinAtar" in env_id)


@pytest.mark.parametrize(
    "core", [name for name in cores.registered_cores if name != "memax" and cores.looks_at(name) is None]
)
def test_the_learner_sees_what_the_actor_saw(core):
    """On first use every ratio is 1: the learner unrolls from the memory that the rows had, past ends of episodes."""
    options = {"dropout": 0.0} if "dropout" in vars(cores.options(core)) else {}
    task = Task.of(envs.options("CartPole-v1", max_steps_in_episode=9))
    parts = NetworkOptions(obs_embed=4, action_embed=4, head=(8,)).parts(
        cores.options(core, width=8, **options),
        task.env.observation_space(task.params),
        task.env.action_space(task.params),
        task.horizon + 1,
    )
    agent: Any = agents.options("vtrace").make(parts, first_inputs(jnp.zeros((1, 4))), task.horizon)
    state = agent.init(jax.random.key(0))
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(scale=0.3, size=leaf.shape), leaf.dtype), state.params)
    state = dataclasses.replace(state, params=params)

    deviations = Deviations(DeviationOptions(), task.horizon, 2)

    @jax.jit
    def ratios(key):
        def one(actors, key):
            actors, unroll, *_ = play(task, agent, state, actors, key, UNROLL, (0.0, 0.0), deviations)
            _, (logits, _) = agent.net.apply(params, unroll.memory, unroll.inputs, unroll.start, method="unroll")
            log_prob = taken(jax.nn.log_softmax(logits[:-1]), unroll.action)
            return actors, (jnp.where(unroll.mask, log_prob - unroll.log_prob, 0), unroll.start)

        return jax.lax.scan(one, begin(task, agent, key, ROWS, deviations), jax.random.split(key, 3))[1]

    log_ratio, starts = ratios(jax.random.key(1))
    np.testing.assert_allclose(log_ratio, 0, atol=1e-5)
    assert any(start[1:].any() and not start[0].all() for start in starts)


def test_each_pass_takes_every_row_once_in_another_order(monkeypatch):
    @struct.dataclass
    class Ids:
        ids: jax.Array

        def rows(self, index):
            return Ids(self.ids[index])

    class Counting:
        """Its state is which row was learned from in which update."""

        metric_names = ()

        def prepare(self, state, unroll, key):
            return Ids(jnp.arange(6))

        def update(self, seen, batch, key, progress):
            count, orders = seen
            return (count + 1, orders.at[count].set(batch.ids)), {}

    loop = LoopOptions(collect=6, updates=3, minibatches=2)
    program = Program(config(None))
    run = jax.tree.map(lambda leaf: leaf[0], program.init(jax.random.key(0)))
    run = dataclasses.replace(
        run, agent=(0, jnp.zeros((6, 3), jnp.int32)), window=dataclasses.replace(run.window, metrics={})
    )
    learner: Any = OnPolicy(program.task, Counting(), loop, program.learner.deviations, None)  # pyright: ignore[reportArgumentType]
    nothing = SimpleNamespace(inputs=(), mask=None)
    monkeypatch.setattr(OnPolicy, "_play", lambda self, run, key, progress: (run, nothing, {}))
    after = learner.iterate(run, (0.0, 0.0))
    count, orders = after.agent
    assert (count, after.updates) == (6, 6)
    passes = np.asarray(orders).reshape(3, 6)
    np.testing.assert_array_equal(np.sort(passes), [np.arange(6)] * 3)
    assert len({tuple(order) for order in passes}) > 1


def test_minibatches_that_cannot_be_are_one_line():
    loop = LoopOptions(collect=4, minibatches=3)
    with pytest.raises(ConfigError, match=r"^loop.minibatches is 3: allowed is a divisor of loop.collect = 4$"):
        config(None, loop=loop)
    with pytest.raises(ConfigError, match=r"^loop.minibatches is 2: ddqn learns from a replay, allowed is 1$"):
        config(None, agent=agents.options("ddqn"), loop=LoopOptions(collect=4, minibatches=2))
