"""Episodes that a sequence model plays, asked for a return."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmem import envs
from jaxmem.cores.anywhere import anywhere
from jaxmem.offline.model import Seen, SequenceModel
from jaxmem.training.task import Task

Outcome = dict[str, jax.Array]


class Playing(NamedTuple):
    """B rows in the middle of their episodes.

    Attributes:
        env_state: the environment's, leading axis B.
        seen: what the model sees next.
        memory: the model's.
        alive: bool [B], whether the episode goes on.
        outcome: how it goes so far, float32 [B] each.
    """

    env_state: Any
    seen: Seen
    memory: Any
    alive: jax.Array
    outcome: Outcome


@dataclass(frozen=True)
class Player:
    """How a model plays a task.

    The clock of its memory is the episode's: segments begin where they began in training, and what a segment hands on
    is taken up every K steps (RATE, arXiv:2306.09459). The return to go falls by each reward.

    Attributes:
        model: the sequence model.
        task: what is played; params may be traced.
        target: the return that is asked for.
        greedy: whether the likeliest action is taken; else one is drawn. Continuous ones are what the model says.
        restart: steps after which the whole target is asked for anew; None never does.
    """

    model: SequenceModel
    task: Task
    target: float
    greedy: bool = True
    restart: int | None = None

    def begin(self, key: jax.Array, rows: int) -> Playing:
        """Episodes in `rows` rows, before their first step."""
        obs, env_state = self.task.reset(key, rows)
        seen = Seen(obs, jnp.full((rows,), self.target, jnp.float32), self.task.actions.none(rows))
        names = ("return", "length", *envs.episode_metrics(self.task.env))
        outcome = {name: jnp.zeros((rows,), jnp.float32) for name in names}
        return Playing(env_state, seen, self.model.initial_state(rows), jnp.ones((rows,), bool), outcome)

    def step(self, params: Any, playing: Playing, time: jax.Array, key: jax.Array) -> Playing:
        """One step of all rows; those whose episode is over wait, but for their memory, which nobody reads."""
        act_key, env_key = jax.random.split(key)
        alive, seen = playing.alive, playing.seen
        if self.restart is not None:
            seen = seen._replace(
                return_to_go=jnp.where(time % self.restart == 0, jnp.float32(self.target), seen.return_to_go)
            )
        start = jnp.full(alive.shape, time == 0)
        memory, output = self.model.apply(params, playing.memory, seen, start, method="step")  # type: ignore[misc]
        action = self._action(output, act_key)
        stepped = self.task.step_alive(env_key, playing.env_state, seen.obs, action, alive)
        said = {"return": stepped.reward, "length": alive.astype(jnp.float32)} | stepped.said
        outcome = {name: value + said[name] for name, value in playing.outcome.items()}
        seen = Seen(stepped.obs, seen.return_to_go - stepped.reward, action)
        return Playing(stepped.state, seen, memory, alive & ~stepped.ended, outcome)

    def play(self, params: Any, key: jax.Array, rows: int) -> Outcome:
        """Whole episodes: float32 [B] of return, length and each of the environment's episode metrics.

        Args:
            params: the model's.
            key: randomness of environment and actions.
            rows: number of episodes, B.
        """
        reset_key, key = jax.random.split(key)

        def step(carry: tuple[jax.Array, Playing]) -> tuple[jax.Array, Playing]:
            time, playing = carry
            return time + 1, self.step(params, playing, time, jax.random.fold_in(key, time))

        # Over all seeds at once: under `vmap` a condition for each would copy all memory at every step.
        carry = (jnp.int32(0), self.begin(reset_key, rows))
        return jax.lax.while_loop(lambda carry: anywhere(carry[1].alive), step, carry)[1].outcome

    def _action(self, output: Any, key: jax.Array) -> jax.Array:
        if self.task.actions.continuous:
            return jnp.clip(output, -1, 1)
        action = output.argmax(-1) if self.greedy else jax.random.categorical(key, output)
        return action.astype(jnp.int32)
