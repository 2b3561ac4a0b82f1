"""A GPT-2-style transformer (Radford et al. 2019) with a ring of cached keys and values."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import ConfigError, choice, integer, number
from jaxmem.cores import positions as encodings
from jaxmem.cores.attention import attend, weigh
from jaxmem.cores.protocol import Core


class Cache(NamedTuple):
    """Keys and values of one layer, [B, max_length, heads, head_dim]; step p is in slot p % max_length."""

    keys: jax.Array
    values: jax.Array


class GPTState(NamedTuple):
    """What a transformer remembers.

    Attributes:
        layers: one `Cache` a layer. A new episode does not clear it: what `index` does not cover is masked.
        index: int32 [B], the steps of the current episode so far.
    """

    layers: tuple[Cache, ...]
    index: jax.Array


class Block(nn.Module):
    """Attention and MLP with layer norm before each (pre-LN), up to and after the attention itself."""

    width: int
    heads: int
    dropout: float
    dtype: Any

    def setup(self) -> None:
        self.norm_attention = _norm(self.dtype)
        self.qkv = _dense(3 * self.width, self.dtype)
        self.project = _dense(self.width, self.dtype)
        self.norm_mlp = _norm(self.dtype)
        self.expand = _dense(4 * self.width, self.dtype)
        self.contract = _dense(self.width, self.dtype)
        self.drop = nn.Dropout(self.dropout)

    def queries_keys_values(self, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Residual stream [B, T, D] -> three of [B, T, heads, head_dim]."""
        joint = flat(self.qkv, self.norm_attention(x))
        shape = (*x.shape[:2], self.heads, self.width // self.heads)
        q, k, v = (part.reshape(shape) for part in jnp.split(joint, 3, axis=-1))
        return q, k, v

    def attention_rng(self, deterministic: bool) -> jax.Array | None:
        """Key for dropout of attention weights, or None where there is none."""
        return None if deterministic or not self.dropout else self.make_rng("dropout")

    def finish(self, x: jax.Array, attended: jax.Array, deterministic: bool) -> jax.Array:
        """Add the attention's output [B, T, heads, head_dim] and then the MLP's to x [B, T, D]."""
        x = x + self.drop(flat(self.project,attended.reshape(x.shape)), deterministic)
        y = flat(lambda x: self.contract(nn.gelu(self.expand(x), approximate=True)),self.norm_mlp(x))
        return x + self.drop(y, deterministic)


class GPT(Core):
    """Pre-LN causal transformer; each step attends to the last `max_length` steps of its episode.

    Weights are N(0, 0.02), biases zero, the MLP is four times as wide with tanh-GELU, a layer norm ends it.

    Attributes:
        layers: number of blocks.
        heads: attention heads; must divide the width.
        dropout: rate for the embedding, attention weights and residual branches.
        positions: sine (fixed, added), learned (table, added), rotary (turns queries and keys) or none.
    """

    layers: int = integer(1, low=1)
    heads: int = integer(1, low=1)
    dropout: float = number(0.1, low=0.0, high=0.99)
    positions: str = choice("sine", encodings.POSITIONS)

    needs_equal_width: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise ConfigError(f"core.heads is {self.heads}: allowed is a divisor of core.width = {self.width}")
        if self.positions == "rotary" and self.width // self.heads % 2:
            raise ConfigError(
                f"core.heads is {self.heads}: rotary positions need an even width of each head, "
                f"which is {self.width // self.heads}"
            )

    def setup(self) -> None:
        self.blocks = [Block(self.width, self.heads, self.dropout, self.dtype) for _ in range(self.layers)]
        self.norm = _norm(self.dtype)
        self.drop = nn.Dropout(self.dropout)
        if self.positions == "learned":
            self.table = encodings.Learned(self.max_length, self.width)

    def initial_state(self, batch_size: int) -> GPTState:
        """An empty cache: zeros, and an index of 0."""
        shape = (batch_size, self.max_length, self.heads, self.width // self.heads)
        # Each array is its own: a donated state may not hold one buffer twice.
        layers = tuple(Cache(jnp.zeros(shape, self.dtype), jnp.zeros(shape, self.dtype)) for _ in range(self.layers))
        return GPTState(layers, jnp.zeros((batch_size,), jnp.int32))

    def _step(self, state: GPTState, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[GPTState, jax.Array]:
        index = jnp.where(start, 0, state.index)
        slot, rows = index % self.max_length, jnp.arange(x.shape[0])
        held = jnp.arange(self.max_length) <= index[:, None]
        x, angles = self._embed(x[:, None], index[:, None], deterministic)
        layers = []
        for block, cache in zip(self.blocks, state.layers, strict=True):
            q, k, v = _rotated(block.queries_keys_values(x), angles)
            cache = Cache(cache.keys.at[rows, slot].set(k[:, 0]), cache.values.at[rows, slot].set(v[:, 0]))
            rng = block.attention_rng(deterministic)
            attended = attend(q, cache.keys, cache.values, held[:, None, None], self.dropout, rng)
            x = block.finish(x, attended, deterministic)
            layers.append(cache)
        return GPTState(tuple(layers), index + 1), self.norm(x)[:, 0]

    def _unroll(
        self, state: GPTState | None, x: jax.Array, start: jax.Array, deterministic: bool
    ) -> tuple[GPTState, jax.Array]:
        time, batch = start.shape
        before = jnp.zeros((batch,), jnp.int32) if state is None else state.index
        position = episode_positions(before, start)
        steps = jnp.arange(time)
        # The first time, counted from this chunk's start, that each step may attend to. Earlier steps of
        # another episode or beyond the window lie before it, in the chunk and in the cache alike.
        earliest = steps - jnp.minimum(position, self.max_length - 1)
        key_time = steps[None]
        if state is not None:
            key_time = jnp.concatenate(
                [cached_times(before, self.max_length), jnp.broadcast_to(key_time, (batch, time))],
                1,
            )
        x, angles = self._embed(x.swapaxes(0, 1), position, deterministic)
        after = position[:, -1] + 1
        empty = self.initial_state(batch)
        layers = []
        for block, cache in zip(self.blocks, (state or empty).layers, strict=True):
            q, k, v = _rotated(block.queries_keys_values(x), angles)
            rng = block.attention_rng(deterministic)
            if state is None:
                keys, values = k, v
            else:
                keys = jnp.concatenate([cache.keys, k], axis=1)
                values = jnp.concatenate([cache.values, v], axis=1)
            attended = attend(
                q, keys, values, earliest, key_time, self.max_length, self.dropout, rng
            )
            x = block.finish(x, attended, deterministic)
            layers.append(Cache(write_back(cache.keys, k, after), write_back(cache.values, v, after)))
        return GPTState(tuple(layers), after), self.norm(x).swapaxes(0, 1)

    def _embed(
        self, x: jax.Array, position: jax.Array, deterministic: bool
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array] | None]:
        """Add positions to x [B, T, D] and drop; returns it and, for rotary, the angles."""
        if self.positions == "sine":
            x = x + encodings.sine(position, self.width).astype(self.dtype)
        elif self.positions == "learned":
            x = x + self.table(position).astype(self.dtype)
        rotary = self.positions == "rotary"
        angles = encodings.rotation(position, self.width // self.heads) if rotary else None
        return self.drop(x, deterministic), angles


def episode_positions(before: jax.Array, start: jax.Array) -> jax.Array:
    """Steps since each row's episode began: before [B], start [T, B] -> int32 [B, T]."""
    steps = jnp.arange(start.shape[0])
    began = jnp.where(start.T, steps, -before[:, None])
    return steps - jax.lax.cummax(began, axis=1)


def cached_times(index: jax.Array, length: int) -> jax.Array:
    """When each slot of a ring was written, counted from the next step: index [B] -> int32 [B, length] < 0.

    A slot that the episode has not reached gets a time before the episode began.
    """
    return -1 - (index[:, None] - 1 - jnp.arange(length)) % length


def write_back(cached: jax.Array, chunk: jax.Array, index: jax.Array) -> jax.Array:
    """The ring [B, S, N, H] after a chunk [B, T, N, H], where the episodes have `index` [B] steps."""
    time = chunk.shape[1] + cached_times(index, cached.shape[1])
    taken = jnp.take_along_axis(chunk, jnp.maximum(time, 0)[:, :, None, None], axis=1)
    return jnp.where((time >= 0)[:, :, None, None], taken, cached)


def _rotated(
    qkv: tuple[jax.Array, jax.Array, jax.Array], angles: tuple[jax.Array, jax.Array] | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    q, k, v = qkv
    if angles is None:
        return qkv
    return encodings.rotate(q, angles), encodings.rotate(k, angles), v


def _norm(dtype: Any) -> nn.LayerNorm:
    return nn.LayerNorm(epsilon=1e-5, dtype=dtype)


def _dense(features: int, dtype: Any) -> nn.Dense:
    return nn.Dense(features, dtype=dtype, kernel_init=nn.initializers.normal(0.02))


def flat(f, x):
    return f(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], -1)
