"""A GPT-2-style transformer (Radford et al. 2019) with a ring of cached keys and values."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import ConfigError, choice
from jaxmem.cores import positions as encodings
from jaxmem.cores.attention import attend, attention_weights, weigh
from jaxmem.cores.cache import Cache, TransformerState, by_slot, cached_times, episode_positions, put, put_chunk
from jaxmem.cores.dropout import drop
from jaxmem.cores.transformer import Transformer, dense, norm

Attention = Callable[[Any, jax.Array, jax.Array, jax.Array, jax.Array | None], tuple[Cache, jax.Array]]
"""How a layer attends: (cache, queries, keys, values, dropout key) -> (cache, attended)."""


class Block(nn.Module):
    """Attention and MLP with layer norm before each (pre-LN), up to and after the attention itself.

    The MLP is `inner` wide; 0 leaves it out, and its norm.
    """

    width: int
    heads: int
    dropout: float
    init_std: float
    inner: int
    dtype: Any

    def setup(self) -> None:
        """Linear layers and norms."""
        self.norm_attention = norm(self.dtype)
        self.qkv = dense(3 * self.width, self.init_std, self.dtype)
        self.project = dense(self.width, self.init_std, self.dtype)
        if self.inner:
            self.norm_mlp = norm(self.dtype)
            self.expand = dense(self.inner, self.init_std, self.dtype)
            self.contract = dense(self.width, self.init_std, self.dtype)

    def queries_keys_values(self, x: jax.Array, batch: int) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Residual stream [B * T, D] -> three of [B, T, heads, head_dim]."""
        shape = (batch, -1, self.heads, self.width // self.heads)
        q, k, v = jnp.split(self.qkv(self.norm_attention(x)), 3, axis=-1)
        return q.reshape(shape), k.reshape(shape), v.reshape(shape)

    def finish(self, x: jax.Array, attended: jax.Array, rng: jax.Array | None) -> jax.Array:
        """Add the attention's output [B, T, heads, head_dim], then the MLP's if there is one, to x [B * T, D]."""
        attention = self.project(attended.reshape(x.shape))
        if not self.inner:
            return x + drop(attention, self.dropout, rng)
        rngs = (None, None) if rng is None else jax.random.split(rng)
        x = x + drop(attention, self.dropout, rngs[0])
        hidden = nn.gelu(self.expand(self.norm_mlp(x)), approximate=True)
        return x + drop(self.contract(hidden), self.dropout, rngs[1])


class GPT(Transformer):
    """Pre-LN causal transformer; each step attends to the last `max_length` steps of its episode.

    Weights are N(0, `init_std`), biases zero, the MLP is four times as wide with tanh-GELU, a layer norm ends it.
    Where the collection "intermediates" is mutable, `unroll` sows "attention_weights" there: one float32
    [B, heads, T, S] a layer, lowest first, without dropout. S is T; where there is a state, its slots come first.

    Attributes:
        positions: sine (fixed, added), learned (table, added), rotary (turns queries and keys) or none.
    """

    positions: str = choice("sine", encodings.POSITIONS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.positions == "rotary" and self.width // self.heads % 2:
            raise ConfigError(
                f"core.heads is {self.heads}: rotary positions need an even width of each head, "
                f"which is {self.width // self.heads}"
            )

    @property
    def counts_steps(self) -> bool:
        """See `Core.counts_steps`."""
        return self.positions in ("sine", "learned")

    def setup(self) -> None:
        """Blocks, lowest first, and what stands around them."""
        self.blocks = [
            Block(self.width, self.heads, self.dropout, self.init_std, 4 * self.width, self.dtype)
            for _ in range(self.layers)
        ]
        self.norm = norm(self.dtype)
        if self.positions == "learned":
            self.table = encodings.Learned(self.max_length, self.width)

    def _step(
        self, state: TransformerState, x: jax.Array, start: jax.Array, deterministic: bool
    ) -> tuple[TransformerState, jax.Array]:
        index = jnp.where(start, 0, state.index)
        slot = index % self.max_length
        held = (jnp.arange(self.max_length) <= index[:, None])[:, None, None]

        def attention(
            cache: Cache, q: jax.Array, k: jax.Array, v: jax.Array, rng: jax.Array | None
        ) -> tuple[Cache, jax.Array]:
            cache = put(cache, slot, k, v)
            return cache, weigh(q, *by_slot(cache), held, self.dropout, rng)

        layers, y = self._transform(state.layers, x, index[:, None], attention, deterministic)
        return TransformerState(layers, index + 1), y

    def _unroll(
        self, state: TransformerState | None, x: jax.Array, start: jax.Array, deterministic: bool
    ) -> tuple[TransformerState, jax.Array]:
        time, batch = start.shape
        before = jnp.zeros((batch,), jnp.int32) if state is None else state.index
        position = episode_positions(before, start)
        after = position[:, -1] + 1
        # The first time, counted from this chunk's start, that each step may attend to. Steps of another
        # episode or beyond the window lie before it, whether they are in the chunk or in the cache.
        key_time = jnp.arange(time)[None]
        earliest = key_time - jnp.minimum(position, self.max_length - 1)
        if state is not None:
            cached = cached_times(before, self.max_length)
            key_time = jnp.concatenate([cached, jnp.repeat(key_time, batch, axis=0)], axis=1)

        def attention(
            cache: Cache, q: jax.Array, k: jax.Array, v: jax.Array, rng: jax.Array | None
        ) -> tuple[Cache, jax.Array]:
            written = put_chunk(cache, after, k, v)
            if state is not None:
                keys, values = by_slot(cache)
                k = jnp.concatenate([keys, k], axis=1)
                v = jnp.concatenate([values, v], axis=1)
            if self.is_mutable_collection("intermediates"):
                # Fused attention gives no weights: they cost a second computation, made only when asked for.
                self.sow("intermediates", "attention_weights", attention_weights(q, k, earliest, key_time))
            window = self.max_length
            return written, attend(q, k, v, earliest, key_time, window, self.dropout, rng)

        caches = (self.initial_state(batch) if state is None else state).layers
        x = x.swapaxes(0, 1).reshape(batch * time, self.width)
        layers, y = self._transform(caches, x, position, attention, deterministic)
        return TransformerState(layers, after), y.reshape(batch, time, self.width).swapaxes(0, 1)

    def _transform(
        self,
        caches: tuple[Cache, ...],
        x: jax.Array,
        position: jax.Array,
        attention: Attention,
        deterministic: bool,
    ) -> tuple[tuple[Cache, ...], jax.Array]:
        """All blocks, on x [B * T, D] at position [B, T]; returns the caches and outputs [B * T, D].

        Rows and steps share one axis because XLA's CPU backend turns the weight gradient of a product
        with two leading axes into strided copies, which double the time of an update.
        """
        rngs = self.dropout_keys(1 + 2 * self.layers, deterministic)
        if self.positions == "sine":
            x = x + encodings.sine(position, self.width).astype(self.dtype).reshape(x.shape)
        elif self.positions == "learned":
            x = x + self.table(position).astype(self.dtype).reshape(x.shape)
        elif self.positions == "rotary":
            attention = _turned(attention, encodings.rotation(position, self.width // self.heads))
        x = drop(x, self.dropout, rngs[0])
        layers, x = through(self.blocks, caches, x, position.shape[0], attention, rngs[1:])
        return layers, self.norm(x)


def through(
    blocks: Sequence[Block],
    caches: Sequence[Any],
    x: jax.Array,
    batch: int,
    attention: Attention,
    rngs: Sequence[jax.Array | None],
) -> tuple[tuple[Cache, ...], jax.Array]:
    """`blocks` on x [B * T, D], with two keys for dropout each; returns the caches and outputs [B * T, D]."""
    kept = []
    for i, (block, cache) in enumerate(zip(blocks, caches, strict=True)):
        q, k, v = block.queries_keys_values(x, batch)
        cache, attended = attention(cache, q, k, v, rngs[2 * i])
        x = block.finish(x, attended, rngs[2 * i + 1])
        kept.append(cache)
    return tuple(kept), x


def _turned(attention: Attention, angles: tuple[jax.Array, jax.Array]) -> Attention:
    """`attention` with queries and keys that tell their positions by their angles."""

    def turned(cache: Any, q: jax.Array, k: jax.Array, v: jax.Array, rng: jax.Array | None) -> tuple[Any, jax.Array]:
        return attention(cache, encodings.rotate(q, angles), encodings.rotate(k, angles), v, rng)

    return turned
