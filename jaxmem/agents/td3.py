"""TD3 with memory, on parts of episodes or on whole ones."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxmem.agents.base import Decision
from jaxmem.agents.continuous import CRITICS, Choice, ContinuousActorCritic, ContinuousOptions
from jaxmem.config import choice, number
from jaxmem.networks import Inputs, NetworkParts


@dataclass(frozen=True)
class TD3Options(ContinuousOptions):
    """TD3; the defaults are those of the code of Ni et al. 2023 (arXiv:2307.03864, branch pybullet_jax).

    It moves the policy in every update, where TD3's paper does in every other one (`policy_delay`), and raises the
    lower critic's value where TD3's paper raises the first one's. One trunk serves policy and critics, and only the
    critics teach it (`freeze`). Targets are copies of everything.
    """

    name: str = choice("td3", ["td3"])
    """the algorithm"""
    act_noise: float = number(0.1, 0)
    """spread of the noise on actions while exploring; actions go from -1 to 1"""
    target_noise: float = number(0.2, 0)
    """spread of the noise on the target policy's actions"""
    target_noise_clip: float = number(0.5, 0)
    """bound of that noise"""

    def make(self, parts: NetworkParts, example: Inputs, horizon: int) -> "TD3":
        """See `AgentOptions.make`."""
        return TD3(self, self.network(parts, horizon, parts.num_actions, None), example, horizon)


@dataclass(frozen=True, eq=False)
class TD3(ContinuousActorCritic):
    """Fujimoto et al. 2018 (arXiv:1802.09477), with memory; the loss is `ContinuousActorCritic`'s."""

    options: TD3Options

    @property
    def targets(self) -> tuple[str, ...]:
        """See `ContinuousActorCritic.targets`."""
        return ("trunk", "actor", *CRITICS, *(() if self.options.shared else ("critic_trunk",)))

    def explore(self, said: jax.Array, key: jax.Array) -> Decision:
        """See `ContinuousActorCritic.explore`."""
        noise = self.options.act_noise * jax.random.normal(key, said.shape)
        return Decision(jnp.clip(self.best(said) + noise, -1, 1), jnp.zeros(said.shape[:-1]))

    def best(self, said: jax.Array) -> jax.Array:
        """See `ContinuousActorCritic.best`."""
        return jnp.tanh(said)

    def learned(self, said: jax.Array, key: jax.Array) -> Choice:
        """See `ContinuousActorCritic.learned`."""
        del key
        return Choice(self.best(said), jnp.zeros(said.shape[:-1]))

    def followed(self, online: jax.Array, target: jax.Array, key: jax.Array) -> Choice:
        """See `ContinuousActorCritic.followed`: the target policy's action, with clipped noise (eq. 14)."""
        del online
        options = self.options
        noise = options.target_noise * jax.random.normal(key, target.shape)
        noise = jnp.clip(noise, -options.target_noise_clip, options.target_noise_clip)
        return Choice(jnp.clip(self.best(target) + noise, -1, 1), jnp.zeros(target.shape[:-1]))
