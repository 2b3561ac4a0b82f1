"""The batch of agents that learn from their own latest steps."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from jaxmem.networks.inputs import Inputs, episode_inputs
from jaxmem.replay import Episodes


@struct.dataclass
class Unroll:
    """T consecutive steps of B rows, time-major, with what comes after the last one; episodes may end and begin inside.

    Where a time limit cuts an episode off, and at every end in environments that play rows, one step shows its last
    observation: nothing is done there (`mask` is False), but its value is what the step before goes on to, unless that
    terminated. The next step begins the next episode.

    Attributes:
        memory: the agent's memory of B rows before the first step; None where every row begins an episode.
        inputs: what was seen, [T+1, B, ...].
        start: bool [T+1, B], the steps that begin an episode.
        action: int32 [T, B], or float32 [T, B, A].
        log_prob: float32 [T, B], logarithm of the probability with which the action was chosen.
        deviated: bool [T, B], whether a deviation chose it, and not the agent.
        reward: float32 [T, B], 0 where `mask` is False.
        terminated: bool [T, B], the steps that ended an episode for good.
        mask: bool [T, B], the steps in which something was done.
    """

    memory: Any
    inputs: Inputs
    start: jax.Array
    action: jax.Array
    log_prob: jax.Array
    deviated: jax.Array
    reward: jax.Array
    terminated: jax.Array
    mask: jax.Array

    @staticmethod
    def of(episodes: Episodes) -> "Unroll":
        """Whole episodes, as the steps of rows that wait after their end."""
        inputs, start = episode_inputs(episodes)
        return Unroll(
            memory=None,
            inputs=inputs,
            start=start,
            action=episodes.action,
            log_prob=episodes.log_prob,
            deviated=episodes.deviated,
            reward=episodes.reward,
            terminated=episodes.mask & ~episodes.continues & episodes.terminated,
            mask=episodes.mask,
        )

    def rows(self, index: jax.Array) -> "Unroll":
        """The same steps of some rows, int32 [N]."""
        steps = jax.tree.map(lambda leaf: leaf[:, index], replace(self, memory=None))
        return replace(steps, memory=jax.tree.map(lambda leaf: leaf[index], self.memory))

    def discounts(self, discount: float) -> jax.Array:
        """Float32 [T, B]: `discount`, but 0 on the steps that ended an episode for good and where nothing was done."""
        return discount * (self.mask & ~self.terminated).astype(jnp.float32)
