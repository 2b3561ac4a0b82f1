"""Episodes that a model plays with what its memory holds watched, and changed on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem import envs
from jaxmem.config import ConfigError
from jaxmem.offline.model import Seen
from jaxmem.offline.program import OfflineProgram
from jaxmem.offline.rollout import Playing

Change = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""What becomes of memories: (memories [B, m, F], partners [B], generator) -> memories."""


@dataclass(frozen=True)
class Recall:
    """B episodes of one seed, all of one length.

    Attributes:
        cue: int [B], -1 or 1: what had to be remembered.
        memories: float32 [N, B, m, F], what each of the N segments but the last handed on.
        seen: what was seen, [T, B, ...].
        success: bool [B].
        acted: bool [B], whether the episode was brought to its end, rightly or wrongly.
    """

    cue: np.ndarray
    memories: np.ndarray
    seen: Seen
    success: np.ndarray
    acted: np.ndarray


def true(memories: np.ndarray, partners: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Leave them as they are."""
    del partners, generator
    return memories


def swapped(memories: np.ndarray, partners: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Give each episode the memory of one with the other cue."""
    del generator
    return memories[partners]


def zero(memories: np.ndarray, partners: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Nothing but zeros."""
    del partners, generator
    return np.zeros_like(memories)


def random(memories: np.ndarray, partners: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Each number from the memory of an episode of its own: as such numbers are, but together they mean nothing."""
    del partners
    rows = generator.integers(len(memories), size=memories.shape)
    return np.take_along_axis(memories, rows, axis=0)


def token_swapped(token: int) -> Change:
    """Only one token is the other cue's."""

    def change(memories: np.ndarray, partners: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        del generator
        changed = memories.copy()
        changed[:, token] = memories[partners, token]
        return changed

    return change


CHANGES: dict[str, Change] = {"true": true, "swapped": swapped, "random": random, "zero": zero}


@dataclass(frozen=True, eq=False)
class Recaller:
    """Plays episodes of a recurrent-memory transformer segment by segment.

    Attributes:
        program: the model's.
        steps: the most steps of an episode: that many, of which the junction is one.
        rows: episodes, B.

    Raises:
        ConfigError: the core hands no memory on, its segments are no whole steps, the task has no cue, or an episode
            is over before memory is handed on.
    """

    program: OfflineProgram
    steps: int
    rows: int

    def __post_init__(self) -> None:
        core: Any = self.program.config.core
        if core.name != "rmt" or not core.tokens:
            raise ConfigError(f"core is {core.name}: allowed is rmt with memory tokens, whose memory is handed on")
        if core.cache:
            raise ConfigError(f"core.cache is {core.cache}: allowed is 0, since it hands the cue on beside the memory")
        if core.segment % self.program.learner.model.tokens_per_step:
            raise ConfigError(
                f"core.segment is {core.segment}: allowed is a multiple of the "
                f"{self.program.learner.model.tokens_per_step} tokens of a step"
            )
        if envs.cue(self.program.task.env) is None:
            raise ConfigError(f"{self.program.config.env.id} has no cue: allowed is a task that asks to remember one")
        if "turned" not in self.program.task.reports:
            raise ConfigError(
                f"{self.program.config.env.id} reports no 'turned': allowed is a task that says whether an episode was "
                "brought to its end, decided in its last step but one, as RateTMaze-v0"
            )
        if self.borders < 1:
            raise ConfigError(
                f"steps are {self.steps}: allowed are {self.segment + 2} or more, or nothing is handed on"
            )

    @property
    def segment(self) -> int:
        """Steps of a segment."""
        core: Any = self.program.config.core
        return core.segment // self.program.learner.model.tokens_per_step

    @property
    def borders(self) -> int:
        """How often memory is handed on before the decision: an episode of T steps decides in its last but one."""
        return (self.steps - 2) // self.segment

    @property
    def slot(self) -> int:
        """Which step of its segment decides."""
        return self.steps - 2 - self.borders * self.segment

    def play(self, params: Any, key: jax.Array, change: Change = true, at: int | None = None) -> Recall:
        """Play episodes with the parameters of one seed.

        Args:
            params: the model's.
            key: randomness; with the same one the same episodes are played again.
            change: what becomes of memories at a border.
            at: at which, from 1 on; None is the last before the decision.
        """
        reset_key, key = jax.random.split(key)
        playing: Playing = self._begin(reset_key)
        cue = np.asarray(jax.vmap(envs.cue(self.program.task.env))(playing.env_state))  # type: ignore[arg-type]
        at = self.borders if at is None else at
        memories, seen = [], []
        for number in range(1 + self.borders):
            if number:
                held = np.asarray(playing.memory.memory)
                memories.append(held)
                if number == at:
                    new = change(held, partners(cue), np.random.default_rng(0))
                    playing = playing._replace(memory=playing.memory._replace(memory=jnp.asarray(new)))
            playing, shown = self._advance(params, playing, jnp.int32(number * self.segment), key)
            seen.append(jax.device_get(shown))
        outcome = jax.device_get(playing.outcome)
        success = outcome["success"] > 0.5
        acted = outcome["turned"] > 0.5
        whole = jax.tree.map(lambda *parts: np.concatenate(parts), *seen)
        return Recall(cue, np.stack(memories), whole, success, acted)

    def _player(self) -> Any:
        env = self.program.config.env.with_horizon(self.steps)
        return self.program.player(env.make()[1])

    @cached_property
    def _begin(self) -> Callable[[jax.Array], Playing]:
        return jax.jit(lambda key: self._player().begin(key, self.rows))

    @cached_property
    def _advance(self) -> Callable[..., tuple[Playing, Seen]]:
        # Compiled once for all segments, changes and seeds.
        return jax.jit(self._walk)

    def _walk(self, params: Any, playing: Playing, first: jax.Array, key: jax.Array) -> tuple[Playing, Seen]:
        """A segment of steps, and what was seen in it [K, B, ...]."""
        player = self._player()

        def step(playing: Playing, time: jax.Array) -> tuple[Playing, Seen]:
            return player.step(params, playing, time, jax.random.fold_in(key, time)), playing.seen

        return jax.lax.scan(step, playing, first + jnp.arange(self.segment))


def partners(cue: np.ndarray) -> np.ndarray:
    """For each episode another one with the other cue: int [B].

    Raises:
        ConfigError: all have the same cue.
    """
    sides = [np.flatnonzero(cue < 0), np.flatnonzero(cue > 0)]
    if not all(map(len, sides)):
        raise ConfigError("all of these episodes have the same cue: allowed are more of them")
    found = np.empty(len(cue), int)
    for own, other in (sides, sides[::-1]):
        found[own] = np.resize(other, len(own))
    return found


def probe(memories: np.ndarray, cue: np.ndarray, strength: float = 1.0) -> float:
    """How well a linear read-out tells the cue from memories: accuracy on the half that it was not fitted to.

    Ridge regression of the cue on standardised numbers, with an offset.

    Args:
        memories: float [B, ...].
        cue: -1 or 1, [B].
        strength: of the penalty on weights.
    """
    x = memories.reshape(len(memories), -1).astype(np.float64)
    half = len(x) // 2
    mean, spread = x[:half].mean(0), x[:half].std(0)
    x = (x - mean) / np.where(spread > 1e-6, spread, 1.0)
    offset = cue[:half].mean()
    # In the dual, as there are more numbers than episodes.
    kernel = x[:half] @ x[:half].T + strength * np.eye(half)
    weights = x[:half].T @ np.linalg.solve(kernel, cue[:half] - offset)
    told = np.where(x[half:] @ weights + offset > 0, 1, -1)
    return float((told == cue[half:]).mean())
