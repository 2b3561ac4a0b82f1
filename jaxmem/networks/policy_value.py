"""A policy and a state value with memory."""

from typing import Any, NamedTuple

import jax
from flax import linen as nn

from jaxmem.networks.inputs import Inputs
from jaxmem.networks.memory_net import PolicyNet, over_rows


class PolicyValueOutputs(NamedTuple):
    """What `PolicyValue.unroll` gives.

    Attributes:
        logits: float32 [T, B, A], of the policy.
        value: float32 [T, B].
    """

    logits: jax.Array
    value: jax.Array


class PolicyValue(PolicyNet):
    """A policy head and a value head on one trunk."""

    critic: nn.Module

    def unroll(
        self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True
    ) -> tuple[Any, PolicyValueOutputs]:
        """T steps of B rows: inputs [T, B, ...], start [T, B] -> (state, outputs); None is the first state."""
        state, y = self.trunk.unroll(state, inputs, start, deterministic)
        return state, PolicyValueOutputs(over_rows(self.actor, y), over_rows(self.critic, y)[..., 0])
