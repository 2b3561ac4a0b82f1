"""A policy and two critics with memory."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.networks.inputs import Inputs
from jaxmem.networks.memory_net import PolicyNet, Trunk, over_rows


class ActorCriticOutputs(NamedTuple):
    """What `ActorCritic.unroll` gives, with leading axes [T, B].

    Attributes:
        logits: float32 [T, B, A], of the policy.
        q: float32 [2, T, B, A], of the critics.
        features: [T, B, D], what the critics read.
    """

    logits: jax.Array
    q: jax.Array
    features: jax.Array


class ActorCritic(PolicyNet):
    """A policy head and twin critic heads on one trunk, or on two: one for the policy and one for both critics.

    Attributes:
        trunk: sees and remembers for the policy, and for the critics if they have no trunk of their own.
        actor: policy head.
        critic_0: first critic's head.
        critic_1: second critic's head.
        critic_trunk: the critics' own trunk, or None.
        log_temperature: first value of a learned parameter of that name; None for no such parameter.
    """

    critic_0: nn.Module
    critic_1: nn.Module
    critic_trunk: Trunk | None = None
    log_temperature: float | None = None

    def setup(self) -> None:
        """Make the temperature."""
        if self.log_temperature is not None:
            self.log_alpha = self.param("log_temperature", nn.initializers.constant(self.log_temperature), ())

    def unroll(
        self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True
    ) -> tuple[Any, ActorCriticOutputs]:
        """T steps of B rows from the policy's memory `state`; None is the first one, where the critics always begin."""
        state, y = self.trunk.unroll(state, inputs, start, deterministic)
        features = y if self.critic_trunk is None else self.critic_features(inputs, start, deterministic)
        return state, ActorCriticOutputs(over_rows(self.actor, y), self.q(features), features)

    def critic_features(self, inputs: Inputs, start: jax.Array, deterministic: bool = True) -> jax.Array:
        """What the critics' own trunk makes of T steps of B rows: [T, B, D]."""
        assert self.critic_trunk is not None
        return self.critic_trunk.unroll(None, inputs, start, deterministic)[1]

    def q(self, features: jax.Array) -> jax.Array:
        """Both critics' action values on features [T, B, D]: float32 [2, T, B, A]."""
        return jnp.stack([over_rows(self.critic_0, features), over_rows(self.critic_1, features)])
