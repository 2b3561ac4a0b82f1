"""The recurrent memory transformer (Bulatov et al. 2022, arXiv:2207.06881), with RATE's valve."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmem.config import flag, integer
from jaxmem.cores.anywhere import anywhere
from jaxmem.cores.cache import Cache, episode_positions
from jaxmem.cores.segment import Segment
from jaxmem.cores.transformer import Transformer
from jaxmem.cores.waves import Wave, by_slot, pieces, run_waves, wave


class RMTState(NamedTuple):
    """What the recurrent memory transformer remembers.

    Attributes:
        memory: [B, tokens, width], handed on by the last complete segment. It means nothing in an episode's first
            segment, where the learned memory stands for it.
        layers: one `Cache` a layer with `tokens` + `segment` slots: the read tokens', then the segment's. No new
            segment or episode clears it: what `index` does not cover is masked.
        index: int32 [B], the steps of the current episode so far.
    """

    memory: jax.Array
    layers: tuple[Cache, ...]
    index: jax.Array


class RMT(Transformer):
    """Transformer on segments of an episode, each of which hands memory tokens on to the next.

    Step p of an episode belongs to segment p // `segment`. A step attends to the steps of its segment up to itself, and
    to the memory; when the segment is complete, tokens after its last step attend to all of it, and their outputs are
    the memory of the next one. Blocks are those of `gpt`, with sine positions of the step within its segment.

    Attributes:
        segment: steps of a segment.
        tokens: memory tokens; 0 is a control whose segments know nothing of each other.
        valve: new memory is what the old one finds, by attention, in the tokens' outputs: the memory retention valve of
            RATE (Cherepanov et al. 2023, arXiv:2306.09459). It has no residual path: over ten
            segments, later steps drown a cue about three times as deep at first, and not every run learns it.
        gradient_segments: how many borders of segments gradients cross at most, cut on the episode's own clock; none
            cuts nowhere. 0 is what RATE's released code does, whose valve then gets no gradient at all.
    """

    segment: int = integer(16, low=1)
    tokens: int = integer(4, low=0)
    valve: bool = flag(False)
    gradient_segments: int | None = integer(None, low=0, optional=True)

    def setup(self) -> None:
        """All parameters are those of a segment."""
        self.transformer = Segment(
            self.width,
            self.segment,
            self.tokens,
            self.valve,
            self.gradient_segments,
            self.layers,
            self.heads,
            self.dropout,
            self.init_std,
            self.dtype,
        )

    @property
    def window(self) -> int:
        """Slots of the caches: those of the read tokens, then those of a segment's steps."""
        return self.tokens + self.segment

    def initial_state(self, batch_size: int) -> RMTState:
        """Zeros, and an index of 0."""
        layers, index = super().initial_state(batch_size)
        return RMTState(jnp.zeros((batch_size, self.tokens, self.width), self.dtype), layers, index)

    def _step(self, state: RMTState, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[RMTState, jax.Array]:
        read_key, step_key, write_key = self.dropout_keys(3, deterministic)
        index = jnp.where(start, 0, state.index)
        number, slot = index // self.segment, index % self.segment
        begins, ends = slot == 0, slot == self.segment - 1
        segment, params = self._segment()
        segment = partial(segment, params)

        def read() -> tuple[Cache, ...]:
            new = segment(state.layers, state.memory, number, read_key, method="read")
            return jax.tree.map(lambda now, was: jnp.where(begins[:, None, None, None], now, was), new, state.layers)

        def write() -> jax.Array:
            new = segment(layers, state.memory, number, write_key, method="write")
            return jnp.where(ends[:, None, None], new, state.memory)

        layers, memory = state.layers, state.memory
        if self.tokens:
            layers = jax.lax.cond(anywhere(begins), read, lambda: layers)
        layers, y = segment(layers, x, slot, step_key, method="step")
        if self.tokens:
            memory = jax.lax.cond(anywhere(ends), write, lambda: memory)
        return RMTState(memory, layers, index + 1), y

    def _unroll(
        self, state: RMTState | None, x: jax.Array, start: jax.Array, deterministic: bool
    ) -> tuple[RMTState, jax.Array]:
        batch = x.shape[1]
        key, last_key = self.dropout_keys(2, deterministic)
        before = self.initial_state(batch) if state is None else state
        cached = None if state is None else state.layers
        position = episode_positions(before.index, start)
        of = pieces(position, self.segment)
        segment, params = self._segment()

        def run(
            params: Any, memory: jax.Array, xs: jax.Array, here: Wave, cached: Any, rng: jax.Array | None
        ) -> tuple[jax.Array, jax.Array]:
            return segment(params, memory, here.number, xs, cached, here.known, rng)[:2]

        y, memory = run_waves(run, self.segment, params, before.memory, x, of, cached, key)
        # Acting goes on in the last piece. Running it once more is cheaper than caches that every wave hands on.
        last = wave(of, self.segment, (of.begin < x.shape[0]).sum(axis=1) - 1)
        _, _, layers = segment(params, memory, last.number, by_slot(x, last.time), cached, last.known, last_key)
        return RMTState(memory, layers, position[:, -1] + 1), y

    def _segment(self) -> tuple[Callable[..., Any], Any]:
        """The segment as a function of its parameters, to be called inside of loops and conditions; and these."""
        if self.is_initializing():
            none = jnp.zeros(1, jnp.int32)
            memory, x = (jnp.zeros((1, rows, self.width), self.dtype) for rows in (self.tokens, self.segment))
            self.transformer(memory, none, x, None, none, None)
        module, variables = self.transformer.unbind()
        return module.apply, variables
