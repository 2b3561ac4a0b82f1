"""Episodes that a model plays: what it is asked for, when they end, and at other lengths."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import envs
from jaxmem.config import ConfigError
from jaxmem.offline.rollout import Player
from jaxmem.training.task import Task


class Told:
    """A stand-in for a model that does what its parameters say, as a function of what it sees."""

    def initial_state(self, batch_size: int) -> Any:
        return jnp.zeros((batch_size,), jnp.int32)

    def apply(self, params: Any, memory: Any, seen: Any, start: Any, method: str) -> Any:
        assert method == "step"
        memory = jnp.where(start, 0, memory) + 1
        return memory, params(seen, memory)


def oracle(seen: Any, memory: Any) -> jax.Array:
    """Right, and at the flag up, as goals may be."""
    return jax.nn.one_hot(jnp.where(seen.obs[:, 2] == 1, 1, 0), 4)


def player(length: int, target: float = 1.0, **options: Any) -> Player:
    task = Task.of(envs.options("RateTMaze-v0", length=length))
    model: Any = Told()
    return Player(model, task, target, **options)


def test_whole_episodes_are_played_and_judged():
    outcome = player(4).play(oracle, jax.random.key(0), 64)
    np.testing.assert_array_equal(outcome["length"], 5)
    np.testing.assert_array_equal(outcome["return"], outcome["success"])
    assert 0.3 < outcome["success"].mean() < 0.7


def test_a_model_that_never_turns_is_stopped_at_the_horizon():
    outcome = player(4).play(lambda seen, memory: jax.nn.one_hot(jnp.zeros_like(memory), 4), jax.random.key(0), 3)
    np.testing.assert_array_equal(outcome["length"], 6)
    np.testing.assert_array_equal(outcome["success"], 0)


def test_one_program_plays_mazes_of_all_lengths():
    options = envs.options("RateTMaze-v0", length=4, shortest=1)
    traces = []

    @jax.jit
    def play(env_params: Any) -> Any:
        traces.append(1)
        asked = player(4)
        asked = replace(asked, task=asked.task._replace(params=env_params))
        return asked.play(oracle, jax.random.key(0), 5)["length"]

    for steps in (6, 40):
        np.testing.assert_array_equal(play(options.with_horizon(steps).make()[1]), steps - 1)
    assert len(traces) == 1


def test_lengths_that_a_task_cannot_have_are_refused():
    with pytest.raises(ConfigError, match="allowed are 3 to"):
        envs.options("RateTMaze-v0").with_horizon(2)
    with pytest.raises(ConfigError, match="has no other length"):
        envs.options("HeavenHell-v0").with_horizon(9)


def hopes(asked: Player, steps: int) -> list[float]:
    """What the first row is asked for at each step."""
    playing = asked.begin(jax.random.key(1), 2)
    told: list[float] = []

    def act(seen: Any, memory: Any) -> jax.Array:
        told.append(float(seen.return_to_go[0]))
        return oracle(seen, memory)

    for time in range(steps):
        playing = asked.step(act, playing, jnp.int32(time), jax.random.key(time))
    return told


def test_the_return_to_go_falls_by_what_was_paid_and_may_be_asked_for_anew():
    asked = player(1, target=3.0)
    playing = asked.begin(jax.random.key(0), 8)
    for time in range(2):
        playing = asked.step(oracle, playing, jnp.int32(time), jax.random.key(time))
    assert 0 < playing.outcome["return"].sum() < 8
    np.testing.assert_allclose(playing.seen.return_to_go, 3.0 - playing.outcome["return"])
    # After its end an episode is paid nothing more.
    assert hopes(player(1, target=2.0, restart=3), 4)[::3] == [2.0, 2.0]
    assert len(set(hopes(player(1, target=2.0), 4))) <= 2
