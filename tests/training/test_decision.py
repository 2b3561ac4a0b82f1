"""The chance of the decisive first action, read off the policy."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import small_config

from jaxmem import agents, cores, envs
from jaxmem.networks import NetworkOptions
from jaxmem.training import LoopOptions
from jaxmem.training.collect import collect
from jaxmem.training.loop import Program

LEFT = 2
LAST_BIAS = tuple(map(jax.tree_util.DictKey, ("actor", "Dense_1", "bias")))


def program(env_id: str, agent: str, **options) -> Program:
    return Program(
        small_config(
            env=envs.options(env_id, length=2),
            core=cores.options("gru", width=4),
            agent=agents.options(agent, **options),
            network=NetworkOptions(obs_embed=4, action_embed=4, head=(4,)),
            loop=LoopOptions(episodes=40, collect=4, eval_episodes=2, random_episodes=2, replay_episodes_min=4),
        )
    )


def test_a_policys_chance_is_that_of_its_episodes_and_exact_where_none_would_show_it():
    ppo = program("ActiveTMaze-v0", "ppo")
    run = jax.jit(ppo.init)(jax.random.key(0))
    report = jax.jit(ppo.report)
    chance = report(run)["policy/decisive"]
    assert chance.shape == (2,)
    assert chance.dtype == jnp.float32

    @jax.jit
    def lefts(state):
        episodes, _ = collect(ppo.task, ppo.agent, state, jax.random.key(1), 2000, "explore")
        return jnp.mean(episodes.action[0] == LEFT)

    for seed in range(2):
        share = lefts(jax.tree.map(lambda leaf, seed=seed: leaf[seed], run.agent))
        # Four standard errors.
        assert abs(share - chance[seed]) < 4 * 0.5 / np.sqrt(2000)
    # The odds are e^-30 of what they were once its last layer wants left by so much less.
    biased = jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf.at[:, LEFT].add(-30) if path[-3:] == LAST_BIAS else leaf, run.agent.params
    )
    rare = report(replace(run, agent=replace(run.agent, params=biased)))["policy/decisive"]
    assert (rare < 1e-12).all()
    np.testing.assert_allclose(rare / (1 - rare), chance / (1 - chance) * np.exp(-30), rtol=1e-4)


def test_a_value_based_agents_chance_follows_its_schedule():
    """Epsilon falls from 0.8 to 0.2 over all of training, ten iterations; any other action is the best one."""
    ddqn = program("ActiveTMaze-v0", "ddqn", epsilon_start=0.8, epsilon_end=0.2, epsilon_fraction=1.0, batch_size=4)
    run = jax.jit(ddqn.init)(jax.random.key(0))
    report = jax.jit(ddqn.report)
    for iterations, epsilon in ((0, 0.8), (5, 0.5), (10, 0.2)):
        at = replace(run, iterations=jnp.full_like(run.iterations, iterations))
        told = report(at)
        for seed in range(2):
            # Greedy episodes begin with left or do not: in the maze that shows.
            greedy = float(told["eval/oracle"][seed])
            assert greedy in (0, 1)
            expected = epsilon / 4 + (1 - epsilon) * greedy
            assert told["policy/decisive"][seed] == pytest.approx(expected, rel=1e-5)


def test_where_nothing_is_decisive_nothing_is_told():
    passive = program("PassiveTMaze-v0", "ppo")
    run = jax.eval_shape(passive.init, jax.random.key(0))
    assert [name for name in jax.eval_shape(passive.report, run) if not name.startswith("eval/")] == []
