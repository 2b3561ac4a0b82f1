"""The batch type that travels from collection through the replay into an update."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

NO_ACTION = -1
"""Stands for the action before an episode's first one, where actions are integers."""


def no_action(shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """What stands for actions that were not taken: `NO_ACTION` where actions are integers, else zeros."""
    return jnp.full(shape, NO_ACTION if jnp.issubdtype(dtype, jnp.integer) else 0, dtype)


@struct.dataclass
class Before:
    """What came before the first of an episode's steps that are there.

    Attributes:
        action: [B, ...]; what `no_action` gives where that is the episode's first step.
        reward: float32 [B], 0 there.
    """

    action: jax.Array
    reward: jax.Array


@struct.dataclass
class Episodes:
    """A batch of B whole episodes, time-major, padded to T steps; or of parts of episodes (`before`).

    Attributes:
        obs: [T+1, B, ...] in the environment's dtype; `obs[t]` is what `action[t]` was chosen on, and the
            observation after the last action is kept. Padding repeats the last observation.
        action: int32 [T, B], or float32 [T, B, A] of continuous actions in [-1, 1].
        log_prob: [T, B] float32, logarithm of the probability with which the action was chosen.
        deviated: [T, B] bool, whether a deviation chose the action, and not the agent.
        reward: [T, B] float32, 0 in the padding.
        length: [B] int32, number of actions taken.
        terminated: [B] bool; False where a time limit ended the episode, whose value then goes on.
        paid: [T, B] float32, what the environment paid and memory sees, where `reward` was made of it for the learner;
            None where it is `reward`.
        before: what came before the first step of parts of episodes; None where all begin at the beginning. A part
            that ends before its episode has not `terminated`.
    """

    obs: jax.Array
    action: jax.Array
    log_prob: jax.Array
    deviated: jax.Array
    reward: jax.Array
    length: jax.Array
    terminated: jax.Array
    paid: jax.Array | None = None
    before: Before | None = None

    @property
    def mask(self) -> jax.Array:
        """Bool [T, B]: the steps that were taken."""
        return jnp.arange(self.reward.shape[0])[:, None] < self.length

    @property
    def continues(self) -> jax.Array:
        """Bool [T, B]: the steps after which another one was taken."""
        return jnp.arange(1, self.reward.shape[0] + 1)[:, None] < self.length

    def discounts(self, discount: float) -> jax.Array:
        """Float32 [T, B]: `discount`, but 0 on the step that terminated the episode and in the padding."""
        bootstraps = self.continues | (self.mask & ~self.terminated)
        return discount * bootstraps.astype(jnp.float32)

    @property
    def returns(self) -> jax.Array:
        """Float32 [B]: undiscounted sum of rewards."""
        return jnp.sum(self.reward, axis=0)
