"""RUDDER: rewards become differences of a return that is predicted from ever more of the episode."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.losses import masked_mean, return_differences
from jaxmem.networks import Trunk, episode_inputs, over_rows, with_action
from jaxmem.redistribution.base import Redistribution
from jaxmem.replay import Episodes

# Of the predictions before the last one, beside it; the authors' tutorial in PyTorch has the same.
_EARLY_WEIGHT = 0.5


class ReturnModel(nn.Module):
    """Predicts an episode's return from each of its beginnings: what was seen up to a step, and what was done there."""

    trunk: Trunk
    head: nn.Module
    num_actions: int

    def __call__(self, episodes: Episodes) -> jax.Array:
        """Predictions, float32 [T, B]."""
        inputs, start = jax.tree.map(lambda leaf: leaf[:-1], episode_inputs(episodes))
        _, features = self.trunk.unroll(None, inputs, start)
        return over_rows(self.head, with_action(features, episodes.action, self.num_actions))[..., 0]


@dataclass(frozen=True, eq=False)
class Rudder(Redistribution):
    """Arjona-Medina et al. 2019 (arXiv:1806.07857), their return decomposition by differences.

    Loss: mean over the episodes of the squared error of the last prediction, and half the mean over the steps of that
    of all predictions. The latter makes an early prediction the expected return, given the beginning, so that a
    difference is how much a step changed it. Their LSTM and lessons buffer are not here: the model has the run's kind
    of core and learns from episodes drawn alike. Their rewards, too, are redistributed the more, the better the model
    predicts; here that is measured on each batch as a whole (`by_quality`).

    The sum of an episode's rewards stays the same; a discounted return does not, as rewards come earlier.
    """

    def error(self, said: Any, episodes: Episodes) -> jax.Array:
        """See `Redistribution.error`."""
        error = jnp.square(said - episodes.returns)
        is_last = episodes.mask & ~episodes.continues
        return masked_mean(error, is_last) + _EARLY_WEIGHT * masked_mean(error, episodes.mask)

    def rewards(self, said: Any, episodes: Episodes) -> jax.Array:
        """See `Redistribution.rewards`."""
        moved = jax.vmap(return_differences, in_axes=1, out_axes=1)(said, episodes.reward, episodes.mask)
        share = self.options.share
        if self.options.by_quality:
            share = share * self.quality(said, episodes)
        return share * moved + (1 - share) * episodes.reward

    def quality(self, said: jax.Array, episodes: Episodes) -> jax.Array:
        """Share of the variance of a batch's returns that the last predictions explain: float scalar from 0 to 1."""
        is_last = episodes.mask & ~episodes.continues
        missed = masked_mean(jnp.square(said - episodes.returns), is_last)
        variance = jnp.var(episodes.returns)
        return jnp.where(missed < variance, 1 - missed / jnp.where(variance > 0, variance, 1), 0)
