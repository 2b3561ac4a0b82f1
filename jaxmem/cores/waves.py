"""Segments of many rows, each on the clock of its own episode, in as few loop turns as possible.

A piece is the part of a segment that a chunk holds: segments are cut by the chunk's ends and by new episodes. Wave w
is the w-th piece of every row, wherever in time that is. A loop over the waves there are costs what they cost, which a
scan over the greatest possible number would not. A loop with no fixed number of turns has no gradient of its own:
the backward pass is written out here, and keeps nothing of a segment but the memory that comes into it, and the rows
that later ones see without a gradient.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmem.cores.anywhere import anywhere


class Pieces(NamedTuple):
    """Where the pieces of a chunk of T steps and B rows are.

    Attributes:
        position: int32 [B, T], the steps of the episode before each step.
        begin: int32 [B, T + 1], when a row's pieces begin, in order; T after the last one.
    """

    position: jax.Array
    begin: jax.Array


class Wave(NamedTuple):
    """One piece of every row.

    Attributes:
        time: int32 [B, K], the step in each slot of the segment; T in slots that the piece does not fill.
        known: int32 [B], slots that earlier chunks have filled.
        number: int32 [B], the segment's number in its episode.
        complete: bool [B], whether the piece ends its segment.
    """

    time: jax.Array
    known: jax.Array
    number: jax.Array
    complete: jax.Array


Run = Callable[[Any, jax.Array, Any, jax.Array, Wave, Any, jax.Array | None], tuple[jax.Array, jax.Array, Any]]
"""A segment: (params, memory [B, m, D], past, inputs [B, K, D], wave, cached, rng) -> (outputs, memory, rows).

The outputs are [B, K, D], the memory is what was written. Past is a pytree of [B, C, D], the last C rows of earlier
segments, and so are the rows that this one adds, [B, P, D]. No gradient flows through them.
"""


def pieces(position: jax.Array, length: int) -> Pieces:
    """Cut rows with `position` [B, T] into pieces of segments of `length` steps."""
    time = position.shape[1]
    now = jnp.arange(time)
    begin = jnp.where((position % length == 0) | (now == 0), now, time)
    return Pieces(position, jnp.pad(jnp.sort(begin, axis=1), ((0, 0), (0, 1)), constant_values=time))


def wave(of: Pieces, length: int, which: jax.Array) -> Wave:
    """Piece `which` (int32, one for all or [B]) of every row; rows that have fewer take no step."""
    batch, time = of.position.shape
    rows = jnp.arange(batch)
    begin, end = of.begin[rows, which], of.begin[rows, which + 1]
    position = of.position[rows, jnp.minimum(begin, time - 1)]
    known, slot = position % length, jnp.arange(length)
    steps = begin[:, None] + slot - known[:, None]
    held = (slot >= known[:, None]) & (steps < end[:, None])
    complete = (begin < end) & (end - begin == length - known)
    return Wave(jnp.where(held, steps, time), known, position // length, complete)


def by_slot(x: jax.Array, time: jax.Array) -> jax.Array:
    """Steps of x [T, B, D] in the slots that hold them [B, K, D]; zeros where there is none."""
    return x.at[time, jnp.arange(x.shape[1])[:, None]].get(mode="fill", fill_value=0)


def by_time(x: jax.Array, time: jax.Array, slots: jax.Array) -> jax.Array:
    """`x` [T, B, D] with the steps that `slots` [B, K, D] hold."""
    return x.at[time, jnp.arange(x.shape[1])[:, None]].set(slots, mode="drop")


def run_waves(
    run: Run,
    length: int,
    added: int,
    params: Any,
    memory: jax.Array,
    past: Any,
    x: jax.Array,
    of: Pieces,
    cached: Any,
    rng: jax.Array | None,
) -> tuple[jax.Array, jax.Array, Any]:
    """All segments of a chunk.

    Args:
        run: computes a segment.
        length: K, the steps of a segment.
        added: P, the rows that a segment adds to the past.
        params: what `run` takes; differentiable.
        memory: the memory before the chunk [B, m, D]; differentiable.
        past: a pytree of the last rows before the segment that the chunk begins in, [B, C, D], oldest first.
        x: inputs [T, B, D]; differentiable.
        of: the chunk's pieces.
        cached: what `run` needs of earlier chunks, for the first wave; differentiable.
        rng: key for dropout, or None.

    Returns:
        Outputs [T, B, D], the memory after the last complete segment [B, m, D], and the past after it.
    """
    time, batch = x.shape[:2]
    rows = jnp.arange(batch)
    # A row completes at most this many segments: that is fewer than there can be waves.
    handed = 1 + (time - 1) // length
    held = next((leaf.shape[1] for leaf in jax.tree.leaves(past)), 0)
    keyed = lambda rng, w: None if rng is None else jax.random.fold_in(rng, w)  # noqa: E731

    def before(log: Any, done: jax.Array) -> Any:
        """What is past when `done` [B] segments are complete."""
        return jax.tree.map(lambda leaf: leaf[rows[:, None], _places(done * added, held)], log)

    def after(log: Any, wave: Wave, done: jax.Array, more: Any) -> Any:
        """The log with the rows of complete segments, before which `done` [B] were."""

        def add(leaf: jax.Array, new: jax.Array) -> jax.Array:
            begin = jnp.where(wave.complete, done * added + held, leaf.shape[1])
            return leaf.at[rows[:, None], _places(begin, added)].set(new, mode="drop")

        return jax.tree.map(add, log, more)

    def turn(params: Any, memory: jax.Array, past: Any, xs: jax.Array, cached: Any, wave: Wave, rng: Any) -> Any:
        y, written, more = run(params, memory, past, xs, wave, cached, rng)
        return (y, jnp.where(wave.complete[:, None, None], written, memory)), more

    def forward(params: Any, memory: jax.Array, past: Any, x: jax.Array, cached: Any, of: Pieces, rng: Any) -> Any:
        def body(carry: Any) -> Any:
            w, done, memories, log, y = carry
            here = wave(of, length, w)
            xs, seen = by_slot(x, here.time), before(log, done)
            (out, new), more = turn(params, memories[rows, done], seen, xs, cached, here, keyed(rng, w))
            log = after(log, here, done, more)
            done = done + here.complete
            return w + 1, done, memories.at[rows, done].set(new), log, by_time(y, here.time, out)

        memories = jnp.zeros((batch, 1 + handed, *memory.shape[1:]), memory.dtype).at[:, 0].set(memory)
        log = jax.tree.map(lambda leaf: jnp.pad(leaf, ((0, 0), (0, handed * added), (0, 0))), past)
        carry = (jnp.int32(0), jnp.zeros(batch, jnp.int32), memories, log, jnp.zeros_like(x))
        return jax.lax.while_loop(lambda carry: anywhere(of.begin[:, carry[0]] < time), body, carry)

    @jax.custom_vjp
    def whole(params: Any, memory: jax.Array, past: Any, x: jax.Array, cached: Any, of: Pieces, rng: Any) -> Any:
        return whole_forward(params, memory, past, x, cached, of, rng)[0]

    def whole_forward(
        params: Any, memory: jax.Array, past: Any, x: jax.Array, cached: Any, of: Pieces, rng: Any
    ) -> Any:
        waves, done, memories, log, y = forward(params, memory, past, x, cached, of, rng)
        return (y, memories[rows, done], before(log, done)), (waves, done, memories, log, params, x, cached, of, rng)

    def whole_backward(kept: Any, cotangents: Any) -> Any:
        waves, done, memories, log, params, x, cached, of, rng = kept
        d_y, d_memory, _ = cotangents

        def body(carry: Any) -> Any:
            w, done, d_params, d_memory, d_x, d_cached = carry
            here = wave(of, length, w)
            done = done - here.complete
            past = before(log, done)
            _, pull = jax.vjp(
                lambda params, memory, xs, cached: turn(params, memory, past, xs, cached, here, keyed(rng, w))[0],
                params,
                memories[rows, done],
                by_slot(x, here.time),
                cached,
            )
            more_params, d_memory, d_xs, more_cached = pull((by_slot(d_y, here.time), d_memory))
            d_params, d_cached = jax.tree.map(jnp.add, (d_params, d_cached), (more_params, more_cached))
            return w - 1, done, d_params, d_memory, by_time(d_x, here.time, d_xs), d_cached

        zeros = lambda tree: jax.tree.map(jnp.zeros_like, tree)  # noqa: E731
        carry = (waves - 1, done, zeros(params), d_memory, zeros(x), zeros(cached))
        _, _, d_params, d_memory, d_x, d_cached = jax.lax.while_loop(lambda carry: anywhere(carry[0] >= 0), body, carry)
        return d_params, d_memory, None, d_x, d_cached, None, None

    whole.defvjp(whole_forward, whole_backward)
    return whole(params, memory, past, x, cached, of, rng)


def _places(begin: jax.Array, count: int) -> jax.Array:
    """`count` places from each of `begin` [B] on: int32 [B, count]."""
    return begin[:, None] + jnp.arange(count)
