"""Transformer-XL and its gated form, as memories of reinforcement learning."""

import jax
import jax.numpy as jnp

from jaxmem.config import choice, flag, integer, number
from jaxmem.cores.cache import TransformerState, by_slot, by_time, cached_times, episode_positions, put, put_chunk
from jaxmem.cores.dropout import drop
from jaxmem.cores.relative import Cut, Heard, attend, attend_from_one, attention_weights
from jaxmem.cores.transformer import Transformer
from jaxmem.cores.trxl_block import TrXLBlock


class TransformerXL(Transformer):
    """Transformer-XL (Dai et al. 2019): in each layer a step attends to the last `memory` steps of its episode.

    Upper layers reach further: to layers * (memory - 1) steps back. Attention knows distances, not positions. With
    `norm` pre, layer norm opens each branch and ReLU closes it, TrXL-I of Parisotto et al. 2020; post is the original.
    The MLP is four times as wide, with ReLU; no layer norm ends the stack, as in the originals. The cost of a step does
    not grow with the episode. "attention_weights" are sown as by the gpt core.

    Two things differ from the original. What is carried are projected keys and values, not hidden states: within a
    chunk the projections learn from all that is attended to, but what an earlier chunk left is a constant, and stale
    where parameters have moved since; the original projects its memory anew with the present ones. And the biases u and
    v of the scores are each layer's own; the original's layers share them unless it is told otherwise.

    Attributes:
        memory: how many steps each layer attends to, the present one included; never more than `max_length`.
        segment: gradients do not cross the borders of segments of so many steps, counted from the episode's first, in
            `unroll` alone: the original's cached segments. It changes no output. None lets gradients through. The
            gradients of steps scanned are not cut, so that `check_law` passes without segments only.
        norm: pre or post.
        adaptive_span: each head learns how much of `memory` it looks at, at first 0.3 of it (Sukhbaatar et al. 2019).
        span_ramp: steps over which a learned span fades out; never more than `memory`.
        span_penalty: weight of the loss `memory` * (mean of the heads' shares) of each layer, which the gradient of
            `unroll` contains, but no reported loss.
    """

    memory: int = integer(64, low=1)
    segment: int | None = integer(None, low=1, optional=True)
    norm: str = choice("pre", ["pre", "post"])
    adaptive_span: bool = flag(False)
    span_ramp: int = integer(32, low=1)
    span_penalty: float = number(2e-6, low=0.0)

    @property
    def window(self) -> int:
        """How many of its episode's last steps a step attends to, itself included."""
        return min(self.memory, self.max_length)

    @property
    def bias_of_gates(self) -> float | None:
        """b_g of the gates that stand in place of sums, or None."""
        return None

    def setup(self) -> None:
        """Blocks, lowest first."""
        self.blocks = [
            TrXLBlock(
                self.width,
                self.heads,
                self.dropout,
                self.init_std,
                self.norm == "pre",
                self.bias_of_gates,
                self.adaptive_span,
                self.dtype,
            )
            for _ in range(self.layers)
        ]

    def _step(
        self, state: TransformerState, x: jax.Array, start: jax.Array, deterministic: bool
    ) -> tuple[TransformerState, jax.Array]:
        index = jnp.where(start, 0, state.index)
        distance = -1 - cached_times(index + 1, self.window)
        rngs = self.dropout_keys(1 + 2 * self.layers, deterministic)
        x = drop(x, self.dropout, rngs[0])
        layers = []
        for i, (block, cache) in enumerate(zip(self.blocks, state.layers, strict=True)):
            q, k, v = block.queries_keys_values(x, x.shape[0])
            cache = put(cache, index % self.window, k, v)
            terms = block.terms(self.window, self.window, self._ramp, 0.0)
            attended = attend_from_one(q, *by_slot(cache), distance, terms, index, self.dropout, rngs[2 * i + 1])
            x = block.finish(x, attended, rngs[2 * i + 2])
            layers.append(cache)
        return TransformerState(tuple(layers), index + 1), x

    def _unroll(
        self, state: TransformerState | None, x: jax.Array, start: jax.Array, deterministic: bool
    ) -> tuple[TransformerState, jax.Array]:
        time, batch = start.shape
        before = jnp.zeros((batch,), jnp.int32) if state is None else state.index
        position = episode_positions(before, start)
        index = position[:, -1] + 1
        reach = time if state is None else time + self.window
        rngs = self.dropout_keys(1 + 2 * self.layers, deterministic)
        x = drop(x.swapaxes(0, 1).reshape(batch * time, self.width), self.dropout, rngs[0])
        layers = []
        caches = (self.initial_state(batch) if state is None else state).layers
        for i, (block, cache) in enumerate(zip(self.blocks, caches, strict=True)):
            q, k, v = block.queries_keys_values(x, batch)
            past = None if state is None else by_time(cache, before)
            cut = None
            if self.segment is not None:
                # As in the original, the projections of other segments learn, but what they project does not.
                _, k_cut, v_cut = block.queries_keys_values(jax.lax.stop_gradient(x), batch)
                cut = Cut(*_after(jax.lax.stop_gradient(past), k_cut, v_cut), position % self.segment)
            heard = Heard(*_after(past, k, v), cut)
            terms = block.terms(min(reach, self.window), self.window, self._ramp, self.span_penalty)
            if self.is_mutable_collection("intermediates"):
                weights = attention_weights(q, heard, terms, position, self.window)
                self.sow("intermediates", "attention_weights", weights)
            attended = attend(q, heard, terms, position, self.window, self.dropout, rngs[2 * i + 1])
            x = block.finish(x, attended, rngs[2 * i + 2])
            layers.append(put_chunk(cache, index, k, v))
        return TransformerState(tuple(layers), index), x.reshape(batch, time, self.width).swapaxes(0, 1)

    @property
    def _ramp(self) -> int:
        return min(self.span_ramp, self.window)


class GTrXL(TransformerXL):
    """Gated Transformer-XL (Parisotto et al. 2020): a `trxl` core with GRU-type gates in place of residual sums.

    Attributes:
        gate_bias: how firmly the gates hold on to their input at first: the share of what is new is the sigmoid of
            -`gate_bias` (b_g in the paper; in code a bias of -2), 0.12 for 2.
    """

    gate_bias: float = number(2.0)

    @property
    def bias_of_gates(self) -> float | None:
        """b_g of the gates that stand in place of sums, or None."""
        return self.gate_bias


def _after(past: tuple[jax.Array, jax.Array] | None, keys: jax.Array, values: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Keys and values of a chunk, behind those of the past."""
    if past is None:
        return keys, values
    return jnp.concatenate([past[0], keys], axis=1), jnp.concatenate([past[1], values], axis=1)
