"""What stands around a core: options, and the parts that agents assemble."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from jaxmem import cores
from jaxmem.config import Config, ConfigError, choice, flag, integer, integers
from jaxmem.cores import CoreOptions, windowed
from jaxmem.losses import REWARD_CLIPS
from jaxmem.networks.embed import Embedding
from jaxmem.networks.eye import ENCODERS, Eye
from jaxmem.networks.heads import MLPHead
from jaxmem.networks.inputs import Actions
from jaxmem.networks.memory_net import Trunk
from jaxmem.networks.prediction import AuxiliaryOptions, Predictor
from jaxmem.networks.vision import smallest_picture, smallest_strided_picture

_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


@dataclass(frozen=True)
class NetworkOptions(Config):
    """What stands around the core."""

    path: ClassVar[str] = "network"

    encoder: str = choice("auto", ["auto", "linear", *ENCODERS])
    """what embeds the observation; auto: cnn for pictures [height, width, channels], else linear. strided is for
    pictures of some 84 pixels. Where the core looks at features, they are those before anything is flattened, and auto
    is strided from 36 pixels on, as cnn has a cell for each pixel"""
    cnn_channels: tuple[int, ...] = integers((8, 16), low=1)
    """channels of the cnn's layers"""
    cnn_kernel: int | None = integer(None, low=1, high=8, optional=True)
    """height and width of the cnn's kernels; none: 2, or where the core looks at features, which takes an odd one, 3"""
    resnet_channels: tuple[int, ...] = integers((16, 32, 32), low=1)
    """channels of the resnet's sections, each of which halves the picture"""
    obs_embed: int = integer(64, low=1)
    """width of the observation's embedding; none where the core looks at features or pixels"""
    action_embed: int = integer(64, low=0)
    """width of the previous action's embedding; 0 leaves it out"""
    reward_embed: int = integer(0, low=0)
    """width of the previous reward's embedding; 0 leaves it out"""
    reward_clip: str = choice("off", REWARD_CLIPS)
    """how the previous reward is squeezed before it is embedded; see `jaxmem.losses.clip_rewards`"""
    centre: bool = flag(False)
    """take off what the typical input embeds to, so that memory does not fill with what is always there"""
    background: bool = flag(False)
    """take what pictures typically show, pixel by pixel, off each picture before it is encoded; see
    `jaxmem.networks.centre`"""
    skip: bool = flag(False)
    """heads read the embedding beside the core's output, so that memory need not carry what is seen now"""
    embed_init: str = choice("uniform", ["uniform", "orthogonal"])
    """first weights of linear embeddings; see `Embedding`"""
    head: tuple[int, ...] = integers((256, 256), low=1)
    """widths of the head's hidden layers"""
    head_init: str = choice("uniform", ["uniform", "orthogonal"])
    """first weights of heads; see `MLPHead`"""
    dtype: str = choice("float32", ["float32", "bfloat16"])
    """compute dtype; parameters are float32"""

    @property
    def input_width(self) -> int:
        """Width of what the core is fed."""
        return self.obs_embed + self.action_embed + self.reward_embed

    def parts(
        self,
        core: CoreOptions,
        obs_space: Any,
        action_space: Any,
        max_length: int,
        auxiliary: AuxiliaryOptions | None = None,
    ) -> "NetworkParts":
        """What an agent assembles its networks from, for an environment.

        Args:
            core: which memory core, and its options.
            obs_space: a gymnax `Box`.
            action_space: a gymnax `Discrete`, or a `Box` of one axis; see `actions_of`.
            max_length: the most steps that the core sees of one episode.
            auxiliary: what trunks predict; None for nothing.

        Raises:
            ConfigError: for spaces that the network cannot take, or if the core cannot take the embedding's width.
        """
        from gymnax.environments import spaces

        actions = actions_of(action_space)
        if not isinstance(obs_space, spaces.Box):
            raise ConfigError(f"env has the observation space {type(obs_space).__name__}: allowed is Box")
        shape = tuple(obs_space.shape)
        eye = self._eye(core.name, shape)
        if self.background and eye is None:
            raise ConfigError(
                f"network.background is on: network.encoder {self.encoder!r} is a linear layer for observations of the "
                f"shape {shape}, allowed are pictures and an encoder of them"
            )
        parts = NetworkParts(self, core, shape, eye, actions, max_length, auxiliary or AuxiliaryOptions())
        if parts.core().needs_equal_width and self.input_width != core.width:
            raise ConfigError(
                f"core.width is {core.width}: the {core.name} core needs the width of its input, which is "
                f"{self.input_width} (network.obs_embed + action_embed + reward_embed)"
            )
        return parts

    def _eye(self, core: str, shape: tuple[int, ...]) -> Eye | None:
        """What observations of this shape go through in front of a core; None for a linear layer."""
        keeps_places = cores.looks_at(core) is not None
        kernel = self.cnn_kernel or (3 if keeps_places else 2)
        kind = self._seen_by(core, shape) if keeps_places else self.encoder
        if kind == "auto":
            is_picture = len(shape) == 3 and min(shape[:2]) >= smallest_picture(self.cnn_channels, kernel)
            kind = "cnn" if is_picture else "linear"
        if kind == "linear":
            return None
        channels = self.resnet_channels if kind == "resnet" else self.cnn_channels
        eye = Eye(kind, channels, kernel, keeps_places)
        eye.check(shape)
        return eye

    def _seen_by(self, core: str, shape: tuple[int, ...]) -> str:
        """What kind of eye a core that looks has for observations of this shape."""
        if len(shape) != 3:
            raise ConfigError(
                f"core.name is {core!r}: it looks at pictures, and env's observations have the shape {shape}"
            )
        looks_at = cores.looks_at(core)
        fitting = ("auto",) if looks_at == "pixels" else ("auto", *ENCODERS)
        if self.encoder not in fitting:
            allowed = " or ".join(fitting)
            raise ConfigError(f"network.encoder is {self.encoder!r}: {core} looks at {looks_at}, allowed is {allowed}")
        if looks_at == "pixels":
            return "pixels"
        if self.encoder != "auto":
            return self.encoder
        return "strided" if min(shape[:2]) >= smallest_strided_picture() else "cnn"


def actions_of(space: Any) -> Actions:
    """What actions a gymnax space has, as agents see them.

    Raises:
        ConfigError: it is neither a `Discrete` nor a `Box` of one axis with bounds.
    """
    # Importing gymnax starts JAX's backend; a program must be able to configure that after importing jaxmem.
    from gymnax.environments import spaces

    if isinstance(space, spaces.Discrete):
        return Actions(space.n)
    if not isinstance(space, spaces.Box):
        raise ConfigError(f"env has the action space {type(space).__name__}: allowed are Discrete and Box")
    if len(space.shape) != 1:
        raise ConfigError(f"env has actions of the shape {tuple(space.shape)}: allowed is one axis")
    if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
        raise ConfigError("env has actions without bounds: allowed is a Box with bounds, which agents see as -1 and 1")
    return Actions(space.shape[0], continuous=True)


@dataclass(frozen=True)
class NetworkParts:
    """Makes trunks and heads for one task; every call makes a module of its own, with parameters of its own.

    Attributes:
        options: widths and dtype.
        core_options: which core.
        obs_shape: shape of one observation.
        eye: what embeds it, if it is a picture; None for a linear layer.
        actions: which there are.
        max_length: the most steps that the core sees of one episode.
        auxiliary: what trunks predict.
        window: while acting, the core sees the last so many steps as if they were an episode; None: what it remembers.
    """

    options: NetworkOptions
    core_options: CoreOptions
    obs_shape: tuple[int, ...]
    eye: Eye | None
    actions: Actions
    max_length: int
    auxiliary: AuxiliaryOptions
    window: int | None = None

    @property
    def num_actions(self) -> int:
        """How many actions there are, or how many numbers one has."""
        return self.actions.size

    @property
    def dtype(self) -> Any:
        """Compute dtype."""
        return _DTYPES[self.options.dtype]

    @cached_property
    def grid(self) -> tuple[int, int, int] | None:
        """Height, width and channels of what the core looks at; None where it is fed with vectors."""
        return self.eye.grid(self.obs_shape) if self.eye is not None and self.eye.keeps_places else None

    @property
    def input_width(self) -> int:
        """Width of what the core is fed."""
        options = self.options
        return options.input_width + (0 if self.grid is None else math.prod(self.grid) - options.obs_embed)

    def core(self) -> Any:
        """A memory core, in a window where there is one."""
        core = self.core_options.make(self.max_length, self.dtype)
        core = core if self.grid is None else core.clone(grid=self.grid)
        return core if self.window is None else windowed(core, self.window, self.input_width)

    def embedding(self, history: bool = True) -> Embedding:
        """An embedding of a step's inputs; without `history`, of the observation alone."""
        options = self.options
        return Embedding(
            num_actions=self.num_actions,
            obs_width=options.obs_embed,
            action_width=options.action_embed * history,
            reward_width=options.reward_embed * history,
            obs_shape=self.obs_shape,
            eye=self.eye,
            reward_clip=options.reward_clip,
            centred=options.centre,
            background=options.background,
            orthogonal=options.embed_init == "orthogonal",
            dtype=self.dtype,
        )

    def trunk(self) -> Trunk:
        """An embedding with a core on top."""
        skip = self.options.skip
        return Trunk(embedding=self.embedding(), core=self.core(), skip=skip, predictor=self._predictor())

    def _predictor(self) -> Predictor | None:
        if not self.auxiliary.weights:
            return None
        outputs = Predictor.outputs(self.auxiliary, math.prod(self.obs_shape))
        return Predictor(self.head(outputs=outputs), self.auxiliary, self.num_actions)

    def head(self, last_bound: float = 3e-3, outputs: int | None = None) -> MLPHead:
        """A read-out, by default with one output an action; its last layer starts uniform in +-`last_bound`."""
        orthogonal = self.options.head_init == "orthogonal"
        return MLPHead(self.options.head, outputs or self.num_actions, last_bound, self.dtype, orthogonal)
