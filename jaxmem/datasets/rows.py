"""Rows of episodes, played side by side in compiled pieces."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.datasets.players import Player
from jaxmem.datasets.record import Trajectory
from jaxmem.networks import Inputs
from jaxmem.training.task import Task

# A piece of a group of rows is on the device at once; after each the host looks whether any row goes on.
_PIECE_BYTES, _PIECE_STEPS = 1 << 26, 256


def trajectory_bytes(task: Task) -> int:
    """What the longest trajectory takes."""
    return _step_bytes(task) * (task.horizon + 1)


def _step_bytes(task: Task) -> int:
    obs, _ = jax.eval_shape(partial(task.reset, rows=1), jax.random.key(0))
    return obs.size * obs.dtype.itemsize + 4 * task.actions.size * task.actions.continuous + 16


class Rows:
    """Plays episodes in groups of B; what an episode is depends on the seed, its number and B alone."""

    def __init__(self, task: Task, player: Player, rows: int, seed: int) -> None:
        """Compile nothing yet.

        Args:
            task: what is played.
            player: who plays.
            rows: episodes of a group, B.
            seed: where all randomness comes from.
        """
        self._task, self._player, self._rows, self._seed = task, player, rows, seed
        most = min(_PIECE_STEPS, max(1, _PIECE_BYTES // (_step_bytes(task) * rows)))
        self._pieces = math.ceil(task.horizon / most)
        self._steps = math.ceil(task.horizon / self._pieces)
        self._begin, self._go_on = jax.jit(self._first), jax.jit(self._piece)

    def play(self, number: int) -> Iterator[Trajectory]:
        """Episodes from a number on, to the end of its group; always the whole group is played."""
        group, skipped = divmod(number, self._rows)
        begin_key, step_key = jax.random.split(jax.random.fold_in(jax.random.key(self._seed), group))
        carry = self._begin(self._player.params, begin_key)
        pieces = []
        for piece in range(self._pieces):
            carry, played = self._go_on(self._player.params, carry, step_key, piece * self._steps)
            pieces.append(jax.device_get(played))
            if not np.any(carry[-1]):
                break
        joined = jax.tree.map(lambda *parts: np.concatenate(parts), *pieces)
        last_obs = np.asarray(carry[1].obs)
        for row in range(skipped, self._rows):
            yield self._trajectory(joined, last_obs, row)

    def _first(self, params: Any, key: jax.Array) -> tuple:
        """All rows before their first steps: environment, what is seen, memory, and who is still playing, bool [B]."""
        reset_key, memory_key = jax.random.split(key)
        obs, env_state = self._task.reset(reset_key, self._rows)
        inputs = self._task.first_inputs(obs)
        memory = self._player.begin(params, memory_key, inputs, env_state)
        return env_state, inputs, memory, jnp.ones((self._rows,), bool)

    def _piece(self, params: Any, carry: tuple, key: jax.Array, first: jax.Array) -> tuple[tuple, dict[str, Any]]:
        """Some steps of all rows, [T, B, ...]; those whose episode is over stay where they are."""
        task = self._task

        def step(carry: tuple, t: jax.Array) -> tuple[tuple, dict[str, Any]]:
            env_state, inputs, memory, alive = carry
            act_key, env_key = jax.random.split(jax.random.fold_in(key, t))
            start = jnp.full((self._rows,), t == 0)
            memory, action = self._player.act(params, memory, act_key, inputs, env_state, start)
            stepped = task.step_alive(env_key, env_state, inputs.obs, action, alive)
            played = {
                "obs": inputs.obs,
                "action": action,
                "reward": stepped.reward,
                "taken": alive,
                "terminated": stepped.terminated,
                "info": {name: stepped.said[name] for name in task.reports},
            }
            inputs = Inputs(stepped.obs, action, stepped.reward)
            return (stepped.state, inputs, memory, alive & ~stepped.ended), played

        return jax.lax.scan(step, carry, first + jnp.arange(self._steps))

    def _trajectory(self, played: dict[str, Any], last_obs: np.ndarray, row: int) -> Trajectory:
        """One row of what was played, cut to its length."""
        steps = int(played["taken"][:, row].sum())
        seen = played["obs"][: steps + 1, row]
        # Where a row took every step there is, its last observation comes after them.
        obs = seen if len(seen) > steps else np.concatenate([seen, last_obs[None, row]])
        terminated = played["terminated"][:, row].any()
        # Of the steps of an episode, one alone has what was said at its end.
        info = {name: values[:, row].sum() for name, values in played["info"].items()}
        return Trajectory(
            obs, played["action"][:steps, row], played["reward"][:steps, row], terminated, ~terminated, info
        )
