"""A policy and a state value with memory."""

from typing import Any, NamedTuple

import jax
from flax import linen as nn

from jaxmem.networks.inputs import Inputs
from jaxmem.networks.memory_net import PolicyNet, Trunk, over_rows


class PolicyValueOutputs(NamedTuple):
    """What `PolicyValue.unroll` gives.

    Attributes:
        logits: float32 [T, B, A], of the policy.
        value: float32 [T, B]; [T, B, K] where the head gives K values, of several kinds of reward.
    """

    logits: jax.Array
    value: jax.Array


class PolicyValue(PolicyNet):
    """A policy head and a value head on one trunk, or on two.

    Attributes:
        trunk: sees and remembers for the policy, and for the value if it has no trunk of its own.
        actor: policy head.
        critic: value head, of one value or of several.
        critic_trunk: the value's own trunk, or None. The memory is then that of both: (policy's, value's).
    """

    critic: nn.Module
    critic_trunk: Trunk | None = None

    def initial_state(self, batch_size: int) -> Any:
        """See `PolicyNet.initial_state`."""
        state = self.trunk.initial_state(batch_size)
        return state if self.critic_trunk is None else (state, self.critic_trunk.initial_state(batch_size))

    def step(self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """See `PolicyNet.step`; the value's memory goes on as well, for unrolls that begin where others end."""
        if self.critic_trunk is None:
            return super().step(state, inputs, start, deterministic)
        policy, logits = super().step(state[0], inputs, start, deterministic)
        return (policy, self.critic_trunk.step(state[1], inputs, start, deterministic)[0]), logits

    def unroll(
        self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True
    ) -> tuple[Any, PolicyValueOutputs]:
        """T steps of B rows: inputs [T, B, ...], start [T, B] -> (state, outputs); None is the first state."""
        policy, value = (state, None) if self.critic_trunk is None else state or (None, None)
        policy, y = self.trunk.unroll(policy, inputs, start, deterministic)
        logits = over_rows(self.actor, y)
        if self.critic_trunk is not None:
            value, y = self.critic_trunk.unroll(value, inputs, start, deterministic)
            policy = policy, value
        values = over_rows(self.critic, y)
        return policy, PolicyValueOutputs(logits, values[..., 0] if values.shape[-1] == 1 else values)
