"""Predictions that a trunk learns from besides what its agent needs: the next observation, and the reward."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import Config, number
from jaxmem.networks.inputs import scaled
from jaxmem.networks.memory_net import over_rows, with_action

_ERROR = "{}_error"


@dataclass(frozen=True)
class AuxiliaryOptions(Config):
    """What the features of a trunk, and the action that was taken on them, are to predict; weights in the loss.

    Auxiliary tasks shape a representation where rewards are too rare to do it (Jaderberg et al. 2016,
    arXiv:1611.05397). Theirs classify the reward's sign from frames drawn anew; here both are regressions on the steps
    that the agent learns from, and the memory itself has to know what comes.
    """

    path: ClassVar[str] = "auxiliary"

    next_obs: float = number(0.0, 0)
    """weight of the squared error of the next observation, averaged over its numbers; bytes count as 0 to 1"""
    reward: float = number(0.0, 0)
    """weight of the squared error of the reward that follows, as the environment pays it"""

    @property
    def weights(self) -> dict[str, float]:
        """Those above 0, by the name under which the error is reported."""
        weights = {"next_obs": self.next_obs, "reward": self.reward}
        return {_ERROR.format(name): weight for name, weight in weights.items() if weight > 0}


class Predictor(nn.Module):
    """A head that predicts what follows.

    Attributes:
        head: read-out with `sizes(...)` outputs in all.
        options: what is predicted.
        num_actions: how many actions there are, or how many numbers one has.
    """

    head: nn.Module
    options: AuxiliaryOptions
    num_actions: int

    @staticmethod
    def outputs(options: AuxiliaryOptions, obs_size: int) -> int:
        """How many numbers are predicted, for observations of `obs_size` numbers."""
        return obs_size * (options.next_obs > 0) + (options.reward > 0)

    def __call__(
        self, features: jax.Array, action: jax.Array, next_obs: jax.Array, reward: jax.Array
    ) -> dict[str, jax.Array]:
        """Squared errors, float32 [T, B] each, under the names of `AuxiliaryOptions.weights`.

        Args:
            features: [T, B, D], of the steps.
            action: [T, B, ...], taken there.
            next_obs: [T, B, ...], seen afterwards.
            reward: float32 [T, B], that followed.
        """
        x = with_action(features, action, self.num_actions)
        targets = {}
        if self.options.next_obs > 0:
            targets["next_obs"] = scaled(next_obs).reshape(*reward.shape, -1)
        if self.options.reward > 0:
            targets["reward"] = reward[..., None]
        said, errors, begin = over_rows(self.head, x), {}, 0
        for name, target in targets.items():
            end = begin + target.shape[-1]
            errors[_ERROR.format(name)] = jnp.mean(jnp.square(said[..., begin:end] - target), axis=-1)
            begin = end
        return errors
