"""Synthetic returns: what a step contributes to later rewards is paid when it happens."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.losses import masked_mean, synthetic_rewards
from jaxmem.networks import Embedding, embedded, episode_inputs, over_rows, with_action
from jaxmem.redistribution.base import Redistribution
from jaxmem.replay import Episodes


class Contributions(NamedTuple):
    """What `ContributionModel` says of each step, float32 [T, B].

    Attributes:
        contribution: to all later rewards.
        gate: from 0 to 1, how far its own reward depends on earlier steps.
        baseline: its own reward without them.
    """

    contribution: jax.Array
    gate: jax.Array
    baseline: jax.Array


class ContributionModel(nn.Module):
    """Judges each step by what is seen and done in it, without memory: else the baseline could explain everything."""

    embedding: Embedding
    contribution: nn.Module
    gate: nn.Module
    baseline: nn.Module
    num_actions: int

    def __call__(self, episodes: Episodes) -> Contributions:
        """See `Contributions`."""
        inputs, _ = jax.tree.map(lambda leaf: leaf[:-1], episode_inputs(episodes))
        step = with_action(embedded(self.embedding, inputs), episodes.action, self.num_actions)
        contribution, gate, baseline = (
            over_rows(head, step)[..., 0] for head in (self.contribution, self.gate, self.baseline)
        )
        return Contributions(contribution, jax.nn.sigmoid(gate), baseline)


@dataclass(frozen=True, eq=False)
class SyntheticReturns(Redistribution):
    """Raposo et al. 2021 (arXiv:2102.12425), their state-associative learning.

    Loss: mean over the steps of the squared error of `losses.synthetic_rewards`. The learner's reward is
    `alpha` * contribution + `beta` * what was paid. Theirs judges states; here the action is part of a step, so that it
    is told apart in the step in which it is taken.
    """

    def error(self, said: Any, episodes: Episodes) -> jax.Array:
        """See `Redistribution.error`."""
        explained = jax.vmap(synthetic_rewards, in_axes=1, out_axes=1)(*said)
        return masked_mean(jnp.square(explained - episodes.reward), episodes.mask)

    def rewards(self, said: Any, episodes: Episodes) -> jax.Array:
        """See `Redistribution.rewards`."""
        contribution = jnp.where(episodes.mask, said.contribution, 0)
        return self.options.alpha * contribution + self.options.beta * episodes.reward
