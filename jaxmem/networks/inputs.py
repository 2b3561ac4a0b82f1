"""What a network sees at each step, and how it follows from recorded episodes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmem.replay import Episodes, no_action


class Actions(NamedTuple):
    """What actions a task has.

    Attributes:
        size: how many there are; of continuous ones, how many numbers one has.
        continuous: whether they are vectors of numbers in [-1, 1], float32 [size]; else they are int32 below `size`.
    """

    size: int
    continuous: bool = False

    def none(self, rows: int) -> jax.Array:
        """What stands for the actions before the first ones: [B] or [B, size]."""
        return no_action((rows, self.size), jnp.float32) if self.continuous else no_action((rows,), jnp.int32)


DISCRETE = Actions(0)
"""Integers, where it does not matter how many."""


class Inputs(NamedTuple):
    """One step's inputs, with leading axes [B] when acting and [T, B] when learning.

    At an episode's first step `prev_action` is what `no_action` gives, -1 or zeros, and `prev_reward` 0.
    """

    obs: jax.Array
    prev_action: jax.Array  # [..., B] int32, or [..., B, A] float32
    prev_reward: jax.Array  # [..., B] float32


def first_inputs(obs: jax.Array, actions: Actions = DISCRETE) -> Inputs:
    """Inputs at the first step of B episodes; `obs` is [B, ...]."""
    batch = obs.shape[0]
    return Inputs(obs, actions.none(batch), jnp.zeros((batch,), jnp.float32))


def episode_inputs(episodes: Episodes) -> tuple[Inputs, jax.Array]:
    """Inputs [T+1, B] of episodes, the observation after the last action included, and `start` [T+1, B].

    Parts of episodes start too: what they remember is what the part shows, and what came right before it.
    """
    action = episodes.action
    reward = episodes.reward if episodes.paid is None else episodes.paid
    if episodes.before is None:
        first_action, first_reward = no_action(action.shape[1:], action.dtype), jnp.zeros_like(reward[0])
    else:
        first_action, first_reward = episodes.before.action, episodes.before.reward
    prev_action = jnp.concatenate([first_action[None], action])
    prev_reward = jnp.concatenate([first_reward[None], reward])
    start = jnp.zeros(prev_reward.shape, bool).at[0].set(True)
    return Inputs(episodes.obs, prev_action, prev_reward), start


def actions_before(action: jax.Array) -> jax.Array:
    """The action before each of `action` [T, B, ...]; before the first one there is none: see `no_action`."""
    return jnp.concatenate([no_action(action.shape[1:], action.dtype)[None], action[:-1]])


def action_numbers(action: jax.Array, size: int) -> jax.Array:
    """Actions as numbers: integers [...] one-hot, vectors as they are; float32 [..., size]."""
    return action if jnp.issubdtype(action.dtype, jnp.floating) else jax.nn.one_hot(action, size)


def scaled(obs: jax.Array) -> jax.Array:
    """Observations as float32, bytes from 0 to 1."""
    return obs.astype(jnp.float32) * (1 / 255 if obs.dtype == jnp.uint8 else 1)
