"""A sequence model over returns, observations and actions, around any memory core."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import ConfigError
from jaxmem.cores import Core
from jaxmem.networks import Actions, actions_of
from jaxmem.networks.inputs import action_numbers, scaled
from jaxmem.networks.vision import StridedCNN, smallest_strided_picture
from jaxmem.offline.options import OfflineConfig

_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


class Seen(NamedTuple):
    """What the model sees at a step, with leading axes [B] when acting and [T, B] when learning.

    Attributes:
        obs: the observation [..., B, ...].
        return_to_go: float32 [..., B], what is still to be earned, this step's reward included.
        prev_action: the action before, int32 [..., B], -1 where there is none; of continuous ones [..., B, A], zeros.
    """

    obs: jax.Array
    return_to_go: jax.Array
    prev_action: jax.Array


class SequenceModel(nn.Module):
    """Says what to do from returns to go, observations and previous actions (Decision Transformer, arXiv:2106.01345).

    Which model it is, is a matter of the core: Decision Transformer (`gpt`), Transformer-XL (`trxl`), RMT and RATE
    (`rmt`), recurrent behaviour cloning (`lstm`, `lru`, ...).

    * `joint`: the core is fed one token a step, the sum of the three embeddings.
    * `interleaved`: three tokens a step, of which the observation's output is read. The published order is return,
      observation, action; here each step's tokens are those of the previous action, the return and the
      observation, so that a step's output needs no token of the next one. A segment of K steps
      is 3 K tokens, as published, but its last action is the first token of the next segment.

    Three methods as a core's, on `Seen`; outputs are float32, logits of discrete actions, continuous ones as numbers.

    Attributes:
        core: remembers; as wide as the embeddings.
        actions: which there are.
        obs_shape: shape of one observation.
        cnn: whether pictures go through convolutions.
        channels: of these.
        interleaved: see above.
        returns: whether the return to go is seen at all.
        return_scale: what it is divided by.
        squash: tanh behind the embeddings of actions and pictures, as in the code of RATE.
        dtype: compute dtype.
    """

    core: Core
    actions: Actions
    obs_shape: tuple[int, ...]
    cnn: bool
    channels: tuple[int, ...]
    interleaved: bool
    returns: bool
    return_scale: float
    squash: bool
    dtype: Any

    def setup(self) -> None:
        """Embeddings and the read-out."""
        width = self.core.width
        if self.cnn:
            self.see = StridedCNN(width, self.channels, dtype=self.dtype)
        else:
            self.see = nn.Dense(width)
        self.act = nn.Dense(width, use_bias=False)
        if self.returns:
            self.hope = nn.Dense(width)
        self.head = nn.Dense(self.actions.size)

    @property
    def tokens_per_step(self) -> int:
        """Tokens that the core is fed each step."""
        if not self.interleaved:
            return 1
        return 3 if self.returns else 2

    def initial_state(self, batch_size: int) -> Any:
        """The memory before anything was seen; needs no parameters."""
        return self.core.initial_state(batch_size)

    def step(self, state: Any, seen: Seen, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """One step of B rows: seen [B, ...], start [B] -> (state, outputs [B, A])."""
        y = None
        for number, token in enumerate(self._tokens(seen)):
            first = start if number == 0 else jnp.zeros_like(start)
            state, y = self.core.step(state, token, first, deterministic)
        return state, self.head(y)

    def unroll(self, state: Any, seen: Seen, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """T steps of B rows: seen [T, B, ...], start [T, B] -> (state, [T, B, A]); None is the first state."""
        time, batch = start.shape
        count = self.tokens_per_step
        starts = jnp.zeros((time, count, batch), bool).at[:, 0].set(start)
        x, starts = self._in_a_row(seen), starts.reshape(time * count, batch)
        state, y = self.core.unroll(state, x, starts, deterministic)
        y = y[count - 1 :: count].reshape(time * batch, -1)
        return state, self.head(y).reshape(time, batch, -1)

    def look(self, memory: jax.Array, number: jax.Array, seen: Seen) -> jax.Array:
        """`RMT.look` at a segment of steps that were seen [K, B, ...]; returns outputs [K, B, A]."""
        core: Any = self.core
        count = self.tokens_per_step
        y = core.look(memory, number, self._in_a_row(seen).swapaxes(0, 1))
        return self.head(y.swapaxes(0, 1)[count - 1 :: count])

    def _in_a_row(self, seen: Seen) -> jax.Array:
        """All tokens of steps [T, B, ...], one after another: [T * tokens_per_step, B, width]."""
        time, batch = seen.return_to_go.shape
        # Steps and rows share one axis around the core, where XLA's CPU backend is slow with two.
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), seen)
        tokens = jnp.stack([token.reshape(time, batch, -1) for token in self._tokens(flat)], axis=1)
        return tokens.reshape(-1, batch, tokens.shape[-1])

    def _tokens(self, seen: Seen) -> list[jax.Array]:
        """Tokens of steps [N, ...], each [N, width]; the observation's, or that of all, comes last."""
        obs = scaled(seen.obs)
        picture = self.see(obs if self.cnn else obs.reshape(obs.shape[0], -1))
        action = self.act(action_numbers(seen.prev_action, self.actions.size))
        if self.squash:
            picture, action = (jnp.tanh(picture) if self.cnn else picture), jnp.tanh(action)
        hope = [self.hope(seen.return_to_go[:, None] / self.return_scale)] if self.returns else []
        tokens = [action, *hope, picture]
        return tokens if self.interleaved else [sum(tokens[1:], tokens[0])]


def make_model(config: OfflineConfig, obs_space: Any, action_space: Any, window: int) -> SequenceModel:
    """The model of a configuration.

    Args:
        config: which core, and what stands around it.
        obs_space: the environment's, a gymnax `Box`.
        action_space: a gymnax `Discrete`, or a `Box` of one axis.
        window: steps that the model is trained on at once, which bound what a cache holds.

    Raises:
        ConfigError: for spaces that the model cannot take.
    """
    options, shape = config.model, tuple(obs_space.shape)
    is_picture = len(shape) == 3 and min(shape[:2]) >= smallest_strided_picture()
    if options.encoder == "cnn" and not is_picture:
        raise ConfigError(
            f"model.encoder is 'cnn': env's observations have the shape {shape}, allowed is (height, width, channels), "
            f"at least {smallest_strided_picture()} high and wide"
        )
    dtype = _DTYPES[options.dtype]
    return SequenceModel(
        core=config.core.make(window * options.tokens_per_step, dtype),
        actions=actions_of(action_space),
        obs_shape=shape,
        cnn=is_picture and options.encoder != "linear",
        channels=options.channels,
        interleaved=options.tokens == "interleaved",
        returns=options.returns,
        return_scale=options.return_scale,
        squash=options.squash,
        dtype=dtype,
    )


def example(model: SequenceModel, obs_dtype: Any) -> Seen:
    """One step of one row [1, 1, ...], to initialise parameters with."""
    obs = jnp.zeros((1, 1, *model.obs_shape), obs_dtype)
    return Seen(obs, jnp.zeros((1, 1)), model.actions.none(1)[None])
