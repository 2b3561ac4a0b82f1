"""Environments around other environments: what is seen is spoilt, or actions are repeated.

A wrapper is a gymnax environment with the params of the one inside, and works under `jit`, `vmap` and `scan` as that
one does. Two wrappers are equal that have equal arguments, so that compiled functions are shared among them.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces

from jaxmem.config import ConfigError, integer, number
from jaxmem.envs.policies import ScriptedPolicy
from jaxmem.envs.wrapper_base import CertainWrapper, ChanceWrapper, Step, observation_of, unbounded


@dataclasses.dataclass(frozen=True)
class Occluded(CertainWrapper):
    """Shows a part of each observation.

    Attributes:
        env: the environment inside.
        keep: indices of a flat observation [n], each from 0 to n - 1 and at most once: what is seen is
            [len(keep)], in that order, same dtype. Or a function of one observation that gives what is seen, one array;
            it runs inside `jit`. As it may do anything, its space has no bounds but those of its dtype.

    Raises:
        ConfigError: no such indices, or indices of an observation that is not flat.
    """

    keep: Sequence[int] | Callable[[Any], jax.Array]

    def __post_init__(self) -> None:
        super().__post_init__()
        if callable(self.keep):
            return
        seen = observation_of(self.env)
        if not hasattr(seen, "shape") or len(seen.shape) != 1:
            raise ConfigError(f"Occluded.keep is {self.keep!r}: allowed is a function where observations are not flat")
        keep = tuple(np.ravel(self.keep).tolist())
        size = seen.shape[0]
        flat = np.ndim(self.keep) == 1 and bool not in map(type, keep)
        if not (flat and keep and len({*keep}) == len(keep) and {*keep} <= {*range(size)}):
            allowed = f"indices from 0 to {size - 1}, one or more, none twice"
            raise ConfigError(f"Occluded.keep is {self.keep}: allowed are {allowed}")
        object.__setattr__(self, "keep", keep)

    def step_env(self, key: jax.Array, state: Any, action: int | float | jax.Array, params: Any) -> Step:
        """Take one step without resetting."""
        obs, state, reward, terminated, info = self.env.step_env(key, state, action, params)
        return self._seen(obs), state, reward, terminated, info

    def observation_space(self, params: Any = None) -> spaces.Box:
        """Bounds of what is seen."""
        params = self.default_params if params is None else params
        if callable(self.keep):
            return unbounded(jax.eval_shape(self.keep, observation_of(self.env, params)))
        space = self.env.observation_space(params)
        low, high = (jnp.broadcast_to(bound, space.shape)[np.array(self.keep)] for bound in (space.low, space.high))
        return spaces.Box(low, high, low.shape, space.dtype)

    def begin(self, obs: Any, state: Any) -> tuple[Any, Any]:
        """What is seen first, and the state."""
        return self._seen(obs), state

    def _seen(self, obs: Any) -> jax.Array:
        return self.keep(obs) if callable(self.keep) else obs[np.array(self.keep)]


@dataclasses.dataclass(frozen=True)
class Noisy(ChanceWrapper):
    """Adds independent Gaussian noise to every number of every observation, the first one included.

    Attributes:
        env: the environment inside; its observations are floats.
        scale: standard deviation, at least 0, in the observation's own unit.

    Raises:
        ConfigError: a negative scale, or observations that are not floats.
    """

    scale: float = number(low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        for leaf in jax.tree.leaves(observation_of(self.env)):
            if not jnp.issubdtype(leaf.dtype, jnp.floating):
                raise ConfigError(f"Noisy.env is {self.name!r}: allowed are float observations, these are {leaf.dtype}")

    def observation_space(self, params: Any = None) -> Any:
        """A box without bounds."""
        return jax.tree.map(unbounded, observation_of(self.env, params))

    def spoilt(self, key: jax.Array, obs: Any) -> Any:
        """See `ChanceWrapper.spoilt`."""
        leaves, tree = jax.tree.flatten(obs)
        keys = jax.random.split(key, len(leaves))
        noise = [jax.random.normal(key, leaf.shape, leaf.dtype) for key, leaf in zip(keys, leaves, strict=True)]
        return jax.tree.unflatten(tree, [leaf + self.scale * z for leaf, z in zip(leaves, noise, strict=True)])


@struct.dataclass
class DelayedState:
    """State of `Delayed`.

    Attributes:
        inner: state of the environment inside.
        coming: what will be seen in the next steps, the next one first: each observation, leading axis `steps`.
    """

    inner: Any
    coming: Any

    @property
    def time(self) -> Any:
        """Steps taken, where the environment inside has `time`."""
        return self.inner.time


@dataclasses.dataclass(frozen=True)
class Delayed(CertainWrapper):
    """Shows the observation of some steps ago; before there is one, the first observation again and again.

    After t steps the observation after max(0, t - steps) is seen. Reward, end and `info` are not delayed. The state is
    a `DelayedState`.

    Attributes:
        env: the environment inside.
        steps: how many, at least 1.

    Raises:
        ConfigError: fewer than 1.
    """

    steps: int = integer(low=1)

    def inner(self, state: DelayedState) -> Any:
        """The state of the environment inside."""
        return state.inner

    def step_env(self, key: jax.Array, state: DelayedState, action: int | float | jax.Array, params: Any) -> Step:
        """Take one step without resetting."""
        obs, inner, reward, terminated, info = self.env.step_env(key, state.inner, action, params)
        seen = jax.tree.map(lambda coming: coming[0], state.coming)
        coming = jax.tree.map(lambda old, new: jnp.concatenate([old[1:], new[None]]), state.coming, obs)
        return seen, DelayedState(inner, coming), reward, terminated, info

    def begin(self, obs: Any, state: Any) -> tuple[Any, DelayedState]:
        """What is seen first, and the state."""
        coming = jax.tree.map(lambda x: jnp.repeat(jnp.asarray(x)[None], self.steps, axis=0), obs)
        return obs, DelayedState(state, coming)


@dataclasses.dataclass(frozen=True)
class Flickering(ChanceWrapper):
    """Shows nothing but zeros with some probability, in each step anew, the first observation included.

    Attributes:
        env: the environment inside.
        probability: from 0 to 1, that the whole observation is zero.

    Raises:
        ConfigError: no such probability.
    """

    probability: float = number(low=0, high=1)

    def observation_space(self, params: Any = None) -> Any:
        """The space of the environment inside, and zero."""
        space = super().observation_space(params)
        if not isinstance(space, spaces.Box):
            return space
        return spaces.Box(jnp.minimum(space.low, 0), jnp.maximum(space.high, 0), space.shape, space.dtype)

    def spoilt(self, key: jax.Array, obs: Any) -> Any:
        """See `ChanceWrapper.spoilt`."""
        dark = jax.random.bernoulli(key, float(self.probability))
        return jax.tree.map(lambda x: jnp.where(dark, jnp.zeros_like(x), x), obs)


@dataclasses.dataclass(frozen=True)
class Repeated(CertainWrapper):
    """Takes each action several times; one step of it is up to `times` steps of the environment inside.

    The reward is their sum. They stop at the first that ends the episode, terminated or truncated, and observation,
    end and `info` are those of the last one taken. An episode of at most h steps takes at most ceil(h / times) here.
    Scripted policies but `random` are not passed on: they choose every single action.

    Attributes:
        env: the environment inside.
        times: how often, at least 1.

    Raises:
        ConfigError: fewer than 1.
    """

    times: int = integer(low=1)

    def horizon(self, params: Any) -> int:
        """The most steps of an episode, each of up to `times` steps inside."""
        return math.ceil(super().horizon(params) / self.times)

    def scripted_policies(self, params: Any) -> dict[str, ScriptedPolicy]:
        """None: a rule that chooses every single action is another one where each is taken several times."""
        return {}

    def step_env(self, key: jax.Array, state: Any, action: int | float | jax.Array, params: Any) -> Step:
        """Take one step without resetting."""

        def step(key: jax.Array, state: Any) -> Step:
            obs, state, reward, terminated, info = self.env.step_env(key, state, action, params)
            return obs, state, jnp.asarray(reward, jnp.float32), terminated, info

        def again(carry: tuple[Step, jax.Array], key: jax.Array) -> tuple[tuple[Step, jax.Array], None]:
            before, over = carry
            obs, state, reward, terminated, info = step(key, before[1])
            new = (obs, state, before[2] + reward, terminated, info)
            taken = jax.tree.map(lambda old, new: jnp.where(over, old, new), before, new)
            return (taken, taken[3] | self.env.is_truncated(taken[1], params)), None

        # What step gives is filled by the first repetition: a step of its own before the loop would be compiled twice.
        obs, _, *rest = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(step, key, state))
        taken = (obs, jax.tree.map(jnp.asarray, state), *rest)
        (taken, _), _ = jax.lax.scan(again, (taken, jnp.array(False)), jax.random.split(key, self.times))
        return taken
