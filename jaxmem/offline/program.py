"""An offline configuration made into compiled functions, over all its seeds."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.config import ConfigError
from jaxmem.offline.learner import Learned, Learner, LearnState, Recorded
from jaxmem.offline.model import make_model
from jaxmem.offline.options import OfflineConfig
from jaxmem.offline.rollout import Outcome, Player
from jaxmem.training.seeds import over_seeds
from jaxmem.training.task import Task

# Beside the numbers of updates, which are folded into the same key.
_EVALUATION = 0x0E7A1


@dataclass(frozen=True, eq=False)
class OfflineProgram:
    """A configuration and what is known of its dataset, made into pure functions of all seeds' `LearnState`.

    Attributes:
        config: the configuration.
        best_return: the best return of the dataset, which is asked for where `play.target` is none.
    """

    config: OfflineConfig
    best_return: float

    def __post_init__(self) -> None:
        # Now, since the first use may be inside a trace: arrays that an environment makes would be tracers there.
        _ = self.learner
        if self.config.learn.stop_success is not None and "success" not in self.task.reports:
            raise ConfigError(
                f"learn.stop_success is {self.config.learn.stop_success}: {self.config.env.id} reports no success, "
                "allowed is none"
            )

    @cached_property
    def task(self) -> Task:
        """The environment."""
        return Task.of(self.config.env)

    @cached_property
    def window(self) -> int:
        """Steps of a window of the dataset."""
        return window_of(self.config, self.task.horizon)

    @cached_property
    def learner(self) -> Learner:
        """How the model is fitted."""
        task, config = self.task, self.config
        obs_space = task.env.observation_space(task.params)
        model = make_model(config, obs_space, task.env.action_space(task.params), self.window)
        return Learner(model, config.learn, obs_space.dtype, self.window)

    def player(self, env_params: Any) -> Player:
        """How the model plays its task with other params, which may be traced."""
        play = self.config.play
        target = self.best_return if play.target is None else play.target
        return Player(self.learner.model, self.task._replace(params=env_params), target, play.greedy, play.restart)

    def init(self, key: jax.Array) -> LearnState:
        """The states of all seeds before the first batch."""
        return over_seeds(self.learner.init, self.config.seeds)(jax.random.split(key, self.config.seeds))

    def learn(self, state: LearnState, batches: Recorded) -> tuple[LearnState, Learned]:
        """Learn from batches [N, seeds, T, B, ...]; what they showed on average is float32 [seeds]."""

        def seed(state: LearnState, batches: Recorded) -> tuple[LearnState, Learned]:
            state, learned = self.learner.learn(state, batches)
            return state, jax.tree.map(lambda values: values.mean(0), learned)

        return over_seeds(seed, self.config.seeds, axes=(0, 1))(state, batches)

    def play(self, state: LearnState, env_params: Any, episodes: int, draw: jax.Array | int = 0) -> Outcome:
        """How episodes go, float32 [seeds, episodes] each; nothing of the state changes.

        Args:
            state: all seeds'.
            env_params: the environment's params, which may be traced.
            episodes: for each seed.
            draw: int32, which episodes these are: another number, and they are drawn anew.
        """
        player = self.player(env_params)

        def seed(state: LearnState) -> Outcome:
            key = jax.random.fold_in(jax.random.fold_in(state.key, _EVALUATION), state.updates)
            key = jax.random.fold_in(key, draw)
            return player.play(state.params, key, episodes)

        return over_seeds(seed, self.config.seeds)(state)

    @cached_property
    def _compiled_play(self) -> Callable[..., Outcome]:
        # Lengths of a task differ in params alone, which are arguments: all of them share one compilation.
        return jax.jit(self.play, static_argnums=2)

    def played(self, state: LearnState, steps: int | None = None) -> dict[str, np.ndarray]:
        """The episodes of an evaluation: `play`, compiled at its first call.

        Args:
            state: all seeds'.
            steps: the most steps of an episode; None plays the task as it was trained on. Each length has episodes of
                its own: who always turns one way would score the same at all of them.
        """
        params = self.task.params if steps is None else self.config.env.with_horizon(steps).make()[1]
        return jax.device_get(self._compiled_play(state, params, self.config.play.episodes, steps or 0))


def window_of(config: OfflineConfig, horizon: int) -> int:
    """Steps of a window; `horizon` is the environment's.

    Raises:
        ConfigError: windows are shorter than trajectories may be, and no stride says where they begin.
    """
    window = horizon if config.data.window is None else config.data.window
    if window < horizon and config.data.stride is None:
        raise ConfigError(
            f"data.window is {window}: trajectories have up to {horizon} steps, allowed are at least as many, "
            "or a data.stride"
        )
    return window


@dataclass(frozen=True)
class Compiled:
    """What a run learns with, as an executable.

    Attributes:
        program: what was compiled.
        template: shapes of the state.
        calls: batches that `learn` takes at once.
        seconds: how long it took.
    """

    program: OfflineProgram
    template: LearnState
    calls: int
    seconds: float
    _learn: Any

    def init(self) -> LearnState:
        """The states of all seeds before the first batch."""
        return jax.jit(self.program.init)(jax.random.key(self.program.config.seed))

    def learn(self, state: LearnState, batches: Recorded) -> tuple[LearnState, Learned]:
        """See `OfflineProgram.learn`; `state` is donated. Waits for the result."""
        return jax.block_until_ready(self._learn(state, batches))


def compile_program(program: OfflineProgram, calls: int) -> Compiled:
    """Trace and compile; `calls` batches are learned from at once."""
    began = time.perf_counter()
    template = jax.eval_shape(program.init, jax.random.key(program.config.seed))
    learn = jax.jit(program.learn, donate_argnums=0)
    compiled = learn.lower(template, _batches(program, calls)).compile()
    return Compiled(program, template, calls, time.perf_counter() - began, compiled)


def _batches(program: OfflineProgram, calls: int) -> Any:
    """Shapes of what `learn` is given."""
    config, actions = program.config, program.task.actions
    shape = (calls, config.seeds, program.window, config.learn.batch)
    obs = jax.ShapeDtypeStruct((*shape, *program.learner.model.obs_shape), program.learner.obs_dtype)
    action = jax.ShapeDtypeStruct((*shape, actions.size) if actions.continuous else shape, actions.none(1).dtype)
    to_go, mask = (jax.ShapeDtypeStruct(shape, dtype) for dtype in (jnp.float32, jnp.bool_))
    fields: Any = (obs, action, to_go, mask)
    return Recorded(*fields)
