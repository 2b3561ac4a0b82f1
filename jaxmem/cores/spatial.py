"""Top-down spatial attention: what was remembered asks where to look, and what is seen there is remembered."""

from dataclasses import field
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import ConfigError, choice, flag, integer, integers, number
from jaxmem.cores.convolution import ConvLSTM, no_memory
from jaxmem.cores.looking import MAPS, GridPositions, LookingCore, check_rotary, position_columns, rotate_grid
from jaxmem.cores.lstm import LSTM
from jaxmem.cores.protocol import Core
from jaxmem.cores.trxl import GTrXL, TransformerXL
from jaxmem.cores.turn import Ask, Seen, Turn

ASKS = ("memory", "learned", "random", "mean")


class SpatialState(NamedTuple):
    """State of `SpatialAttention`.

    Attributes:
        vision: of the ConvLSTM; nothing where there is none.
        said: float32 [B, width], what the memory said last.
        memory: of the memory.
    """

    vision: Any
    said: jax.Array
    memory: Any


class SpatialAttention(LookingCore):
    """A grid, `queries` times looked at, and a memory of what was seen there (Mott et al. 2019, arXiv:1906.02500).

    Vision gives each cell `channels` numbers: a key of `key_width` and a value of the rest. Beside both stands where
    the cell is. Each query has a map, softmax over all cells of query times key, unscaled as published, and an answer,
    the sum of the values under it. Answers, queries and what is known beside the picture go through ReLU layers into
    the memory, whose output is the core's, and asks at the next step: queries do not see what they ask about.

    Other values of `ask` than `memory` are controls: `learned` and `random` constants, the latter never trained, and
    `mean`, which has no query and takes the mean of all cells, once.

    Attributes:
        vision: conv_lstm, or linear, each cell by itself.
        channels: of vision's output.
        key_width: how many of them are keys.
        queries: how many maps there are; with `mean` one.
        ask: memory, learned, random or mean, which has no use for the fields of queries.
        query_hidden: widths of the layers that make queries of what the memory said; of no use to others that ask.
        query_spread: of the constant part of queries, N(0, `query_spread`^2) at first: what is added to those of the
            memory, or the constants. Without any, all queries begin close to zero, so that each takes nearly the mean
            of all cells; with `random` they would stay there, which is refused.
        answer_hidden: widths of the layers between the answers and the memory's input, which is `width` wide.
    """

    vision: str = choice("conv_lstm", ["conv_lstm", "linear"])
    channels: int = integer(128, low=2)
    key_width: int = integer(8, low=1)
    queries: int = integer(4, low=1)
    ask: str = choice("memory", ASKS)
    query_hidden: tuple[int, ...] = integers((128, 288), low=1)
    query_spread: float = number(0.0, low=0.0)
    answer_hidden: tuple[int, ...] = integers((512,), low=1)

    looks_at: ClassVar[str] = "features"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rotary(self.positions, self.key_width, "key_width")
        if self.key_width >= self.channels:
            raise ConfigError(
                f"core.key_width is {self.key_width}: allowed is less than core.channels = {self.channels}"
            )
        if self.ask == "random" and self.query_spread == 0:
            raise ConfigError("core.query_spread is 0: with core.ask random, allowed is more than 0")

    @property
    def map_names(self) -> tuple[str, ...]:
        """See `LookingCore.map_names`."""
        if self.ask == "mean":
            return ("mean",)
        return tuple(f"query {index + 1}" for index in range(self.queries))

    def make_memory(self) -> Core:
        """The core that remembers, `width` wide; of no parent, since it also gives first states outside of any."""
        raise NotImplementedError

    def setup(self) -> None:
        """Vision, positions, and what takes turns."""
        conv = self.vision == "conv_lstm"
        self.see = ConvLSTM(self.channels, dtype=self.dtype) if conv else nn.Dense(self.channels, dtype=self.dtype)
        where = GridPositions(self.positions, *self.size)
        asked = self.key_width + position_columns(self.positions)
        ask = (
            None
            if self.ask == "mean"
            else Ask(self.queries, asked, self.ask, self.query_hidden, self.query_spread, self.dtype)
        )
        self.turn = Turn(self.make_memory(), ask, where, self.answer_hidden, self.dtype)

    def initial_state(self, batch_size: int) -> SpatialState:
        """Zeros, and the memory's own."""
        vision: Any = ()
        if self.vision == "conv_lstm":
            vision = no_memory(batch_size, *self.size, self.channels)
        said = jnp.zeros((batch_size, self.width), jnp.float32)
        return SpatialState(vision, said, self.make_memory().initial_state(batch_size))

    def _step(
        self, state: SpatialState, x: jax.Array, start: jax.Array, deterministic: bool
    ) -> tuple[SpatialState, jax.Array]:
        del deterministic
        vision, seen = self._see(state.vision, x[None], start[None])
        (said, memory), (y, _, _) = self.turn((state.said, state.memory), jax.tree.map(lambda leaf: leaf[0], seen))
        return SpatialState(vision, said, memory), y

    def _unroll(
        self, state: SpatialState | None, x: jax.Array, start: jax.Array, deterministic: bool
    ) -> tuple[SpatialState, jax.Array]:
        before = self.initial_state(x.shape[1]) if state is None else state
        vision, seen = self._see(before.vision, x, start)
        turns = nn.scan(lambda turn, *inputs: turn(*inputs), variable_broadcast="params", split_rngs={"params": False})
        (said, memory), (y, maps, answers) = turns(self.turn, (before.said, before.memory), seen)
        if self.is_mutable_collection("intermediates"):
            self.sow("intermediates", MAPS, maps.reshape(*maps.shape[:-1], *self.size))
            # By the law of cores this is what was stepped; it is unrolled for what it sows.
            self.turn.memory.unroll(None if state is None else state.memory, answers, start, deterministic)
        return SpatialState(vision, said, memory), y

    def _see(self, vision: Any, x: jax.Array, start: jax.Array) -> tuple[Any, "Seen"]:
        """Keys and values of all steps, which wait for no memory."""
        cells, beside = self.split(x)
        if self.vision == "conv_lstm":
            see: Any = self.see
            vision, seen = see.unroll(vision, cells.reshape(*cells.shape[:2], *self.size, -1), start)
            seen = seen.reshape(*cells.shape[:-1], -1)
        else:
            seen = self.see(cells)
        keys, values = jnp.split(seen, [self.key_width], axis=-1)
        if self.positions == "rotary":
            keys = rotate_grid(keys, *self.size)
        return vision, Seen(keys, values, beside, start)


class Mott(SpatialAttention):
    """ConvLSTM, top-down spatial attention and an LSTM (Mott et al. 2019, arXiv:1906.02500).

    Attributes:
        layers: of the LSTM.
    """

    layers: int = integer(1, low=1)

    def make_memory(self) -> Core:
        """See `SpatialAttention.make_memory`."""
        return LSTM(self.width, self.max_length, self.dtype, layers=self.layers, forget_bias=1.0, parent=None)


class MeanPool(Mott):
    """The control of `mott`: the mean of all cells, with the same vision and the same memory.

    `key_width` numbers of each cell are left out, as where they are keys. What makes queries is no option.
    """

    ask: str = choice("mean", ("mean",))
    queries: int = field(default=0, init=False)
    query_hidden: tuple[int, ...] = field(default=(), init=False)
    query_spread: float = field(default=0.0, init=False)


class SpatioTemporal(SpatialAttention):
    """Spatial attention that feeds Transformer-XL, whose output asks where to look next: attention in space and time.

    After arXiv:2310.03161, which names the parts and no sizes: the spatial attention is Mott et al.'s, on the
    encoder's features without ConvLSTM; the memory is the pre-norm Transformer-XL of the `trxl` core or its gated form,
    with dropout off.

    Attributes:
        vision: conv_lstm, or linear, each cell by itself.
        layers: of the transformer.
        heads: of each layer; must divide the width.
        reach: how many steps each layer attends to, the present one included; never more than `max_length`.
        gated: GRU-type gates in place of residual sums.
        init_std: initial spread of the transformer's weights.
    """

    vision: str = choice("linear", ["conv_lstm", "linear"])
    layers: int = integer(1, low=1)
    heads: int = integer(4, low=1)
    reach: int = integer(64, low=1)
    gated: bool = flag(False)
    init_std: float = number(0.02, above=0.0)

    def make_memory(self) -> Core:
        """See `SpatialAttention.make_memory`."""
        kind = GTrXL if self.gated else TransformerXL
        return kind(
            self.width,
            self.max_length,
            self.dtype,
            layers=self.layers,
            heads=self.heads,
            memory=self.reach,
            dropout=0.0,
            init_std=self.init_std,
            parent=None,
        )
