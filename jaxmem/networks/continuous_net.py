"""A policy over continuous actions and two critics with memory."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.networks.inputs import Inputs
from jaxmem.networks.memory_net import PolicyNet, Trunk, over_rows, with_action


class ContinuousFeatures(NamedTuple):
    """What `ContinuousNet.unroll` gives, [T, B, D] each; the same array twice where there is one trunk.

    Attributes:
        policy: what the policy reads.
        critic: what the critics read.
    """

    policy: jax.Array
    critic: jax.Array


class ContinuousNet(PolicyNet):
    """A policy head and twin critic heads on one trunk, or on two: one for the policy and one for both critics.

    Attributes:
        trunk: sees and remembers for the policy, and for the critics if they have no trunk of their own.
        actor: policy head; what its outputs mean is the agent's choice.
        critic_0: first critic's head, which gives one number for features and an action.
        critic_1: second critic's head.
        num_actions: how many numbers an action has.
        critic_trunk: the critics' own trunk, or None.
        log_temperature: first value of a learned parameter of that name; None for no such parameter.
    """

    critic_0: nn.Module
    critic_1: nn.Module
    num_actions: int
    critic_trunk: Trunk | None = None
    log_temperature: float | None = None

    def setup(self) -> None:
        """Make the temperature."""
        if self.log_temperature is not None:
            self.log_alpha = self.param("log_temperature", nn.initializers.constant(self.log_temperature), ())

    def unroll(
        self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True
    ) -> tuple[Any, ContinuousFeatures]:
        """T steps of B rows from the policy's memory `state`; None is the first one, where the critics always begin."""
        state, policy = self.trunk.unroll(state, inputs, start, deterministic)
        critic = policy if self.critic_trunk is None else self.critic_features(inputs, start, deterministic)
        if self.is_initializing():
            self.policy(policy)
            self.q(critic, jnp.zeros((*start.shape, self.num_actions)))
        return state, ContinuousFeatures(policy, critic)

    def critic_features(self, inputs: Inputs, start: jax.Array, deterministic: bool = True) -> jax.Array:
        """What the critics' own trunk makes of T steps of B rows: [T, B, D]."""
        assert self.critic_trunk is not None
        return self.critic_trunk.unroll(None, inputs, start, deterministic)[1]

    def policy(self, features: jax.Array) -> jax.Array:
        """The policy's outputs on features [T, B, D]: float32 [T, B, outputs]."""
        return over_rows(self.actor, features)

    def q(self, features: jax.Array, action: jax.Array) -> jax.Array:
        """Both critics' values of actions [T, B, A] on features [T, B, D]: float32 [2, T, B]."""
        x = with_action(features, action, self.num_actions)
        return jnp.stack([over_rows(head, x)[..., 0] for head in (self.critic_0, self.critic_1)])
