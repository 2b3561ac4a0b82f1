"""Sticky actions: now and then the last action is taken once more, whatever the agent wants."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import spaces

from jaxmem.config import number
from jaxmem.envs.wrapper_base import CertainWrapper, Step


@struct.dataclass
class StickyState:
    """The state inside, and the action that was taken last.

    Attributes:
        inner: state of the environment inside.
        action: int32, or float32 [A]; zeros at first.
    """

    inner: Any
    action: jax.Array

    @property
    def time(self) -> Any:
        """Steps taken, where the environment inside has `time`."""
        return self.inner.time


@dataclasses.dataclass(frozen=True)
class Sticky(CertainWrapper):
    """With some probability takes the last action again, in each step anew (Machado et al. 2018, arXiv:1709.06009).

    Without it, games that begin in a few ways can be played from memory, without looking. Before the first action of an
    episode comes action 0.

    Attributes:
        env: the environment inside.
        probability: from 0 to 1.

    Raises:
        ConfigError: no such probability.
    """

    probability: float = number(low=0, high=1)

    def inner(self, state: StickyState) -> Any:
        """The state of the environment inside."""
        return state.inner

    def begin(self, obs: Any, state: Any) -> tuple[Any, StickyState]:
        """What is seen first, and the state."""
        space = self.action_space()
        discrete = isinstance(space, spaces.Discrete)
        return obs, StickyState(state, jnp.zeros((), jnp.int32) if discrete else jnp.zeros(space.shape))

    def step_env(self, key: jax.Array, state: StickyState, action: int | float | jax.Array, params: Any) -> Step:
        """Take one step without resetting."""
        key, stick_key = jax.random.split(key)
        sticks = jax.random.bernoulli(stick_key, float(self.probability))
        taken = jnp.where(sticks, state.action, jnp.asarray(action, state.action.dtype))
        obs, inner, reward, terminated, info = self.env.step_env(key, state.inner, taken, params)
        return obs, StickyState(inner, taken), reward, terminated, info
