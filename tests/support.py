"""What several tests share: a small run, and comparisons to the bit."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import agents, cores, envs
from jaxmem.networks import NetworkOptions
from jaxmem.offline import program as offline_program
from jaxmem.offline import train as offline_train
from jaxmem.training import LoopOptions, RunConfig, compiled, train
from jaxmem.training.stop import Stop

_PROGRAMS: dict[str, compiled.Compiled] = {}


def small_config(**changes: Any) -> RunConfig:
    """A passive T-Maze of length 3 with a transformer that drops out, four episodes an iteration."""
    settings: dict[str, Any] = dict(
        env=envs.options("PassiveTMaze-v0", length=3),
        core=cores.options("gpt", width=8),
        agent=agents.options("ddqn", batch_size=4, learning_rate=1e-2),
        network=NetworkOptions(obs_embed=4, action_embed=4, head=(8,)),
        loop=LoopOptions(episodes=40, collect=4, updates=2, random_episodes=6, eval_every=8, eval_episodes=4),
        seeds=2,
    )
    return RunConfig(**(settings | changes))


def share_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile but once for configurations of which nothing that is compiled differs."""

    def quickly(program, *, resume):
        del resume
        loop = replace(program.config.loop, stop_return=None, stop_evals=3)
        key = json.dumps(replace(program.config, seed=0, loop=loop).to_json())
        if key not in _PROGRAMS:
            _PROGRAMS[key] = compiled.compile_program(program, resume=False)
        return _PROGRAMS[key]

    monkeypatch.setattr(train, "compile_program", quickly)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)


@contextmanager
def shared_offline_programs() -> Iterator[None]:
    """Compile sequence models but once for each configuration."""
    found: dict[str, offline_program.Compiled] = {}

    def quickly(program, calls):
        key = json.dumps([program.config.to_json(), program.best_return, calls])
        if key not in found:
            found[key] = offline_program.compile_program(program, calls)
        return found[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offline_train, "compile_program", quickly)
        yield


def plain(tree: Any) -> list[np.ndarray]:
    """Leaves as NumPy arrays, random keys as the integers they hold."""
    leaves = jax.tree.leaves(tree)
    is_key = [jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in leaves]
    return [np.asarray(jax.random.key_data(a) if k else a) for a, k in zip(leaves, is_key, strict=True)]


def assert_same_bits(one: Any, other: Any) -> None:
    """Every leaf of two trees is equal to the last bit."""
    for a, b in zip(plain(one), plain(other), strict=True):
        np.testing.assert_array_equal(a, b)


class StopAfter(Stop):
    """Asks for a stop after so many looks at it."""

    def __init__(self, looks):
        self.looks = looks

    @property
    def asked(self):
        self.looks -= 1
        return self.looks < 0

    @asked.setter
    def asked(self, value):
        raise AssertionError
