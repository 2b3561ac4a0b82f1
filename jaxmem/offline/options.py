"""The configuration of an offline run, and its JSON form."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from jaxmem import cores, envs
from jaxmem.config import Config, ConfigError, choice, flag, integer, integers, number, replace, text, tuples
from jaxmem.cores import CoreOptions
from jaxmem.envs import EnvOptions
from jaxmem.networks.vision import STRIDED_CHANNELS


@dataclass(frozen=True)
class DataOptions(Config):
    """Which trajectories are learned from; they are collected where they are not there yet."""

    path: ClassVar[str] = "data"

    policy: str = text("oracle")
    """who played: a scripted policy of the environment"""
    noise: float = number(0.0, 0, 1)
    """the share of its actions that were drawn uniformly instead"""
    episodes: int = integer(6000, low=1)
    """trajectories of the dataset"""
    seed: int = integer(0, low=0, high=2**31 - 1)
    """where the dataset's randomness comes from"""
    window: int | None = integer(None, low=1, optional=True)
    """steps that the model sees of a trajectory at once; none: all, up to the environment's horizon"""
    stride: int | None = integer(None, low=1, optional=True)
    """steps between beginnings of windows; none: each trajectory is one window, its beginning"""


@dataclass(frozen=True)
class SequenceOptions(Config):
    """What stands around the core of a sequence model."""

    path: ClassVar[str] = "model"

    tokens: str = choice("joint", ["joint", "interleaved"])
    """what the core is fed each step: one token, the sum of all embeddings, or action, return and observation apart"""
    returns: bool = flag(True)
    """whether the model is told the return to go; without it, it imitates whatever was done"""
    return_scale: float = number(1.0, above=0)
    """what returns to go are divided by"""
    encoder: str = choice("auto", ["auto", "linear", "cnn"])
    """what embeds the observation; auto: cnn for pictures [height, width, channels] from 36 pixels on, else linear"""
    channels: tuple[int, ...] = integers(STRIDED_CHANNELS, low=1, count=3)
    """channels of the cnn's three layers"""
    squash: bool = flag(False)
    """tanh behind the embeddings of actions and pictures"""
    dtype: str = choice("float32", ["float32", "bfloat16"])
    """compute dtype; parameters are float32"""

    @property
    def tokens_per_step(self) -> int:
        """How many tokens the core is fed each step of the environment."""
        return 1 if self.tokens == "joint" else 2 + self.returns


@dataclass(frozen=True)
class LearnOptions(Config):
    """How the model is fitted: AdamW on batches of windows."""

    path: ClassVar[str] = "learn"

    updates: int = integer(1000, low=1)
    """batches that are learned from"""
    batch: int = integer(64, low=1)
    """windows in a batch"""
    learning_rate: float = number(1e-3, above=0)
    """step size after the warm-up"""
    warmup: int = integer(100, low=0)
    """batches over which the step size rises from 0"""
    schedule: str = choice("linear", ["constant", "linear", "cosine"])
    """how the step size falls from there to the last update"""
    end_factor: float = number(0.05, 0, 1)
    """the share of the step size that is left at the end"""
    beta2: float = number(0.999, 0, 1)
    """AdamW's decay of the second moment"""
    weight_decay: float = number(0.0, 0)
    """AdamW's weight decay"""
    clip: float = number(1.0, above=0)
    """bound on the gradient's norm"""
    segment: int | None = integer(None, low=1, optional=True)
    """steps after which the batch is cut: a gradient step for each part, whose memory is a constant to the next; none:
    one gradient step on whole windows"""
    eval_every: int = integer(200, low=1)
    """updates between evaluations"""
    stop_success: float | None = number(None, 0, 1, optional=True)
    """stop once every seed's success is at least this; none trains to the end"""
    stop_evals: int = integer(2, low=1)
    """evaluations in a row that must reach it"""
    checkpoint_every: float = number(60.0, 0)
    """seconds between checkpoints, taken at evaluations; the end is always saved"""
    keep: int = integer(2, low=1)
    """checkpoints that are kept"""


@dataclass(frozen=True)
class PlayOptions(Config):
    """How a model is evaluated: by episodes that it plays."""

    path: ClassVar[str] = "play"

    episodes: int = integer(100, low=1, high=1_000_000)
    """episodes of each seed, in each evaluation and at each length"""
    lengths: tuple[int, ...] = integers((), low=2)
    """most steps of episodes, in an evaluation each after training; empty: the environment's own alone"""
    target: float | None = number(None, optional=True)
    """the return that is asked for; none: the best of the dataset"""
    greedy: bool = flag(True)
    """take the likeliest action, or else draw one"""
    restart: int | None = integer(None, low=1, optional=True)
    """steps after which the whole target is asked for anew; none: it falls by each reward"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.lengths)) < len(self.lengths):
            raise ConfigError(f"play.lengths are {list(self.lengths)}: allowed are different ones")


@dataclass(frozen=True)
class OfflineConfig(Config):
    """Everything that decides what an offline run computes."""

    env: EnvOptions
    """the environment that was played and is played"""
    core: CoreOptions
    """the memory core"""
    data: DataOptions = dataclasses.field(default_factory=DataOptions)
    """what is learned from"""
    model: SequenceOptions = dataclasses.field(default_factory=SequenceOptions)
    """what stands around the core"""
    learn: LearnOptions = dataclasses.field(default_factory=LearnOptions)
    """how it learns"""
    play: PlayOptions = dataclasses.field(default_factory=PlayOptions)
    """how it is evaluated"""
    seeds: int = integer(3, low=1)
    """independent models, trained side by side in one program"""
    seed: int = integer(0, low=0, high=2**31 - 1)
    """where all randomness comes from, but for the dataset's"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if cores.looks_at(self.core.name) is not None:
            raise ConfigError(
                f"core.name is {self.core.name!r}: it looks at pictures, sequence models feed their core with vectors"
            )

    def to_json(self) -> dict[str, Any]:
        """The configuration as JSON values; `from_json` is the inverse."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(data: Any) -> "OfflineConfig":
        """Rebuild and check a configuration; raises `ConfigError` if it is not one."""
        try:
            data = {name: tuples(value) if isinstance(value, dict) else value for name, value in data.items()}
            parts = {part.path: part for part in (DataOptions, SequenceOptions, LearnOptions, PlayOptions)}
            made = {path: replace(part(), **data.pop(path)) for path, part in parts.items()}
            env, core = data.pop("env"), data.pop("core")
            return OfflineConfig(
                env=envs.options(env.pop("id"), **env), core=cores.options(core.pop("name"), **core), **made, **data
            )
        except ConfigError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"not the configuration of an offline run: {error!r}") from error
