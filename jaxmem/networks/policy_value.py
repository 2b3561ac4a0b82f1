"""A policy and a state value with memory."""

from typing import Any, NamedTuple

import jax
from flax import linen as nn

from jaxmem.networks.inputs import Inputs
from jaxmem.networks.memory_net import Trunk, over_rows


class PolicyValueOutputs(NamedTuple):
    """What `PolicyValue.unroll` gives.

    Attributes:
        logits: float32 [T, B, A], of the policy.
        value: float32 [T, B].
    """

    logits: jax.Array
    value: jax.Array


class PolicyValue(nn.Module):
    """A policy head and a value head on one trunk."""

    trunk: Trunk
    actor: nn.Module
    critic: nn.Module

    def initial_state(self, batch_size: int) -> Any:
        """The memory before anything was seen; needs no parameters."""
        return self.trunk.initial_state(batch_size)

    def step(self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """One step of B rows of the policy: inputs [B, ...], start [B] -> (state, logits [B, A])."""
        state, y = self.trunk.step(state, inputs, start, deterministic)
        apply: Any = self.actor
        return state, apply(y)

    def unroll(
        self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True
    ) -> tuple[Any, PolicyValueOutputs]:
        """T steps of B rows: inputs [T, B, ...], start [T, B] -> (state, outputs); None is the first state."""
        state, y = self.trunk.unroll(state, inputs, start, deterministic)
        return state, PolicyValueOutputs(over_rows(self.actor, y), over_rows(self.critic, y)[..., 0])
