"""Who plays the episodes of a dataset: a scripted policy, or the agent of a trained run."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem import envs
from jaxmem.config import ConfigError
from jaxmem.networks import Inputs
from jaxmem.networks.inputs import Actions
from jaxmem.training.evaluate import load_run, take_seed
from jaxmem.training.folder import RunFolder
from jaxmem.training.task import Task

# What an agent needs of 64 rows, with memory and all, any machine has.
_AGENT_ROWS, _SCRIPT_ROWS = 64, 256


class Player(NamedTuple):
    """A policy of B episodes side by side, as pure functions.

    Attributes:
        about: what `dataset.json` says of it, as JSON values.
        most_rows: how many episodes it plays at once, unless it is asked for other.
        params: what it has learned, a pytree; handed to `begin` and `act`.
        begin: `(params, key, inputs, env_state) -> memory` at the first step.
        act: `(params, memory, key, inputs, env_state, start) -> (memory, action)`, `start` bool [B]; actions as agents
            have them.
    """

    about: dict[str, Any]
    most_rows: int
    params: Any
    begin: Callable[[Any, jax.Array, Inputs, Any], Any]
    act: Callable[[Any, Any, jax.Array, Inputs, Any, jax.Array], tuple[Any, jax.Array]]


@dataclass(frozen=True)
class RunPolicy:
    """A trained run, as a policy.

    Attributes:
        folder: its folder.
        checkpoint: "latest", "previous" or a number.
        seed: which of its seeds.
        explore: whether it draws actions as at the end of training, instead of the best ones.
    """

    folder: Path
    checkpoint: str = "latest"
    seed: int = 0
    explore: bool = False

    def env(self) -> envs.EnvOptions:
        """What it was trained on."""
        return RunFolder.open(self.folder).read_config().env

    def player(self, task: Task, env: envs.EnvOptions) -> Player:
        """Its agent.

        Raises:
            CheckpointError: there is no checkpoint, or it cannot be used.
            ConfigError: it is no run, or was trained on what has other observations or actions, or shorter episodes.
        """
        folder = RunFolder.open(self.folder)
        program, run, step = load_run(folder, self.checkpoint)
        _check_fits(program.config.env, program.task, env, task)
        program, run = take_seed(program, run, self.seed)
        agent: Any = program.agent
        params = jax.tree.map(lambda leaf: leaf[0], run.agent)

        def begin(params: Any, key: jax.Array, inputs: Inputs, env_state: Any) -> Any:
            del params, key, env_state
            return agent.initial_carry(inputs.obs.shape[0])

        def act(
            params: Any, memory: Any, key: jax.Array, inputs: Inputs, env_state: Any, start: jax.Array
        ) -> tuple[Any, jax.Array]:
            del env_state
            memory, decision = agent.act(params, memory, inputs, start, key, 1.0, explore=self.explore)
            return memory, decision.action

        about = {
            "name": f"run {folder.path.resolve().name}",
            "experiment": folder.read_record().get("experiment"),
            "checkpoint": step,
            "seed": self.seed,
            "mode": "explore" if self.explore else "greedy",
            # A run's name says little of what it is: another one may have it, or the same one, trained anew.
            "digest": _digest(params),
        }
        return Player(about, _AGENT_ROWS, params, begin, act)


def scripted(task: Task, name: str) -> Player:
    """A scripted policy of the task's environment; raises `ConfigError` if it has none of that name."""
    policy = envs.scripted_policy(task.env, task.params, name)
    space = task.env.action_space(task.params)

    def begin(params: Any, key: jax.Array, inputs: Inputs, env_state: Any) -> Any:
        del params
        keys = jax.random.split(key, inputs.obs.shape[0])
        return jax.vmap(policy.init)(keys, inputs.obs, env_state)

    def act(
        params: Any, memory: Any, key: jax.Array, inputs: Inputs, env_state: Any, start: jax.Array
    ) -> tuple[Any, jax.Array]:
        del params
        keys = jax.random.split(key, start.shape[0])
        memory, action = jax.vmap(policy.act)(keys, memory, inputs.obs, env_state)
        if task.actions.continuous:
            # The environment's own numbers, of which agents have -1 to 1.
            return memory, (2 * (action - space.low) / (space.high - space.low) - 1).astype(jnp.float32)
        return memory, action.astype(jnp.int32)

    return Player({"name": name}, _SCRIPT_ROWS, (), begin, act)


def noisy(player: Player, actions: Actions, noise: float) -> Player:
    """A player of whose actions a share is drawn uniformly in its stead.

    Who imitates it sees how it finds back from where it would never have gone, as with the noise of Laskey et al. 2017
    (arXiv:1703.09327). They record what the supervisor would have done; here it is the action that was taken.

    Args:
        player: who plays.
        actions: those of the task.
        noise: the share, from 0 to 1.
    """

    def act(
        params: Any, memory: Any, key: jax.Array, inputs: Inputs, env_state: Any, start: jax.Array
    ) -> tuple[Any, jax.Array]:
        act_key, noise_key, drawn_key = jax.random.split(key, 3)
        memory, action = player.act(params, memory, act_key, inputs, env_state, start)
        if actions.continuous:
            drawn = jax.random.uniform(drawn_key, action.shape, action.dtype, -1, 1)
        else:
            drawn = jax.random.randint(drawn_key, action.shape, 0, actions.size, action.dtype)
        replaced = jax.random.bernoulli(noise_key, noise, start.shape)
        return memory, jnp.where(replaced[:, None] if actions.continuous else replaced, drawn, action)

    return player._replace(about=player.about | {"noise": noise}, act=act)


def _check_fits(trained_on: envs.EnvOptions, trained: Task, env: envs.EnvOptions, task: Task) -> None:
    spaces = [one.env.observation_space(one.params) for one in (trained, task)]
    shapes = [(space.shape, np.dtype(space.dtype).name) for space in spaces]
    if shapes[0] != shapes[1] or trained.actions != task.actions:
        raise ConfigError(
            f"{env.id} has observations {shapes[1]} and {task.actions}: the run was trained on {trained_on.id} with "
            f"{shapes[0]} and {trained.actions}"
        )
    if task.horizon > trained.horizon:
        raise ConfigError(
            f"{env.id} has episodes of up to {task.horizon} steps: allowed are the {trained.horizon} that the run was "
            "trained with"
        )


def _digest(params: Any) -> str:
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(params):
        digest.update(np.ascontiguousarray(np.asarray(leaf)).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()[:16]
