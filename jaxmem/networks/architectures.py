"""Architectures for pictures, by name: a core and what stands around it, in sizes that are shared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxmem import cores
from jaxmem.cores import CoreOptions
from jaxmem.networks.options import NetworkOptions

ARCHITECTURES: Mapping[str, str] = {
    "lstm": "ResNet-LSTM",
    "trxl": "Adaptive: ResNet, Transformer-XL with adaptive span",
    "mott": "Mott: ConvLSTM, top-down spatial attention, LSTM",
    "mean_pool": "control: Mott's with the mean of all cells",
    "spatio_temporal": "Spatio-Temporal: spatial attention, Transformer-XL",
    "timesformer": "TimeSformer: patches, attention divided in time and space",
}
"""What they are, by the names of their cores."""


@dataclass(frozen=True)
class Architecture:
    """A memory core, and what stands around it."""

    core: CoreOptions
    network: NetworkOptions


# A key of 4 numbers of 16, where Mott et al. have 8 of 128.
_SMALL_MEAN: dict[str, Any] = dict(channels=16, key_width=4, answer_hidden=(128,))
_SMALL_ASKS: dict[str, Any] = _SMALL_MEAN | dict(query_hidden=(64,))
_SMALL: dict[str, dict[str, Any]] = {
    "lstm": dict(forget_bias=1.0),
    "trxl": dict(memory=32, heads=4, adaptive_span=True, dropout=0.0, init_std=0.1),
    "mott": _SMALL_ASKS,
    "mean_pool": _SMALL_MEAN,
    "spatio_temporal": _SMALL_ASKS | dict(reach=32, init_std=0.1),
    # 25 patches of two frames.
    "timesformer": dict(width=32, heads=2, patch=2, frames=2, clip="steps"),
}
_SMALL_RESNET: dict[str, Any] = dict(encoder="resnet", resnet_channels=(16, 32))

_ATARI: dict[str, dict[str, Any]] = {
    "lstm": dict(forget_bias=1.0),
    "trxl": dict(memory=100, heads=4, layers=3, adaptive_span=True, dropout=0.0),
    "mott": {},
    "mean_pool": {},
    "spatio_temporal": dict(reach=100, channels=64),
    # 36 patches of each of the four stacked frames.
    "timesformer": dict(width=128, patch=14, frames=4, clip="channels", layers=3),
}
_ATARI_ENCODERS = {"mott": "strided", "mean_pool": "strided", "timesformer": "auto"}


def small(name: str) -> Architecture:
    """For pictures of some ten pixels, such as MinAtar's; the sizes are ours.

    A cell of attention for each pixel: the grid is a convolution of 16 kernels of 3x3 (Young & Tian 2019,
    arXiv:1903.03176). What asks depends on what was just done, so that cores that look see the previous action.

    Any other core is one, too, with its own defaults.

    Raises:
        ConfigError: there is no such core.
    """
    looks = cores.looks_at(name) is not None
    network: dict[str, Any] = dict(cnn_channels=(16,), cnn_kernel=3) if looks else _SMALL_RESNET
    return Architecture(
        cores.options(name, **{"width": 128} | _SMALL.get(name, {})),
        NetworkOptions(obs_embed=128, action_embed=16 if looks else 0, head=(128,), **network),
    )


def atari(name: str) -> Architecture:
    """For Atari's 84x84 pixels, four of them in a stack, with linear heads.

    256 units, a ConvLSTM of 128 channels, 8 of them keys, and four queries are Mott et al.'s (arXiv:1906.02500); 256
    units and the residual network IMPALA's (arXiv:1802.01561); four heads, three layers and a memory of 100 steps those
    of Kumar et al. 2020 (arXiv:2004.03761). Patches, width and layers of `timesformer` and what feeds
    `spatio_temporal` are ours.

    Any other core is one, too, with its own defaults.

    Raises:
        ConfigError: there is no such core.
    """
    # The transformer's input is as wide as its output: 224 and 32.
    obs, action, reward = (224, 16, 16) if cores.needs_equal_width(name) else (256, 16, 16)
    return Architecture(
        cores.options(name, **{"width": 256} | _ATARI.get(name, {})),
        NetworkOptions(
            encoder=_ATARI_ENCODERS.get(name, "resnet"),
            obs_embed=obs,
            action_embed=action,
            reward_embed=reward,
            reward_clip="abs_one",
            head=(),
        ),
    )
