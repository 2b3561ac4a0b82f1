"""Embedding, memory core and head, assembled: the network that every agent acts and learns with."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import Config, ConfigError, choice, integer, integers
from jaxmem.cores import Core, CoreOptions
from jaxmem.networks.embed import Embedding
from jaxmem.networks.heads import MLPHead
from jaxmem.networks.inputs import Inputs

_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


@dataclass(frozen=True)
class NetworkOptions(Config):
    """What stands around the core."""

    path: ClassVar[str] = "network"

    obs_embed: int = integer(64, low=1)
    """width of the observation's embedding"""
    action_embed: int = integer(64, low=0)
    """width of the previous action's embedding; 0 leaves it out"""
    reward_embed: int = integer(0, low=0)
    """width of the previous reward's embedding; 0 leaves it out"""
    head: tuple[int, ...] = integers((256, 256), low=1)
    """widths of the head's hidden layers"""
    dtype: str = choice("float32", ["float32", "bfloat16"])
    """compute dtype; parameters are float32"""

    @property
    def input_width(self) -> int:
        """Width of what the core is fed."""
        return self.obs_embed + self.action_embed + self.reward_embed

    def make(self, core: CoreOptions, obs_space: Any, action_space: Any, max_length: int) -> "MemoryNet":
        """Assemble the network for an environment.

        Args:
            core: which memory core, and its options.
            obs_space: a gymnax `Box`.
            action_space: a gymnax `Discrete`.
            max_length: the most steps that the core sees of one episode.

        Raises:
            ConfigError: for spaces that the network cannot take, or if the core cannot take the embedding's width.
        """
        # Importing gymnax starts JAX's backend; a program must be able to configure that after importing jaxmem.
        from gymnax.environments import spaces

        if not isinstance(action_space, spaces.Discrete):
            raise ConfigError(f"env has the action space {type(action_space).__name__}: allowed is Discrete")
        if not isinstance(obs_space, spaces.Box):
            raise ConfigError(f"env has the observation space {type(obs_space).__name__}: allowed is Box")
        dtype = _DTYPES[self.dtype]
        made = core.make(max_length, dtype)
        if made.needs_equal_width and self.input_width != core.width:
            raise ConfigError(
                f"core.width is {core.width}: the {core.name} core needs the width of its input, which is "
                f"{self.input_width} (network.obs_embed + action_embed + reward_embed)"
            )
        embedding = Embedding(
            num_actions=action_space.n,
            obs_width=self.obs_embed,
            action_width=self.action_embed,
            reward_width=self.reward_embed,
            obs_rank=len(obs_space.shape),
            dtype=dtype,
        )
        head = MLPHead(self.head, action_space.n, dtype=dtype)
        return MemoryNet(embedding=embedding, core=made, head=head)


class MemoryNet(nn.Module):
    """`head(core(embedding(inputs)))`, stepped when acting and unrolled when learning.

    The three methods are the core's, on `Inputs` instead of vectors; outputs are float32 [..., outputs].
    """

    embedding: Embedding
    core: Core
    head: nn.Module

    def initial_state(self, batch_size: int) -> Any:
        """The core's state before anything was seen; needs no parameters."""
        return self.core.initial_state(batch_size)

    def step(self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """One step of B rows: inputs [B, ...], start [B] -> (state, [B, outputs])."""
        state, y = self.core.step(state, self.embedding(inputs), start, deterministic)
        return state, self.head(y)

    def unroll(self, state: Any, inputs: Inputs, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """T steps of B rows: inputs [T, B, ...], start [T, B] -> (state, [T, B, outputs]); None is the first state."""
        # Steps and rows share one axis around the core: XLA's CPU backend is slow with the weight gradients of two.
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), inputs)
        x = self.embedding(flat).reshape(*start.shape, -1)
        state, y = self.core.unroll(state, x, start, deterministic)
        return state, self.head(y.reshape(-1, y.shape[-1])).reshape(*start.shape, -1)


def parameter_count(params: Any) -> int:
    """Number of scalars in a parameter tree."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
