"""The recurrent memory transformer (Bulatov et al. 2022, arXiv:2207.06881) and what RATE makes of it.

RATE is Cherepanov et al. 2023, arXiv:2306.09459.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxmem.config import ConfigError, choice, flag, integer, integer_or
from jaxmem.cores import past as rings
from jaxmem.cores.anywhere import anywhere
from jaxmem.cores.cache import Cache, episode_positions
from jaxmem.cores.segment import Rows, Segment
from jaxmem.cores.transformer import Transformer
from jaxmem.cores.valves import VALVES, memory_width
from jaxmem.cores.waves import Wave, by_slot, pieces, run_waves, wave

_BORDERS = {"detach": 0, "full": None}


class RMTState(NamedTuple):
    """What the recurrent memory transformer remembers.

    Attributes:
        memory: [B, tokens, width], handed on by the last complete segment; with the valve lstm [B, tokens, 2 * width],
            cells behind the memory. It means nothing in an episode's first segment, where the learned memory stands for
            it, and cells are zero.
        layers: one `Cache` a layer with `cache` + `tokens` + `segment` slots: the cached rows', then the read tokens',
            then the segment's. No new segment or episode clears it: what `index` does not cover is masked.
        past: each layer's inputs in a ring (`past.py`), [B, `cache` + 2 * `tokens` + `segment`, width]; empty without
            a cache.
        index: int32 [B], the steps of the current episode so far.
    """

    memory: jax.Array
    layers: tuple[Cache, ...]
    past: Rows
    index: jax.Array


class RMT(Transformer):
    """Transformer on segments of an episode, each of which hands memory tokens on to the next.

    Step p of an episode belongs to segment p // `segment`. A step attends to the steps of its segment up to itself, and
    to the memory; when the segment is complete, tokens after its last step attend to all of it, and their outputs are
    the memory of the next one. Blocks are those of `gpt`, with sine positions of the step within its segment, unless
    `block` says otherwise. With tokens alone this is RMT, with a cache alone Transformer-XL by segments, and RATE with
    tokens, a valve and, where it helps, a cache.

    Attributes:
        segment: steps of a segment.
        tokens: memory tokens; 0 without a cache is a control whose segments know nothing of each other.
        valve: what makes the new memory of the old one and the tokens' outputs: none takes the outputs; ca2, which is
            RATE's own, what the old memory finds in them by attention; ca1 what they find in the old memory; gate
            GTrXL's gate; gru and lstm a cell for each token, whose hidden state is the memory. Neither attention has a
            residual path: with ca2, over ten segments, later steps drown a cue about three times as deep at first, and
            not every run learns it.
        valve_heads: attention heads of ca1 and ca2; none takes `heads`.
        memory_gradient: how many borders of segments gradients cross at most, cut on the episode's own clock: detach is
            0, as in RATE's released code, whose valve then gets no gradient at all; full cuts nowhere.
        cache: how many layer inputs of earlier segments, the latest, each layer's steps attend to. Every row of a
            segment counts, 2 * `tokens` + `segment` of them. Memory tokens do not see them; no gradient enters them.
        block: gpt, or rate for blocks like those of RATE's code: relative attention by rows, its biases shared by the
            layers, and a layer norm after each sum. `init_std` is theirs too; width^-0.5 is Glorot's spread.
        double_residual: blocks of kind rate add their input twice to the attention's output, as RATE's code does.
        ffn: whether blocks have an MLP.
        inner: its width; none is four times the width.
        bits: what is handed on is rounded to -1 and 1, with the gradient of tanh (`bits.py`). Nothing that was written
            fades or drifts then, over any number of segments; not of the papers.
        equal_rows: the learned memory starts with equal rows, as in RATE's code. Blocks of kind gpt keep them equal.
    """

    segment: int = integer(16, low=1)
    tokens: int = integer(4, low=0)
    valve: str = choice("none", VALVES)
    valve_heads: int | None = integer(None, low=1, optional=True)
    memory_gradient: int | Literal["detach", "full"] = integer_or("full", list(_BORDERS), low=1)
    cache: int = integer(0, low=0)
    block: str = choice("gpt", ["gpt", "rate"])
    double_residual: bool = flag(True)
    ffn: bool = flag(True)
    inner: int | None = integer(None, low=1, optional=True)
    bits: bool = flag(False)
    equal_rows: bool = flag(False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.valve_heads is not None and self.width % self.valve_heads:
            allowed = f"allowed is a divisor of core.width = {self.width}, or none"
            raise ConfigError(f"core.valve_heads is {self.valve_heads}: {allowed}")

    def setup(self) -> None:
        """All parameters are those of a segment."""
        gradient = self.memory_gradient
        self.transformer = Segment(
            width=self.width,
            length=self.segment,
            tokens=self.tokens,
            held=self.cache,
            valve=self.valve,
            valve_heads=self.heads if self.valve_heads is None else self.valve_heads,
            borders=gradient if isinstance(gradient, int) else _BORDERS[gradient],
            equal_rows=self.equal_rows,
            bits=self.bits,
            rate=self.block == "rate",
            inner=(4 * self.width if self.inner is None else self.inner) if self.ffn else 0,
            double_residual=self.double_residual,
            layers=self.layers,
            heads=self.heads,
            dropout=self.dropout,
            init_std=self.init_std,
            dtype=self.dtype,
        )

    @property
    def window(self) -> int:
        """Slots of the caches: those of the cached rows, of the read tokens, and of a segment's steps."""
        return self.cache + self.tokens + self.segment

    @property
    def rows(self) -> int:
        """How many rows a segment has."""
        return 2 * self.tokens + self.segment

    def initial_state(self, batch_size: int) -> RMTState:
        """Zeros, and an index of 0."""
        layers, index = super().initial_state(batch_size)
        memory = jnp.zeros((batch_size, self.tokens, memory_width(self.valve, self.width)), self.dtype)
        ring = (batch_size, self.cache + self.rows, self.width)
        past = tuple(jnp.zeros(ring, self.dtype) for _ in range(self.layers if self.cache else 0))
        return RMTState(memory, layers, past, index)

    def _step(self, state: RMTState, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[RMTState, jax.Array]:
        read_key, step_key, write_key = self.dropout_keys(3, deterministic)
        index = jnp.where(start, 0, state.index)
        number, slot = index // self.segment, index % self.segment
        begins, ends = slot == 0, slot == self.segment - 1
        segment, params = self._segment()
        segment = partial(segment, params)
        row = number * self.rows

        def read() -> tuple[tuple[Cache, ...], Rows]:
            heard = self._heard(state.past, row)
            layers, rows = segment(state.layers, state.memory, heard, number, read_key, method="read")
            return _where(begins, (layers, _put(state.past, row, rows)), (state.layers, state.past))

        def write() -> tuple[jax.Array, Rows]:
            memory, rows = segment(layers, state.memory, number, write_key, method="write")
            after = _put(past, row + self.tokens + self.segment, rows)
            return _where(ends, (memory, after), (state.memory, past))

        layers, past, memory = state.layers, state.past, state.memory
        if self.tokens or self.cache:
            layers, past = jax.lax.cond(anywhere(begins), read, lambda: (layers, past))
        layers, rows, y = segment(layers, x, number, slot, step_key, method="step")
        past = _put(past, row + self.tokens + slot, rows)
        if self.tokens:
            memory, past = jax.lax.cond(anywhere(ends), write, lambda: (memory, past))
        return RMTState(memory, layers, past, index + 1), y

    def _unroll(
        self, state: RMTState | None, x: jax.Array, start: jax.Array, deterministic: bool
    ) -> tuple[RMTState, jax.Array]:
        batch = x.shape[1]
        key, last_key = self.dropout_keys(2, deterministic)
        before = self.initial_state(batch) if state is None else state
        # Where the segment begins that the chunk begins in: a new episode hides what was before.
        row = before.index // self.segment * self.rows
        past = [rings.in_order(ring, row, self.cache) for ring in before.past]
        so_far = tuple(rows[:, self.cache :] for rows in past)
        past = tuple(rows[:, : self.cache] for rows in past)
        cached = None if state is None else (state.layers, so_far)
        position = episode_positions(before.index, start)
        index = position[:, -1] + 1
        of = pieces(position, self.segment)
        segment, params = self._segment()

        def run(
            params: Any, memory: jax.Array, past: Rows, xs: jax.Array, here: Wave, cached: Any, rng: jax.Array | None
        ) -> tuple[jax.Array, jax.Array, Rows]:
            return segment(params, memory, here.number, xs, past, cached, here.known, rng)[:3]

        y, memory, past = run_waves(run, self.segment, self.rows, params, before.memory, past, x, of, cached, key)
        # Acting goes on in the last piece. Running it once more is cheaper than caches that every wave hands on.
        last = wave(of, self.segment, (of.begin < x.shape[0]).sum(axis=1) - 1)
        xs = by_slot(x, last.time)
        _, _, rows, layers = segment(params, memory, last.number, xs, past, cached, last.known, last_key)
        row = index // self.segment * self.rows
        ring = tuple(rings.as_ring(jnp.concatenate(of, axis=1), row, self.cache) for of in zip(past, rows, strict=True))
        return RMTState(memory, layers, ring, index), y

    def look(self, memory: jax.Array, number: jax.Array, x: jax.Array) -> jax.Array:
        """Work off a whole segment, to be looked at: its attention weights, where "intermediates" is mutable.

        Each block sows "attention_weights" there, float32 [B, heads, P, P] without dropout, for the P rows of a
        segment: read tokens, steps, write tokens. For cores without a cache.

        Args:
            memory: the memory that comes in, as in `RMTState`.
            number: int32 [B], the segment's number in its episode.
            x: inputs [B, `segment`, width].

        Returns:
            Outputs of the steps [B, `segment`, width].
        """
        return self.transformer(memory, number, x, (), None, jnp.zeros(number.shape, jnp.int32), None)[0]

    def _heard(self, past: Rows, row: jax.Array) -> Rows:
        return tuple(rings.in_order(ring, row, self.cache)[:, : self.cache] for ring in past)

    def _segment(self) -> tuple[Callable[..., Any], Any]:
        """The segment as a function of its parameters, to be called inside of loops and conditions; and these."""
        if self.is_initializing():
            none = jnp.zeros(1, jnp.int32)
            memory, _, past, _ = self.initial_state(1)
            x = jnp.zeros((1, self.segment, self.width), self.dtype)
            self.transformer(memory, none, x, self._heard(past, none), None, none, None)
        module, variables = self.transformer.unbind()
        return module.apply, variables


def _put(past: Rows, row: jax.Array, rows: Rows) -> Rows:
    return tuple(rings.put(ring, row, x) for ring, x in zip(past, rows, strict=True))


def _where(rows: jax.Array, new: Any, old: Any) -> Any:
    """`new` in `rows` [B] of all leaves [B, ...], `old` elsewhere."""
    return jax.tree.map(lambda a, b: jnp.where(rows.reshape(-1, *[1] * (a.ndim - 1)), a, b), new, old)
