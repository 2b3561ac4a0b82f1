"""Whole episodes, collected side by side by one scan."""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxmem import envs
from jaxmem.agents import Agent, AgentState
from jaxmem.config import ConfigError
from jaxmem.networks import Inputs, first_inputs
from jaxmem.replay import Episodes

Mode = Literal["random", "explore", "greedy"]
Outcome = dict[str, jax.Array]


class Task(NamedTuple):
    """An environment with its parameters and what follows from them.

    Attributes:
        env: a gymnax environment.
        params: its parameters.
        horizon: the most steps of an episode.
        reports: which of its episode metrics `info` really has.
    """

    env: Any
    params: Any
    horizon: int
    reports: tuple[str, ...]

    @staticmethod
    def of(options: envs.EnvOptions) -> "Task":
        """The task that environment options describe.

        Raises:
            ConfigError: `info` lacks a metric that the environment declares, or has one that is not a scalar.
        """
        env, params = options.make()
        key = jax.random.key(0)
        _, state = jax.eval_shape(env.reset_env, key, params)
        action = jax.eval_shape(env.action_space(params).sample, key)
        info = jax.eval_shape(env.step_env, key, state, action, params)[-1]
        names = envs.episode_metrics(env)
        for name in names:
            if name not in info and hasattr(env, "episode_metrics"):
                raise ConfigError(f"{options.id} declares the episode metric {name!r}: its info has {', '.join(info)}")
            if name in info and info[name].shape != ():
                raise ConfigError(f"{options.id}: info[{name!r}] has the shape {info[name].shape}: allowed is a scalar")
        reports = tuple(name for name in names if name in info)
        return Task(env, params, envs.horizon(env, params), reports)


def collect(
    task: Task,
    agent: Agent,
    state: AgentState,
    key: jax.Array,
    batch_size: int,
    mode: Mode,
    progress: tuple[jax.Array | float, float] = (0.0, 0.0),
) -> tuple[Episodes, Outcome]:
    """Play `batch_size` episodes to their ends.

    Rows whose episode is over wait, frozen, until the horizon.

    Args:
        task: what is played.
        agent: who plays.
        state: the agent's state.
        key: randomness of environment and agent.
        batch_size: number of episodes, B.
        mode: "random" plays uniform actions, "explore" and "greedy" the agent's.
        progress: shares of the planned training that are done before the first step, and that these episodes add; for
            exploration schedules.

    Returns:
        The episodes, padded to the horizon, and how they went: float32 [B] of return, length and each of the
        environment's episode metrics; NaN where it does not report one.
    """
    env, params, horizon, _ = task
    names = envs.episode_metrics(env)
    reset_key, scan_key = jax.random.split(key)
    obs, env_state = jax.vmap(env.reset_env, in_axes=(0, None))(jax.random.split(reset_key, batch_size), params)
    action_space = env.action_space(params)

    def row(key: jax.Array, env_state: Any, action: jax.Array) -> tuple:
        obs, env_state, reward, terminated, info = env.step_env(key, env_state, action, params)
        truncated = env.is_truncated(env_state, params)
        said = {name: jnp.asarray(info.get(name, jnp.nan), jnp.float32) for name in names}
        reward = jnp.asarray(reward, jnp.float32)
        return obs, env_state, reward, jnp.asarray(terminated, bool), jnp.asarray(truncated, bool), said

    def step(carry: tuple, inputs_t: tuple[jax.Array, jax.Array]) -> tuple[tuple, tuple]:
        env_state, inputs, memory, alive = carry
        t, key = inputs_t
        act_key, env_key = jax.random.split(key)
        if mode == "random":
            action = jax.vmap(action_space.sample)(jax.random.split(act_key, batch_size))
        else:
            start = jnp.full((batch_size,), t == 0)
            done = progress[0] + progress[1] * t / horizon
            memory, action = agent.act(state, memory, inputs, start, act_key, done, explore=mode == "explore")
        keys = jax.random.split(env_key, batch_size)
        obs, next_state, reward, terminated, truncated, said = jax.vmap(row)(keys, env_state, action)
        obs = _keep(alive, obs, inputs.obs)
        env_state = jax.tree.map(lambda new, old: _keep(alive, new, old), next_state, env_state)
        reward = jnp.where(alive, reward, 0)
        ended = alive & (terminated | truncated)
        inputs = Inputs(obs, action.astype(jnp.int32), reward)
        said = jax.tree.map(lambda value: jnp.where(ended, value, 0), said)
        outputs = (obs, action, reward, alive, ended & terminated, said)
        return (env_state, inputs, memory, alive & ~ended), outputs

    carry = (
        env_state,
        first_inputs(obs),
        agent.initial_carry(batch_size),
        jnp.ones((batch_size,), bool),
    )
    times = jnp.arange(horizon)
    _, (next_obs, action, reward, taken, terminated, said) = jax.lax.scan(
        step, carry, (times, jax.random.split(scan_key, horizon))
    )
    episodes = Episodes(
        obs=jnp.concatenate([obs[None], next_obs]),
        action=action,
        reward=reward,
        length=jnp.sum(taken, axis=0, dtype=jnp.int32),
        terminated=jnp.any(terminated, axis=0),
    )
    # Of the steps of an episode, one alone has what was said at its end.
    said = {name: jnp.sum(value, axis=0) for name, value in said.items()}
    return episodes, {"return": episodes.returns, "length": episodes.length.astype(jnp.float32)} | said


def _keep(alive: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    return jnp.where(alive.reshape(-1, *[1] * (new.ndim - 1)), new, old)
