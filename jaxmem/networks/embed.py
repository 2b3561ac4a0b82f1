"""Embeddings of observations, previous actions and previous rewards."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores.initial import fan_in_uniform
from jaxmem.cores.orthogonal import orthogonal
from jaxmem.losses import clip_rewards
from jaxmem.networks.centre import CENTRE, Numbers, first_centre, no_background, numbers
from jaxmem.networks.eye import Eye
from jaxmem.networks.inputs import Inputs


class Embedding(nn.Module):
    """Observation, previous action and previous reward, each embedded, concatenated; a width of 0 leaves one out.

    The inputs of Ni et al. 2023 (arXiv:2307.03864): observation and previous action, the reward's width being 0.
    Each goes through a linear layer and ReLU; with an `eye`, pictures [H, W, C] go through its encoder instead, and
    where that keeps places, the flat grid comes first and its width is not `obs_width`. Observations of other shapes
    are flattened; uint8 ones are scaled to [0, 1]. PyTorch's default
    weights (uniform, 1/sqrt(fan_in)) are kept since that is what the paper's embedders start from; those of its code
    for continuous control, in JAX, are `orthogonal` with gain 1, and biases 0.

    The reward is squeezed by `reward_clip` before it is embedded.

    With `centred`, what the typical input embeds to is taken off; with `background`, the typical picture is taken off
    each picture, before it is encoded: see `jaxmem.networks.centre`.
    """

    num_actions: int
    obs_width: int
    action_width: int
    reward_width: int
    obs_shape: tuple[int, ...]
    eye: Eye | None = None
    reward_clip: str = "off"
    centred: bool = False
    background: bool = False
    orthogonal: bool = False
    dtype: Any = jnp.float32

    def setup(self) -> None:
        """An encoder of each input; the order of the names is that of the parameters."""
        if self.eye is not None:
            self.obs = self.eye.encoder(self.obs_width, self.dtype)
        else:
            self.obs = self._linear(math.prod(self.obs_shape), self.obs_width)
        if self.action_width:
            self.action = self._linear(self.num_actions, self.action_width)
        if self.reward_width:
            self.reward = self._linear(1, self.reward_width)
        if self.centred:
            self.centre = self.variable(CENTRE, "typical", first_centre, self.obs_shape, self.num_actions)
        if self.background:
            self.behind = self.variable(CENTRE, "background", no_background, self.obs_shape)

    def __call__(self, inputs: Inputs) -> jax.Array:
        """Embed inputs with any leading axes: returns [..., obs_width + action_width + reward_width]."""
        embedded = self._embed(numbers(inputs, self.num_actions))
        if not self.centred:
            return embedded
        typical = jax.lax.stop_gradient(self.centre.value)
        return embedded - self._embed(Numbers(*(typical[name] for name in Numbers._fields)))

    def _embed(self, seen: Numbers) -> jax.Array:
        if self.background:
            seen = seen._replace(obs=seen.obs - jax.lax.stop_gradient(self.behind.value["obs"]))
        lead = seen.obs.shape[: seen.obs.ndim - len(self.obs_shape)]
        if self.eye is not None:
            parts = [self.obs(seen.obs.reshape(-1, *self.obs_shape)).reshape(*lead, -1)]
        else:
            parts = [self._rectified(self.obs, seen.obs.reshape(*lead, -1))]
        if self.action_width:
            parts.append(self._rectified(self.action, seen.action))
        if self.reward_width:
            parts.append(self._rectified(self.reward, clip_rewards(seen.reward, self.reward_clip)))
        return jnp.concatenate(parts, axis=-1)

    def _linear(self, inputs: int, width: int) -> nn.Dense:
        # In float32 whatever the compute dtype is: bfloat16 cannot tell position 1000 from 1001.
        weights = bias = fan_in_uniform(inputs)
        if self.orthogonal:
            weights, bias = orthogonal, nn.initializers.zeros
        return nn.Dense(width, dtype=jnp.float32, kernel_init=weights, bias_init=bias)

    def _rectified(self, layer: Any, x: jax.Array) -> jax.Array:
        return nn.relu(layer(x)).astype(self.dtype)
