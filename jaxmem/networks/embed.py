"""Embeddings of observations, previous actions and previous rewards."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.networks.initial import fan_in_uniform
from jaxmem.networks.inputs import Inputs
from jaxmem.networks.vision import SmallCNN


def scaled(obs: jax.Array) -> jax.Array:
    """Observations as float32, bytes from 0 to 1."""
    return obs.astype(jnp.float32) * (1 / 255 if obs.dtype == jnp.uint8 else 1)


class Embedding(nn.Module):
    """Observation, previous action and previous reward, each embedded, concatenated; a width of 0 leaves one out.

    The inputs of Ni et al. 2023 (arXiv:2307.03864): observation and previous action, the reward's width being 0.
    Each goes through a linear layer and ReLU; with `cnn`, its channels and kernel, pictures [H, W, C] go through
    `SmallCNN` instead. Observations of other shapes are flattened; uint8 ones are scaled to [0, 1]. PyTorch's default
    weights (uniform, 1/sqrt(fan_in)) are kept since that is what the paper's embedders start from.
    """

    num_actions: int
    obs_width: int
    action_width: int
    reward_width: int
    obs_shape: tuple[int, ...]
    cnn: tuple[tuple[int, ...], int] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, inputs: Inputs) -> jax.Array:
        """Embed inputs with any leading axes: returns [..., obs_width + action_width + reward_width]."""
        obs = inputs.obs
        lead = obs.shape[: obs.ndim - len(self.obs_shape)]
        obs = scaled(obs)
        if self.cnn is not None:
            encoder = SmallCNN(self.obs_width, *self.cnn, dtype=self.dtype, name="obs")
            parts = [encoder(obs.reshape(-1, *self.obs_shape)).reshape(*lead, -1)]
        else:
            parts = [self._linear(obs.reshape(*lead, -1), self.obs_width, "obs")]
        if self.action_width:
            action = jax.nn.one_hot(inputs.prev_action, self.num_actions)
            parts.append(self._linear(action, self.action_width, "action"))
        if self.reward_width:
            reward = inputs.prev_reward[..., None]
            parts.append(self._linear(reward, self.reward_width, "reward"))
        return jnp.concatenate(parts, axis=-1)

    def _linear(self, x: jax.Array, width: int, name: str) -> jax.Array:
        # In float32 whatever the compute dtype is: bfloat16 cannot tell position 1000 from 1001.
        uniform = fan_in_uniform(x.shape[-1])
        layer = nn.Dense(width, dtype=jnp.float32, kernel_init=uniform, bias_init=uniform, name=name)
        return nn.relu(layer(x)).astype(self.dtype)
