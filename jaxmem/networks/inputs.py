"""What a network sees at each step, and how it follows from recorded episodes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmem.replay import Episodes

NO_ACTION = -1


class Inputs(NamedTuple):
    """One step's inputs, with leading axes [B] when acting and [T, B] when learning.

    `prev_action` is `NO_ACTION` and `prev_reward` 0 at an episode's first step.
    """

    obs: jax.Array
    prev_action: jax.Array  # [..., B] int32
    prev_reward: jax.Array  # [..., B] float32


def first_inputs(obs: jax.Array) -> Inputs:
    """Inputs at the first step of B episodes; `obs` is [B, ...]."""
    batch = obs.shape[0]
    return Inputs(obs, jnp.full((batch,), NO_ACTION, jnp.int32), jnp.zeros((batch,), jnp.float32))


def episode_inputs(episodes: Episodes) -> tuple[Inputs, jax.Array]:
    """Inputs [T+1, B] of whole episodes, the observation after the last action included, and `start` [T+1, B]."""
    batch = episodes.length.shape[0]
    none = jnp.full((1, batch), NO_ACTION, jnp.int32)
    prev_action = jnp.concatenate([none, episodes.action.astype(jnp.int32)])
    reward = episodes.reward if episodes.paid is None else episodes.paid
    prev_reward = jnp.concatenate([jnp.zeros((1, batch), jnp.float32), reward])
    start = jnp.zeros(prev_action.shape, bool).at[0].set(True)
    return Inputs(episodes.obs, prev_action, prev_reward), start


def scaled(obs: jax.Array) -> jax.Array:
    """Observations as float32, bytes from 0 to 1."""
    return obs.astype(jnp.float32) * (1 / 255 if obs.dtype == jnp.uint8 else 1)
