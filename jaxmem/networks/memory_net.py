"""Embedding and memory core, and the network with one head on top."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores import Core
from jaxmem.networks.embed import Embedding
from jaxmem.networks.inputs import Inputs, action_numbers

FEATURES = "features"
"""Flax's collection in which a trunk with a predictor leaves its features, where that is mutable."""


class Trunk(nn.Module):
    """`core(embedding(inputs))`: the part of a network that sees and remembers.

    The three methods are the core's, on `Inputs` instead of vectors; features are [..., D].

    Attributes:
        embedding: sees.
        core: remembers.
        skip: whether features are the core's output and the embedding beside it, or the core's output alone.
        predictor: a `Predictor`, which agents call on the features of `unroll`; None where nothing is predicted.
    """

    embedding: Embedding
    core: Core
    skip: bool = False
    predictor: nn.Module | None = None

    def initial_state(self, batch_size: int) -> Any:
        """The core's state before anything was seen; needs no parameters."""
        return self.core.initial_state(batch_size)

    def step(self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """One step of B rows: inputs [B, ...], start [B] -> (state, features [B, D])."""
        x = self.embedding(inputs)
        state, y = self.core.step(state, x, start, deterministic)
        return state, self._features(x, y)

    def unroll(self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """T steps of B rows: inputs [T, B, ...], start [T, B] -> (state, [T, B, D]); None is the first state."""
        x = embedded(self.embedding, inputs)
        state, y = self.core.unroll(state, x, start, deterministic)
        features = self._features(x, y)
        if self.predictor is not None:
            if self.is_initializing():
                self._initialize_predictor(features, inputs)
            self.sow(FEATURES, "features", features)
        return state, features

    def _features(self, x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.concatenate([x, y], axis=-1) if self.skip else y

    def _initialize_predictor(self, features: jax.Array, inputs: Inputs) -> None:
        predict: Any = self.predictor
        predict(features, inputs.prev_action, inputs.obs, inputs.prev_reward)


class MemoryNet(nn.Module):
    """`head(trunk(inputs))`, stepped when acting and unrolled when learning: outputs are float32 [..., outputs]."""

    trunk: Trunk
    head: nn.Module

    def initial_state(self, batch_size: int) -> Any:
        """The memory before anything was seen; needs no parameters."""
        return self.trunk.initial_state(batch_size)

    def step(self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """One step of B rows: inputs [B, ...], start [B] -> (state, [B, outputs])."""
        state, y = self.trunk.step(state, inputs, start, deterministic)
        return state, self.head(y)

    def unroll(self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """T steps of B rows: inputs [T, B, ...], start [T, B] -> (state, [T, B, outputs]); None is the first state."""
        state, y = self.trunk.unroll(state, inputs, start, deterministic)
        return state, over_rows(self.head, y)


class PolicyNet(nn.Module):
    """What networks with a policy head share: acting; subclasses add what learns beside it, and `unroll`.

    Attributes:
        trunk: sees and remembers for the policy.
        actor: policy head.
    """

    trunk: Trunk
    actor: nn.Module

    def initial_state(self, batch_size: int) -> Any:
        """The policy's memory before anything was seen; needs no parameters."""
        return self.trunk.initial_state(batch_size)

    def step(self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """One step of B rows of the policy: inputs [B, ...], start [B] -> (state, what its head says [B, outputs])."""
        state, y = self.trunk.step(state, inputs, start, deterministic)
        apply: Any = self.actor
        return state, apply(y)


def embedded(embedding: Embedding, inputs: Inputs) -> jax.Array:
    """Inputs [T, B, ...], embedded: [T, B, D]."""
    # Steps and rows share one axis around the core: XLA's CPU backend is slow with the weight gradients of two.
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), inputs)
    return embedding(flat).reshape(*inputs.prev_reward.shape, -1)


def over_rows(head: nn.Module, y: jax.Array) -> jax.Array:
    """A head on [T, B, D], as one batch of T * B rows: see `embedded`."""
    apply: Any = head
    return apply(y.reshape(-1, y.shape[-1])).reshape(*y.shape[:-1], -1)


def with_action(y: jax.Array, action: jax.Array, num_actions: int) -> jax.Array:
    """What is known of a step, [..., D], and what was done in it (see `action_numbers`): [..., D + num_actions]."""
    return jnp.concatenate([y, action_numbers(action, num_actions).astype(y.dtype)], axis=-1)


def parameter_count(params: Any) -> int:
    """Number of scalars in a parameter tree."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
