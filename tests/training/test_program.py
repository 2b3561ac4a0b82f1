"""What a program refuses before anything is compiled or written."""

import os

import jax
import jax.numpy as jnp
import pytest
from support import small_config

from jaxmem import cores, envs
from jaxmem.config import ConfigError
from jaxmem.networks import NetworkOptions
from jaxmem.training import LoopOptions
from jaxmem.training.compiled import compile_program
from jaxmem.training.loop import Program


def test_success_that_is_never_reported_is_one_line():
    config = small_config(env=envs.options("CartPole-v1"), loop=LoopOptions(stop_success=0.5))
    with pytest.raises(ConfigError, match="loop.stop_success is 0.5: CartPole-v1 reports no success"):
        Program(config)


@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        (("success", "loss"), "has the episode metric 'loss': allowed is a name that training has not"),
        (("return",), "has the episode metric 'return'"),
        ("success", "is 'success': allowed is a tuple of names"),
        (("a,b",), "allowed is a tuple of names"),
        (("missing",), "declares the episode metric 'missing': its info has"),
        (("vector",), r"info\['vector'\] has the shape \(3,\): allowed is a scalar"),
    ],
)
def test_metrics_that_cannot_be_are_one_line(metrics, says):
    class Named(envs.TMaze):
        episode_metrics = metrics

        def step_env(self, *arguments):
            *rest, info = super().step_env(*arguments)
            return *rest, info | {"vector": jnp.zeros(3), "loss": 0.0, "return": 0.0}

    id = f"Named-{metrics}"
    envs.register(id, Named)
    with pytest.raises(ConfigError, match=says):
        Program(small_config(env=envs.options(id)))


def test_an_environment_that_makes_arrays_can_be_traced_twice():
    """gymnax's MinAtar makes arrays in its params: made inside a first trace, they would leak into the second."""
    loop = LoopOptions(episodes=4, collect=2, updates=1, random_episodes=2, replay_steps=1, replay_episodes_min=2)
    config = small_config(
        env=envs.options("Breakout-MinAtar", max_steps_in_episode=5), core=cores.options("mlp", width=8), loop=loop
    )
    program = Program(config)
    run = jax.eval_shape(program.init, jax.random.key(0))
    assert jax.eval_shape(program.evaluate, run)["return"].shape == (2,)


@pytest.mark.parametrize(
    ("pages", "says"),
    [
        (1, r"the replay of seeds=2 would take .* GB, there are .* GB: fewer seeds, or a smaller loop.replay_steps"),
        (200, r"an iteration of seeds=2 would take .* GB, there are .* GB: fewer seeds, a smaller core"),
    ],
)
def test_what_does_not_fit_the_machine_is_one_line(pages, says, monkeypatch):
    loop = LoopOptions(episodes=4, collect=64, updates=1, random_episodes=2, replay_steps=1, replay_episodes_min=2)
    program = Program(small_config(core=cores.options("mlp", width=64), network=NetworkOptions(), loop=loop))
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PHYS_PAGES": pages, "SC_PAGE_SIZE": 1000}[name])
    with pytest.raises(ConfigError, match=says):
        compile_program(program, resume=False)
