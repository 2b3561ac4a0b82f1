"""The environment of a run, stepped in rows."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmem import envs
from jaxmem.agents import Decision
from jaxmem.config import ConfigError
from jaxmem.networks import DISCRETE, Actions, Inputs, actions_of, first_inputs


class Stepped(NamedTuple):
    """What a step of B rows gives.

    Attributes:
        obs: [B, ...], what is seen next; the last observation where the episode is over.
        state: the environment's, leading axis B.
        reward: float32 [B].
        terminated: bool [B].
        truncated: bool [B].
        said: float32 [B] of each episode metric; NaN where the environment does not report one.
    """

    obs: jax.Array
    state: Any
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    said: dict[str, jax.Array]

    @property
    def ended(self) -> jax.Array:
        """Bool [B], whether the episode ended with this step."""
        return self.terminated | self.truncated


class Onward(NamedTuple):
    """Where B rows are after a step, from which they play on.

    Attributes:
        obs: [B, ...], what is seen next.
        state: the environment's, leading axis B.
        start: bool [B], whether that begins an episode.
        cut: bool [B], whether it is the last observation of an episode, at which nothing will be done.
    """

    obs: jax.Array
    state: Any
    start: jax.Array
    cut: jax.Array


class Task(NamedTuple):
    """An environment with its parameters and what follows from them.

    Attributes:
        env: a gymnax environment, or one that plays rows, see `envs.plays_rows`.
        params: its parameters.
        horizon: the most steps of an episode.
        reports: which of its episode metrics `info` really has.
        decisive: the action that an episode should begin with; see `envs.decisive_action`.
        actions: which there are, as agents see them.
    """

    env: Any
    params: Any
    horizon: int
    reports: tuple[str, ...]
    decisive: int | None = None
    actions: Actions = DISCRETE

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
        actions = actions_of(env.action_space(params))
        return Task(env, params, envs.horizon(env, params), reports, envs.decisive_action(env), actions)

    def reset(self, key: jax.Array, rows: int) -> tuple[jax.Array, Any]:
        """Begin an episode in each of B rows: observations [B, ...] and states."""
        if envs.plays_rows(self.env):
            return self.env.reset_rows(key, rows, self.params)
        return jax.vmap(self.env.reset_env, in_axes=(0, None))(jax.random.split(key, rows), self.params)

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> Stepped:
        """One step of B rows; actions as agents have them, [B, ...]. See `onward` for what comes after an end."""
        names = envs.episode_metrics(self.env)
        if envs.plays_rows(self.env):
            obs, state, reward, terminated, truncated, info = self.env.step_rows(state, action, self.params)
            return Stepped(obs, state, reward, terminated, truncated, {name: info[name] for name in names})
        if self.actions.continuous:
            space = self.env.action_space(self.params)
            action = space.low + (action + 1) / 2 * (space.high - space.low)

        def row(key: jax.Array, state: Any, action: jax.Array) -> Stepped:
            obs, state, reward, terminated, info = self.env.step_env(key, state, action, self.params)
            truncated = self.env.is_truncated(state, self.params)
            said = {name: jnp.asarray(info.get(name, jnp.nan), jnp.float32) for name in names}
            reward = jnp.asarray(reward, jnp.float32)
            return Stepped(obs, state, reward, jnp.asarray(terminated, bool), jnp.asarray(truncated, bool), said)

        return jax.vmap(row)(jax.random.split(key, action.shape[0]), state, action)

    def step_alive(self, key: jax.Array, state: Any, obs: jax.Array, action: jax.Array, alive: jax.Array) -> Stepped:
        """`step` of the rows that are `alive`, bool [B]; the others wait where they are, end no more and pay nothing.

        What is said of a row's episode is 0 but for the step that ends it, so that its sum over time is what was said.
        """
        stepped = self.step(key, state, action)
        terminated, truncated = alive & stepped.terminated, alive & stepped.truncated
        ended = terminated | truncated
        return Stepped(
            obs=keep(alive, stepped.obs, obs),
            state=keep(alive, stepped.state, state),
            reward=jnp.where(alive, stepped.reward, 0),
            terminated=terminated,
            truncated=truncated,
            said=jax.tree.map(lambda value: jnp.where(ended, value, 0), stepped.said),
        )

    def onward(self, key: jax.Array, stepped: Stepped, cut: jax.Array) -> Onward:
        """Where rows play on after a step; those whose episode ended begin the next one.

        Args:
            key: randomness of the episodes that begin.
            stepped: what the step gave.
            cut: bool [B], the rows for which it was no step of an episode: see `Onward`.
        """
        if envs.plays_rows(self.env):
            # They begin anew by themselves, in the step after their last one.
            return Onward(stepped.obs, stepped.state, cut & ~stepped.ended, stepped.ended)
        # The last observation has to be shown only after a time limit, where its value counts.
        start = cut | stepped.terminated
        obs, state = self.reset(key, cut.shape[0])
        return Onward(
            obs=keep(start, obs, stepped.obs),
            state=keep(start, state, stepped.state),
            start=start,
            cut=~cut & stepped.truncated & ~stepped.terminated,
        )

    def random_actions(self, key: jax.Array, rows: int) -> Decision:
        """Actions drawn evenly from all there are, with their log-probabilities, or log-densities: [B]."""
        actions = self.actions
        if actions.continuous:
            action = jax.random.uniform(key, (rows, actions.size), minval=-1.0, maxval=1.0)
            likely = -actions.size * math.log(2)
        else:
            space = self.env.action_space(self.params)
            action = jax.vmap(space.sample)(jax.random.split(key, rows)).astype(jnp.int32)
            likely = -math.log(actions.size)
        return Decision(action, jnp.full((rows,), likely, jnp.float32))

    def first_inputs(self, obs: jax.Array) -> Inputs:
        """What agents see at the first step of B episodes; `obs` is [B, ...]."""
        return first_inputs(obs, self.actions)


def episode_outcomes(task: Task) -> tuple[str, ...]:
    """What is said of an episode that has ended."""
    return ("return", "length", *envs.episode_metrics(task.env))


def keep(chosen: jax.Array, new: Any, old: Any) -> Any:
    """`new` in the rows where `chosen`, bool [B], is True, else `old`; both trees of arrays [B, ...]."""

    def choose(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(chosen.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return jax.tree.map(choose, new, old)
