"""Soft actor-critic for continuous actions, with memory, on parts of episodes or on whole ones."""

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import optax

from jaxmem.agents.base import Decision, Metrics, Params
from jaxmem.agents.continuous import CRITICS, Choice, ContinuousActorCritic, ContinuousOptions
from jaxmem.config import choice, flag, number
from jaxmem.losses import masked_mean, squashed_normal, temperature_loss
from jaxmem.networks import Inputs, NetworkParts

_LOG_STD = (-5.0, 2.0)


@dataclass(frozen=True)
class SACOptions(ContinuousOptions):
    """SAC; what it shares with TD3 has the same defaults.

    The logarithm of the spread is squashed into [-5, 2], where the code of Ni et al. clips it to [-20, 2].
    """

    name: str = choice("sac", ["sac"])
    """the algorithm"""
    temperature: float = number(0.1, above=0)
    """weight of the policy's entropy; the first value if it is learned"""
    learn_temperature: bool = flag(True)
    """adapt the temperature to a target entropy"""
    target_entropy: float = number(-1.0)
    """entropy that is wanted, in nats for each number of an action; that of a uniform one is 0.69"""
    temperature_learning_rate: float = number(3e-4, above=0)
    """Adam's step size for the temperature"""

    def make(self, parts: NetworkParts, example: Inputs, horizon: int) -> "SAC":
        """See `AgentOptions.make`."""
        first = math.log(self.temperature) if self.learn_temperature else None
        return SAC(self, self.network(parts, horizon, 2 * parts.num_actions, first), example, horizon)


@dataclass(frozen=True, eq=False)
class SAC(ContinuousActorCritic):
    """Haarnoja et al. 2018 (arXiv:1812.05905), with memory; the loss is `ContinuousActorCritic`'s.

    The policy is a squashed Gaussian. Returns go on with the online policy's actions; targets are the critics and what
    they read. With a learned temperature `losses.temperature_loss` is added.
    """

    options: SACOptions

    own_metrics: ClassVar[tuple[str, ...]] = (*ContinuousActorCritic.shared_metrics, "entropy", "temperature")

    @property
    def targets(self) -> tuple[str, ...]:
        """See `ContinuousActorCritic.targets`."""
        return ("trunk" if self.options.shared else "critic_trunk", *CRITICS)

    def own_optimizers(self) -> dict[str, optax.GradientTransformation]:
        """See `ContinuousActorCritic.own_optimizers`."""
        if not self.options.learn_temperature:
            return {}
        return {"log_temperature": optax.adam(self.options.temperature_learning_rate)}

    def temperature(self, params: Params) -> jax.Array:
        """See `ContinuousActorCritic.temperature`."""
        if not self.options.learn_temperature:
            return jnp.float32(self.options.temperature)
        return jnp.exp(params["params"]["log_temperature"])

    def explore(self, said: jax.Array, key: jax.Array) -> Decision:
        """See `ContinuousActorCritic.explore`."""
        return Decision(*_drawn(said, key))

    def best(self, said: jax.Array) -> jax.Array:
        """See `ContinuousActorCritic.best`: the squashed mean."""
        return jnp.tanh(_mean_and_log_std(said)[0])

    def learned(self, said: jax.Array, key: jax.Array) -> Choice:
        """See `ContinuousActorCritic.learned`."""
        return Choice(*_drawn(said, key))

    def followed(self, online: jax.Array, target: jax.Array, key: jax.Array) -> Choice:
        """See `ContinuousActorCritic.followed`: the policy's own action, as there is no target policy."""
        del target
        return self.learned(online, key)

    def own_loss(self, params: Params, policy: Choice, mask: jax.Array) -> tuple[jax.Array | float, Metrics]:
        """See `ContinuousActorCritic.own_loss`: the temperature's loss."""
        entropy = -masked_mean(policy.log_prob, mask)
        metrics = {"entropy": entropy, "temperature": jax.lax.stop_gradient(self.temperature(params))}
        if not self.options.learn_temperature:
            return 0.0, metrics
        wanted = self.options.target_entropy * policy.action.shape[-1]
        return temperature_loss(params["params"]["log_temperature"], entropy, wanted), metrics


def _mean_and_log_std(said: jax.Array) -> tuple[jax.Array, jax.Array]:
    mean, spread = jnp.split(said, 2, axis=-1)
    low, high = _LOG_STD
    # Bounded by a tanh, which lets gradients through at the bounds' other side.
    return mean, low + (high - low) * (jnp.tanh(spread) + 1) / 2


def _drawn(said: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    return squashed_normal(*_mean_and_log_std(said), key)
