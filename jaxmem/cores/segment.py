"""One segment of the recurrent memory transformer, whole or step by step."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores import positions as encodings
from jaxmem.cores.bits import as_bits
from jaxmem.cores.cache import Cache, by_slot, put
from jaxmem.cores.dropout import drop
from jaxmem.cores.segment_blocks import Biases, GPTBlock, Place, RATEBlock
from jaxmem.cores.transformer import norm
from jaxmem.cores.valves import make_valve

Rows = tuple[jax.Array, ...]
"""Inputs of every layer, lowest first: [B, R, D] each; empty where nothing is cached."""

_Join = Callable[[int, jax.Array, jax.Array], tuple[Any, jax.Array, jax.Array]]
"""What a layer's rows attend to: (layer, their keys, their values) -> (what to keep, all keys, all values)."""


class Segment(nn.Module):
    """The blocks on [read tokens | steps of a segment | write tokens], and the memory before the first segment.

    Read tokens attend to each other; a step to them, to the steps of its segment up to itself and to the cached rows of
    earlier segments; write tokens to read tokens, all steps and each other. Both start as the memory that comes in.

    Its methods take keys for dropout instead of drawing them, and a memory with the number of the segment [B]
    that it comes into: the first one starts with the learned memory, whatever is given, and sees nothing cached.

    Attributes:
        width: width of the rows.
        length: K, steps of a segment.
        tokens: m, memory tokens.
        held: C, cached rows; P = 2 m + K is the number of rows that a segment adds.
        valve: one of `VALVES`.
        valve_heads: its attention heads.
        borders: how many borders of segments gradients cross at most; None is all.
        equal_rows: whether the learned memory starts with one row, repeated.
        bits: whether what is handed on is rounded to -1 and 1.
        rate: whether blocks are those of RATE's code.
        inner: width of the blocks' MLP; 0 leaves it out.
        double_residual: as for `RATEBlock`.
        layers: number of blocks.
        heads: attention heads.
        dropout: rate for the embedding, attention weights and branches.
        init_std: initial spread of the weights.
        dtype: floating-point type of the computation.
    """

    width: int
    length: int
    tokens: int
    held: int
    valve: str
    valve_heads: int
    borders: int | None
    equal_rows: bool
    bits: bool
    rate: bool
    inner: int
    double_residual: bool
    layers: int
    heads: int
    dropout: float
    init_std: float
    dtype: Any

    def setup(self) -> None:
        """Blocks, lowest first, the final norm of those that need one, and what makes the memory."""
        common = {"dropout": self.dropout, "init_std": self.init_std, "inner": self.inner, "dtype": self.dtype}
        if self.rate:
            self.biases = Biases((self.heads, self.width // self.heads), self.init_std, self.dtype)
            own = {"biases": self.biases, "double_residual": self.double_residual}
            self.blocks = [RATEBlock(self.width, self.heads, **common, **own) for _ in range(self.layers)]
        else:
            self.blocks = [GPTBlock(self.width, self.heads, **common) for _ in range(self.layers)]
            self.norm = norm(self.dtype)
        if self.tokens:
            self.first_memory = self.param("first_memory", self._first_memory, (self.tokens, self.width))
            self.retain = make_valve(self.valve, self.width, self.valve_heads, self.init_std, self.dtype)

    @property
    def rows(self) -> int:
        """P, the rows of a segment."""
        return 2 * self.tokens + self.length

    def __call__(
        self,
        memory: jax.Array,
        number: jax.Array,
        x: jax.Array,
        past: Rows,
        cached: tuple[Sequence[Cache], Rows] | None,
        known: jax.Array,
        rng: jax.Array | None,
    ) -> tuple[jax.Array, jax.Array, Rows, tuple[Cache, ...]]:
        """A whole segment.

        Args:
            memory: the memory that comes in [B, m, D], with an LSTM's cells [B, m, 2 D].
            number: int32 [B], the segment's number in its episode.
            x: inputs by slot [B, K, D]; those after a row's last step change no output before them.
            past: the last C rows of earlier segments, oldest first.
            cached: keys and values of earlier steps, and of the read tokens and the cached rows when the segment began,
                and the rows [B, P, D] of the segment so far. Where `known` is not 0 they are taken as they are, as by
                `step`, whatever parameters made them.
            known: int32 [B], the slots that are cached; their inputs and outputs then mean nothing.
            rng: key for dropout, or None.

        Returns:
            Outputs [B, K, D]; the memory that was written and the segment's rows [B, P, D], which count where the
            segment is complete; and caches.
        """
        tokens, held, end = self.tokens, self.held, self.tokens + self.length
        memory = self._incoming(memory, number)
        read = memory[..., : self.width]
        old = (known[:, None] > 0) & (jnp.arange(held + end) < held + tokens + known[:, None])
        mask = self._mask(number)

        def join(layer: int, k: jax.Array, v: jax.Array) -> tuple[Cache, jax.Array, jax.Array]:
            if held:
                heard = self._heard(layer, past)
                k, v = (jnp.concatenate(of, axis=1) for of in zip(heard, (k, v), strict=True))
            if cached is not None:
                k, v = (
                    jnp.concatenate(
                        [jnp.where(old[..., None, None], was, now[:, : held + end]), now[:, held + end :]], axis=1
                    )
                    for was, now in zip(by_slot(cached[0][layer]), (k, v), strict=True)
                )
            return Cache(*(of[:, : held + end].transpose(0, 2, 3, 1) for of in (k, v))), k, v

        key, rng = _two(rng)
        steps = self._embed(x, jnp.arange(self.length), key)
        rows = jnp.concatenate([read, steps, read], axis=1)
        caches, inputs, rows = self._transform(rows, join, mask, Place(0, -held, self._ahead), rng)
        if cached is not None:
            inputs = tuple(
                jnp.concatenate([jnp.where(old[:, held:, None], was[:, :end], now[:, :end]), now[:, end:]], axis=1)
                for was, now in zip(cached[1], inputs, strict=True)
            )
        return rows[:, tokens:end], self._new_memory(memory, rows[:, end:]), inputs, caches

    def read(
        self, caches: Sequence[Cache], memory: jax.Array, past: Rows, number: jax.Array, rng: jax.Array | None
    ) -> tuple[tuple[Cache, ...], Rows]:
        """The caches with what a new segment finds: keys and values of cached rows and read tokens; and the latter."""
        held, end = self.held, self.held + self.tokens
        if held:
            caches = [_put(cache, 0, *self._heard(layer, past)) for layer, cache in enumerate(caches)]
        if not self.tokens:
            return tuple(caches), tuple(jnp.zeros((x.shape[0], 0, self.width), self.dtype) for x in past)
        mask = jnp.ones((1, 1, self.tokens, self.tokens), bool)

        def join(layer: int, k: jax.Array, v: jax.Array) -> tuple[Cache, jax.Array, jax.Array]:
            return _put(caches[layer], end - self.tokens, k, v), k, v

        read = self._incoming(memory, number)[..., : self.width]
        return self._transform(read, join, mask, Place(0, 0, self._ahead), rng)[:2]

    def step(
        self, caches: Sequence[Cache], x: jax.Array, number: jax.Array, slot: jax.Array, rng: jax.Array | None
    ) -> tuple[tuple[Cache, ...], Rows, jax.Array]:
        """One step of inputs [B, D] in `slot` [B] of their segments; returns caches, rows [B, 1, D] and outputs."""
        before = self.held + self.tokens
        slots = jnp.arange(before + self.length)
        seen = (slots <= before + slot[:, None]) & (slots >= self._first_held(number)[:, None])
        seen = seen[:, None, None]

        def join(layer: int, k: jax.Array, v: jax.Array) -> tuple[Cache, jax.Array, jax.Array]:
            cache = put(caches[layer], before + slot, k, v)
            return cache, *by_slot(cache)

        key, rng = _two(rng)
        place = Place(self.tokens + slot, -self.held, 0)
        kept, rows, y = self._transform(self._embed(x[:, None], slot[:, None], key), join, seen, place, rng)
        return kept, rows, y[:, 0]

    def write(
        self, caches: Sequence[Cache], memory: jax.Array, number: jax.Array, rng: jax.Array | None
    ) -> tuple[jax.Array, Rows]:
        """The memory that a complete segment hands on, and the write tokens' rows [B, m, D]."""
        mask = jnp.ones((1, 1, self.tokens, self.rows), bool)

        def join(layer: int, k: jax.Array, v: jax.Array) -> tuple[None, jax.Array, jax.Array]:
            before = (of[:, self.held :] for of in by_slot(caches[layer]))
            k, v = (jnp.concatenate(of, axis=1) for of in zip(before, (k, v), strict=True))
            return None, k, v

        memory = self._incoming(memory, number)
        place = Place(self.tokens + self.length, 0, self._ahead)
        _, rows, written = self._transform(memory[..., : self.width], join, mask, place, rng)
        return self._new_memory(memory, written), rows

    @property
    def _ahead(self) -> int:
        return max(self.tokens - 1, 0)

    def _first_memory(self, key: jax.Array, shape: tuple[int, int]) -> jax.Array:
        drawn = jax.random.normal(key, (1, shape[1]) if self.equal_rows else shape)
        return jnp.broadcast_to(drawn, shape)

    def _incoming(self, memory: jax.Array, number: jax.Array) -> jax.Array:
        if not self.tokens:
            return memory
        number = number[:, None, None]
        if self.borders is not None:
            memory = jnp.where(number % (self.borders + 1) == 0, jax.lax.stop_gradient(memory), memory)
        # What stands behind the memory are cells, which start empty.
        first = jnp.pad(self.first_memory.astype(self.dtype), ((0, 0), (0, memory.shape[-1] - self.width)))
        return jnp.where(number == 0, first, memory)

    def _new_memory(self, memory: jax.Array, written: jax.Array) -> jax.Array:
        new = self.retain(memory, written) if self.tokens and self.retain is not None else written
        if not self.bits:
            return new
        # An LSTM's cells, which stand behind, go on as they are.
        return jnp.concatenate([as_bits(new[..., : self.width]), new[..., self.width :]], axis=-1)

    def _heard(self, layer: int, past: Rows) -> tuple[jax.Array, jax.Array]:
        """Keys and values of cached rows, two of [B, C, N, H]: their projections learn, but not what they project."""
        rows = jax.lax.stop_gradient(past[layer])
        return self.blocks[layer].keys_values(rows.reshape(-1, self.width), rows.shape[0])

    def _first_held(self, number: jax.Array) -> jax.Array:
        """The first of C cached rows that is of the same episode: int32 [B]."""
        # No more than C segments fill the cache: the product cannot overflow.
        return jnp.maximum(0, self.held - jnp.minimum(number, self.held) * self.rows)

    def _mask(self, number: jax.Array) -> jax.Array:
        """Who sees whom in [cached | read | steps | write]: bool [B or 1, 1, P, C + P], with queries first."""
        tokens, end = self.tokens, self.tokens + self.length
        row = jnp.arange(self.rows)
        seen = (row <= row[:, None]) | (row < tokens) | ((row >= end) & (row >= end)[:, None])
        if not self.held:
            return seen[None, None]
        step = (row >= tokens) & (row < end)
        heard = step[:, None] & (jnp.arange(self.held) >= self._first_held(number)[:, None])[:, None]
        seen = jnp.broadcast_to(seen, (number.shape[0], *seen.shape))
        return jnp.concatenate([heard, seen], axis=2)[:, None]

    def _embed(self, x: jax.Array, slot: jax.Array, rng: jax.Array | None) -> jax.Array:
        if not self.rate:
            x = x + encodings.sine(slot, self.width).astype(self.dtype)
        return drop(x, self.dropout, rng)

    def _transform(
        self, rows: jax.Array, join: _Join, mask: jax.Array, place: Place, rng: jax.Array | None
    ) -> tuple[tuple[Any, ...], Rows, jax.Array]:
        """All blocks on rows [B, R, D]; returns what to keep of each, their inputs, and outputs [B, R, D]."""
        rngs = [None] * (2 * self.layers) if rng is None else list(jax.random.split(rng, 2 * self.layers))
        kept, inputs = [], []
        x = rows.reshape(-1, self.width)
        for layer, block in enumerate(self.blocks):
            inputs.append(x)
            q, k, v = block.queries_keys_values(x, rows.shape[0])
            keep, k, v = join(layer, k, v)
            attended = block.attend(q, k, v, mask, place, rngs[2 * layer])
            x = block.finish(x, attended, rngs[2 * layer + 1])
            kept.append(keep)
        x = x if self.rate else self.norm(x)
        cached = tuple(jax.lax.stop_gradient(x).reshape(rows.shape) for x in inputs) if self.held else ()
        return tuple(kept), cached, x.reshape(rows.shape)


def _put(cache: Cache, begin: int, k: jax.Array, v: jax.Array) -> Cache:
    """The cache with keys and values [B, R, N, H] in the slots from `begin` on."""
    new = (of.transpose(0, 2, 3, 1) for of in (k, v))
    return Cache(*(was.at[..., begin : begin + k.shape[1]].set(now) for was, now in zip(cache, new, strict=True)))


def _two(rng: jax.Array | None) -> tuple[jax.Array | None, jax.Array | None]:
    return (None, None) if rng is None else tuple(jax.random.split(rng))
