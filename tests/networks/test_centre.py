"""Inputs centred around what is typical: what the centre is, who moves it, and that no gradient does."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import small_config

from jaxmem import agents, cores, envs
from jaxmem.config import ConfigError
from jaxmem.networks import Inputs, NetworkOptions, recentred
from jaxmem.networks.embed import Embedding
from jaxmem.networks.eye import Eye
from jaxmem.training import LoopOptions
from jaxmem.training.loop import Program

TIME, BATCH = 4, 3


def example() -> tuple[Inputs, jax.Array]:
    """Random inputs [T, B] and the steps that count."""
    rng = np.random.default_rng(0)
    obs = jnp.asarray(rng.normal(size=(TIME, BATCH, 2)), jnp.float32)
    action = jnp.asarray(rng.integers(-1, 3, size=(TIME, BATCH)), jnp.int32)
    reward = jnp.asarray(rng.normal(size=(TIME, BATCH)), jnp.float32)
    return Inputs(obs, action, reward), jnp.asarray(rng.random((TIME, BATCH)) < 0.7)


def test_the_centre_moves_to_the_median_of_what_counts():
    embedding: Any = Embedding(3, 4, 3, 2, (2,), centred=True)
    inputs, mask = example()
    variables = embedding.init(jax.random.key(0), inputs)
    once = recentred(variables, inputs, mask)
    centre, kept = once["centre"]["typical"], np.asarray(mask)
    median = np.median(np.asarray(inputs.obs)[kept], axis=0)
    np.testing.assert_allclose(centre["obs"], 0.2 * median, rtol=0, atol=1e-6)
    twice = recentred(once, inputs, mask)["centre"]["typical"]
    np.testing.assert_allclose(twice["obs"], 0.36 * median, rtol=0, atol=1e-6)
    # No action was taken before the first step: its vector is zero, and counts.
    one_hot = np.asarray(inputs.prev_action)[kept][:, None] == np.arange(3)
    np.testing.assert_allclose(centre["action"], 0.2 * np.median(one_hot, axis=0), rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        centre["reward"][0], 0.2 * np.median(np.asarray(inputs.prev_reward)[kept]), rtol=0, atol=1e-6
    )

    unseen = recentred(once, inputs, jnp.zeros_like(mask))["centre"]["typical"]
    for name, value in centre.items():
        np.testing.assert_array_equal(unseen[name], value)


def test_of_many_steps_some_are_taken():
    embedding: Any = Embedding(3, 4, 0, 0, (1,), centred=True)
    steps = jnp.arange(3 * 4096.0).reshape(3 * 1024, 4, 1)
    inputs = Inputs(steps, jnp.zeros((3 * 1024, 4), jnp.int32), jnp.zeros((3 * 1024, 4)))
    variables = embedding.init(jax.random.key(0), inputs)
    centre = recentred(variables, inputs, jnp.ones((3 * 1024, 4), bool))["centre"]["typical"]
    np.testing.assert_allclose(centre["obs"], 0.2 * np.median(np.arange(0, 3 * 4096, 3)), rtol=1e-6)


def test_what_is_always_there_embeds_to_nothing():
    embedding: Any = Embedding(3, 4, 3, 0, (2,), centred=True)
    obs, action = jnp.full((TIME, BATCH, 2), 0.7), jnp.full((TIME, BATCH), 2)
    rare = Inputs(obs.at[1, 1].set(5.0), action.at[0].set(-1), jnp.zeros((TIME, BATCH)))
    variables = embedding.init(jax.random.key(0), rare)
    assert jnp.abs(embedding.apply(variables, rare)[2]).max() > 0.1
    after = variables
    for _ in range(80):
        after = recentred(after, rare, jnp.ones((TIME, BATCH), bool))
    embedded = embedding.apply(after, rare)
    np.testing.assert_allclose(embedded[2:], 0, atol=1e-6)
    assert jnp.abs(embedded[1, 1]).max() > 0.1

    gradient = jax.grad(lambda v: embedding.apply(v, example()[0]).sum())(after)
    assert all(not leaf.any() for leaf in jax.tree.leaves(gradient["centre"]))
    assert jnp.abs(gradient["params"]["obs"]["kernel"]).max() > 0


@pytest.mark.parametrize("agent", ["ppo", "ddqn", "sac_discrete"])
def test_training_moves_the_centre(agent):
    options = {"learn_temperature": True, "shared": False} if agent == "sac_discrete" else {}
    config = small_config(
        # The last of its numbers is the time: 0, 1, 2, 3.
        env=envs.options("PassiveTMaze-v0", length=3, time_step=True),
        core=cores.options("lru", width=4, block="bare"),
        agent=agents.options(agent, **options),
        network=NetworkOptions(obs_embed=4, action_embed=2, head=(), centre=True),
        seeds=1,
    )
    program = Program(config)
    run = jax.jit(program.init)(jax.random.key(0))
    seen = run.agent.params["centre"]["trunk"]["embedding"]["typical"]["obs"]
    np.testing.assert_allclose(seen[0, -1], 0 if agent == "ppo" else 0.3, rtol=1e-6)
    run = jax.jit(program.iterate)(run, 1)
    want = 0.3 if agent == "ppo" else 0.54
    nets = [(run.agent.params, "trunk")]
    if agent != "ppo":
        nets.append((run.agent.target_params, "trunk" if agent == "ddqn" else "critic_trunk"))
    for variables, trunk in nets:
        np.testing.assert_allclose(variables["centre"][trunk]["embedding"]["typical"]["obs"][0, -1], want, rtol=1e-6)


def test_the_background_is_taken_off_pictures_before_they_are_encoded():
    eye = Eye("cnn", (2,), 2, keeps_places=False)
    embedding: Any = Embedding(3, 4, 0, 0, (3, 3, 1), eye=eye, background=True)
    plain: Any = embedding.clone(background=False)
    behind = np.random.default_rng(0).integers(0, 256, size=(3, 3, 1)).astype(np.uint8)
    pictures = np.broadcast_to(behind, (TIME, BATCH, 3, 3, 1)).copy()
    # What moves is somewhere else in each picture.
    for number in range(TIME * BATCH):
        pictures[number // BATCH, number % BATCH, number % 3, number // 3 % 3] = 255
    zeros = jnp.zeros((TIME, BATCH))
    seen = Inputs(jnp.asarray(pictures), zeros.astype(jnp.int32), zeros)
    variables = embedding.init(jax.random.key(0), seen)
    # Before anything was seen, pictures are as they are.
    weights = {"params": variables["params"]}
    np.testing.assert_array_equal(embedding.apply(variables, seen), plain.apply(weights, seen))
    for _ in range(80):
        variables = recentred(variables, seen, jnp.ones((TIME, BATCH), bool))
    np.testing.assert_allclose(variables["centre"]["background"]["obs"], behind / 255, atol=1e-6)
    moving = seen._replace(obs=jnp.asarray(pictures / 255 - behind / 255, jnp.float32))
    np.testing.assert_allclose(embedding.apply(variables, seen), plain.apply(weights, moving), atol=1e-6)


@pytest.mark.parametrize(("time", "rows", "size"), [(8, 4, 2**18), (12, 3, 2**18), (4096, 8, 1)])
def test_of_large_pictures_and_many_steps_few_are_taken_and_of_all_rows(time, rows, size):
    obs = jnp.broadcast_to(jnp.arange(1.0, 1 + rows)[None, :, None], (time, rows, size))
    seen = Inputs(obs, jnp.zeros((time, rows), jnp.int32), jnp.zeros((time, rows)))
    variables = {"centre": {"obs": jnp.zeros((size,))}}
    move = jax.jit(lambda mask: recentred(variables, seen, mask)["centre"]["obs"])
    # Where none of a row's steps were taken, the centre would stay where it is.
    for row in range(rows):
        mask = jnp.zeros((time, rows), bool).at[:, row].set(True)
        np.testing.assert_allclose(move(mask), 0.2 * (1 + row), rtol=1e-6)


def test_training_moves_the_background():
    config = small_config(
        env=envs.options("Breakout-MinAtar"),
        core=cores.options("lru", width=4),
        agent=agents.options("vtrace"),
        network=NetworkOptions(obs_embed=4, action_embed=2, head=(), background=True),
        loop=LoopOptions(episodes=12, collect=4, unroll=4, eval_every=12, eval_episodes=1),
    )
    program = Program(config)
    run = jax.jit(program.iterate)(jax.jit(program.init)(jax.random.key(0)), 2)
    behind = run.agent.params["centre"]["trunk"]["embedding"]["background"]["obs"]
    # Of both seeds: three rows of bricks, and nothing above them.
    np.testing.assert_allclose(behind[:, 1:4, :, 3], 0.36, rtol=1e-6)
    np.testing.assert_array_equal(behind[:, 0], 0)


def test_vectors_have_no_background():
    config = small_config(network=NetworkOptions(background=True))
    with pytest.raises(ConfigError, match=r"^network.background is on: .* \(2,\), allowed are pictures and"):
        _ = Program(config).agent
