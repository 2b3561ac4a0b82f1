"""Patches of a few frames, with attention divided in time and space, and no recurrence."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import ConfigError, choice, integer, number
from jaxmem.cores.cache import episode_positions
from jaxmem.cores.convolution import blocks
from jaxmem.cores.divided_attention import DividedBlock
from jaxmem.cores.looking import GRID_POSITIONS, MAPS, GridPositions, LookingCore, Placement, check_rotary
from jaxmem.cores.positions import sine
from jaxmem.cores.protocol import reset_rows


class Frames(NamedTuple):
    """State of `TimeSformer`: the numbers of the frames before this one, float32 [B, frames - 1, h * w * c].

    Frames from before the episode are zeros.
    """

    past: jax.Array


class TimeSformer(LookingCore):
    """A transformer on a clip of frames in patches, with divided attention (Bertasius et al. 2021, arXiv:2102.05095).

    Each patch of each frame is a token; a class token is what the core says. Tokens attend to the same place in the
    other frames, then to their own frame and the class token, of which each frame has a copy; the copies are averaged.
    The class token, normed, and what is known beside the picture go through one ReLU layer. No step knows more than its
    clip. The sizes are ours, as arXiv:2310.03161, which trains it on Atari, states none.

    Attributes:
        patch: height and width of a patch; pictures are filled up with zeros at the bottom and right.
        frames: of a clip.
        clip: steps: the clip is the episode's last `frames` pictures; channels: the picture holds the clip, its
            channels being `frames` frames one after the other, as Atari's stacked frames are and MinAtar's kinds of
            things are not.
        layers: number of blocks.
        heads: of each attention; must divide the width.
        stochastic_depth: chance that the last block's branches are left out, where dropout is on; it grows from 0 with
            the blocks.
        positions: learned as in the original, N(0, 0.02^2) for each patch and each frame; sine; fourier, through a
            linear map, with sines for time; rotary in queries and keys; none.
    """

    patch: int = integer(12, low=1)
    frames: int = integer(4, low=1)
    clip: str = choice("steps", ["steps", "channels"])
    layers: int = integer(2, low=1)
    heads: int = integer(4, low=1)
    stochastic_depth: float = number(0.0, low=0.0, high=0.99)
    positions: str = choice("learned", GRID_POSITIONS)

    looks_at: ClassVar[str] = "pixels"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise ConfigError(f"core.heads is {self.heads}: allowed is a divisor of core.width = {self.width}")
        check_rotary(self.positions, self.width // self.heads, "width / heads")
        if self.grid is not None and self.clip == "channels" and self.grid[2] % self.frames:
            raise ConfigError(
                f"core.frames is {self.frames}: with core.clip channels, allowed is a divisor of the picture's "
                f"{self.grid[2]} channels"
            )

    @property
    def map_names(self) -> tuple[str, ...]:
        """See `LookingCore.map_names`."""
        return tuple(f"layer {i + 1}, head {j + 1}" for i in range(self.layers) for j in range(self.heads))

    @property
    def map_placement(self) -> Placement:
        """Patches; what fills the last ones up is not moved."""
        return Placement(self.patch, (self.patch - 1) / 2)

    @property
    def places(self) -> tuple[int, int]:
        """Patches of a frame, down and across."""
        height, width = self.size
        return -(-height // self.patch), -(-width // self.patch)

    def setup(self) -> None:
        """Embedding, positions, blocks."""
        self.embed = nn.Dense(self.width, dtype=self.dtype)
        self.token = self.param("class", nn.initializers.normal(0.02), (1, self.width))
        self.where = GridPositions(self.positions, *self.places, self.width, spread=0.02)
        if self.positions == "fourier":
            self.basis = nn.Dense(self.width, use_bias=False, dtype=self.dtype)
        if self.positions == "learned":
            self.when = self.param("when", nn.initializers.normal(0.02), (self.frames, self.width))
        rates = [self.stochastic_depth * i / max(self.layers - 1, 1) for i in range(self.layers)]
        self.blocks = [
            DividedBlock(self.heads, self.places, self.positions == "rotary", i == 0, rate, self.dtype)
            for i, rate in enumerate(rates)
        ]
        self.norm = nn.LayerNorm(epsilon=1e-6, dtype=self.dtype)
        self.out = nn.Dense(self.width, dtype=self.dtype)

    def initial_state(self, batch_size: int) -> Any:
        """No frames, or blank ones."""
        if self.clip == "channels":
            return ()
        if self.grid is None:
            raise ConfigError("core.clip is 'steps': it needs the size of the picture, allowed is a core with a grid")
        height, width, channels = self.grid
        return Frames(jnp.zeros((batch_size, self.frames - 1, height * width * channels), jnp.float32))

    def _step(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        if self.clip == "steps":
            state = reset_rows(state, self.initial_state(x.shape[0]), start)
        state, y = self._unroll(state, x[None], jnp.zeros_like(start)[None], deterministic)
        return state, y[0]

    def _unroll(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        time, batch = start.shape
        cells, beside = self.split(x)
        if self.clip == "steps":
            before = self.initial_state(batch) if state is None else state
            state, clips = self._clips(before, cells.reshape(time, batch, -1), start)
            clips = clips.reshape(time * batch, self.frames, *self.size, -1)
        else:
            state = ()
            clips = cells.reshape(time * batch, *self.size, self.frames, -1).transpose(0, 3, 1, 2, 4)
        y, maps = self._look(clips, deterministic)
        y = nn.relu(self.out(jnp.concatenate([y, beside.reshape(time * batch, -1)], axis=-1)))
        if self.is_mutable_collection("intermediates"):
            self.sow("intermediates", MAPS, maps.reshape(time, batch, -1, *self.places))
        return state, y.reshape(time, batch, self.width)

    def _clips(self, state: Frames, pictures: jax.Array, start: jax.Array) -> tuple[Frames, jax.Array]:
        """The last `frames` pictures at each step: [T, B, N] -> (state, [T, B, frames, N]), zeros before an episode."""
        time, batch = start.shape
        past = self.frames - 1
        known = jnp.concatenate([state.past.swapaxes(0, 1).astype(pictures.dtype), pictures])
        # Before the first start of the chunk, what the state holds is the episode's, or zeros.
        position = episode_positions(jnp.full((batch,), past), start).T
        clips = []
        for age in range(past, -1, -1):
            frame = known[past - age : past - age + time]
            clips.append(jnp.where((position >= age)[..., None], frame, 0))
        clip = jnp.stack(clips, axis=2)
        return Frames(clip[-1, :, 1:].astype(jnp.float32)), clip

    def _look(self, clips: jax.Array, deterministic: bool) -> tuple[jax.Array, jax.Array]:
        """Clips [N, F, H, W, C] -> class token, normed, [N, D], and maps float32 [N, layers * heads, places]."""
        count, frames = clips.shape[:2]
        down, across = self.places
        height, width = self.size
        fill = ((0, 0), (0, down * self.patch - height), (0, across * self.patch - width), (0, 0))
        cut = blocks(jnp.pad(clips.reshape(-1, *clips.shape[2:]), fill), self.patch)
        tokens = self.embed(cut).reshape(count, frames, down * across, self.width) + self._positions(frames)
        one = jnp.broadcast_to(self.token.astype(self.dtype), (count, 1, self.width))
        maps = []
        for block in self.blocks:
            one, tokens, attended = block(one, tokens, deterministic)
            maps.append(attended)
        return self.norm(one[:, 0]), jnp.concatenate(maps, axis=1)

    def _positions(self, frames: int) -> jax.Array:
        """What is added to the tokens, [F, places, D] or of a shape that broadcasts to it."""
        if self.positions in ("rotary", "none"):
            return jnp.zeros((), self.dtype)
        where = self.where().astype(self.dtype)
        where = self.basis(where) if self.positions == "fourier" else where
        when = self.when if self.positions == "learned" else sine(jnp.arange(frames), self.width)
        return where + when.astype(self.dtype)[:, None]
