"""One segment of the recurrent memory transformer, whole or step by step."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores import positions as encodings
from jaxmem.cores.attention import weigh
from jaxmem.cores.cache import Cache, by_slot, put
from jaxmem.cores.dropout import drop
from jaxmem.cores.gpt import Attention, Block, through
from jaxmem.cores.transformer import norm


class Valve(nn.Module):
    """The memory retention valve of RATE (MRV-CA-2): the old memory asks what was written.

    M' = W_o MultiHead(Q = M, K = V = ReLU(written)), with no residual and no norm.
    """

    width: int
    heads: int
    dtype: Any

    @nn.compact
    def __call__(self, memory: jax.Array, written: jax.Array) -> jax.Array:
        """Memory and what was written, both [B, m, D] -> the new memory [B, m, D]."""
        batch, tokens, width = memory.shape
        shape = (batch, tokens, self.heads, width // self.heads)
        init = nn.initializers.lecun_normal()
        asked, told = memory.reshape(-1, width), nn.relu(written).reshape(-1, width)
        queries, keys, values = (
            nn.Dense(width, dtype=self.dtype, kernel_init=init, name=name)(of).reshape(shape)
            for name, of in (("query", asked), ("key", told), ("value", told))
        )
        seen = weigh(queries, keys, values, jnp.ones((1, 1, tokens, tokens), bool))
        return nn.Dense(width, dtype=self.dtype, kernel_init=init, name="project")(seen.reshape(-1, width)).reshape(
            memory.shape
        )


class Segment(nn.Module):
    """The blocks on [read tokens | steps of a segment | write tokens], and the memory before the first segment.

    Read tokens attend to each other; a step to them and to the steps of its segment up to itself; write tokens to
    all of these and to each other. Both start as the memory that comes in.

    Its methods take keys for dropout instead of drawing them, and a memory with the number of the segment [B]
    that it comes into: the first one starts with the learned memory, whatever is given.
    """

    width: int
    length: int
    tokens: int
    valve: bool
    gradient_segments: int | None
    layers: int
    heads: int
    dropout: float
    init_std: float
    dtype: Any

    def setup(self) -> None:
        """Blocks, lowest first, the final norm, and what makes the memory."""
        self.blocks = [
            Block(self.width, self.heads, self.dropout, self.init_std, self.dtype) for _ in range(self.layers)
        ]
        self.norm = norm(self.dtype)
        if self.tokens:
            self.first_memory = self.param("first_memory", nn.initializers.normal(1.0), (self.tokens, self.width))
        if self.tokens and self.valve:
            self.retain = Valve(self.width, self.heads, self.dtype)

    def __call__(
        self,
        memory: jax.Array,
        number: jax.Array,
        x: jax.Array,
        cached: Sequence[Cache] | None,
        known: jax.Array,
        rng: jax.Array | None,
    ) -> tuple[jax.Array, jax.Array, tuple[Cache, ...]]:
        """A whole segment.

        Args:
            memory: the memory that comes in [B, m, D].
            number: int32 [B], the segment's number in its episode.
            x: inputs by slot [B, K, D]; those after a row's last step change no output before them.
            cached: keys and values of earlier steps, and of the read tokens when the segment began. Where `known` is
                not 0 they are taken as they are, as by `step`, whatever parameters made them.
            known: int32 [B], the slots that are cached; their inputs and outputs then mean nothing.
            rng: key for dropout, or None.

        Returns:
            Outputs [B, K, D]; the memory that was written, which counts where the segment is complete; and caches.
        """
        tokens, end = self.tokens, self.tokens + self.length
        memory = self._incoming(memory, number)
        slots = jnp.arange(end)
        old = (known[:, None] > 0) & (slots < tokens + known[:, None])
        mask = _segment_mask(tokens, self.length)

        def attention(
            cache: Cache | None, q: jax.Array, k: jax.Array, v: jax.Array, rng: jax.Array | None
        ) -> tuple[Cache, jax.Array]:
            if cache is not None:
                k, v = (
                    jnp.concatenate([jnp.where(old[..., None, None], was, now[:, :end]), now[:, end:]], axis=1)
                    for was, now in zip(by_slot(cache), (k, v), strict=True)
                )
            kept = Cache(*(of[:, :end].transpose(0, 2, 3, 1) for of in (k, v)))
            return kept, weigh(q, k, v, mask, self.dropout, rng)

        key, rng = _two(rng)
        steps = self._embed(x, jnp.arange(self.length), key)
        rows = jnp.concatenate([memory, steps, memory], axis=1)
        caches, rows = self._transform(cached, rows, attention, rng)
        return rows[:, tokens:end], self._new_memory(memory, rows[:, end:]), caches

    def read(
        self, caches: Sequence[Cache], memory: jax.Array, number: jax.Array, rng: jax.Array | None
    ) -> tuple[Cache, ...]:
        """The caches with the keys and values of the read tokens of a new segment."""
        mask = jnp.ones((1, 1, self.tokens, self.tokens), bool)

        def attention(
            cache: Cache, q: jax.Array, k: jax.Array, v: jax.Array, rng: jax.Array | None
        ) -> tuple[Cache, jax.Array]:
            new = (of.transpose(0, 2, 3, 1) for of in (k, v))
            cache = Cache(*(was.at[..., : self.tokens].set(now) for was, now in zip(cache, new, strict=True)))
            return cache, weigh(q, k, v, mask, self.dropout, rng)

        return self._transform(caches, self._incoming(memory, number), attention, rng)[0]

    def step(
        self, caches: Sequence[Cache], x: jax.Array, slot: jax.Array, rng: jax.Array | None
    ) -> tuple[tuple[Cache, ...], jax.Array]:
        """One step of inputs [B, D] in `slot` [B] of their segments; returns caches and outputs [B, D]."""
        seen = jnp.arange(self.tokens + self.length) <= self.tokens + slot[:, None]

        def attention(
            cache: Cache, q: jax.Array, k: jax.Array, v: jax.Array, rng: jax.Array | None
        ) -> tuple[Cache, jax.Array]:
            cache = put(cache, self.tokens + slot, k, v)
            return cache, weigh(q, *by_slot(cache), seen[:, None, None], self.dropout, rng)

        key, rng = _two(rng)
        caches, y = self._transform(caches, self._embed(x[:, None], slot[:, None], key), attention, rng)
        return caches, y[:, 0]

    def write(self, caches: Sequence[Cache], memory: jax.Array, number: jax.Array, rng: jax.Array | None) -> jax.Array:
        """The memory that a complete segment hands on."""
        mask = jnp.ones((1, 1, self.tokens, 2 * self.tokens + self.length), bool)

        def attention(
            cache: Cache, q: jax.Array, k: jax.Array, v: jax.Array, rng: jax.Array | None
        ) -> tuple[Cache, jax.Array]:
            k, v = (jnp.concatenate(of, axis=1) for of in zip(by_slot(cache), (k, v), strict=True))
            return cache, weigh(q, k, v, mask, self.dropout, rng)

        memory = self._incoming(memory, number)
        return self._new_memory(memory, self._transform(caches, memory, attention, rng)[1])

    def _incoming(self, memory: jax.Array, number: jax.Array) -> jax.Array:
        if not self.tokens:
            return memory
        number = number[:, None, None]
        if self.gradient_segments is not None:
            cut = number % (self.gradient_segments + 1) == 0
            memory = jnp.where(cut, jax.lax.stop_gradient(memory), memory)
        return jnp.where(number == 0, self.first_memory.astype(self.dtype), memory)

    def _new_memory(self, memory: jax.Array, written: jax.Array) -> jax.Array:
        return self.retain(memory, written) if self.valve and self.tokens else written

    def _embed(self, x: jax.Array, slot: jax.Array, rng: jax.Array | None) -> jax.Array:
        return drop(x + encodings.sine(slot, self.width).astype(self.dtype), self.dropout, rng)

    def _transform(
        self, caches: Sequence[Cache] | None, rows: jax.Array, attention: Attention, rng: jax.Array | None
    ) -> tuple[tuple[Cache, ...], jax.Array]:
        """All blocks on rows [B, R, D]; returns the caches and outputs [B, R, D]."""
        rngs = [None] * (2 * self.layers) if rng is None else list(jax.random.split(rng, 2 * self.layers))
        nothing = (None,) * self.layers
        x = rows.reshape(-1, self.width)
        caches, x = through(self.blocks, caches or nothing, x, rows.shape[0], attention, rngs)
        return caches, self.norm(x).reshape(rows.shape)


def _segment_mask(tokens: int, length: int) -> jax.Array:
    """Who sees whom in [read | steps | write]: bool [1, 1, R, R], with queries first."""
    row = jnp.arange(2 * tokens + length)
    writes = row >= tokens + length
    seen = (row <= row[:, None]) | (row < tokens) | (writes & writes[:, None])
    return seen[None, None]


def _two(rng: jax.Array | None) -> tuple[jax.Array | None, jax.Array | None]:
    return (None, None) if rng is None else tuple(jax.random.split(rng))
