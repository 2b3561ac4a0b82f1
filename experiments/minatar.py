"""MinAtar with V-trace, by every architecture that looks at pictures."""

from functools import partial
from typing import Any

from jaxmem import cores, envs
from jaxmem.cores import CoreOptions
from jaxmem.experiment import Experiment
from jaxmem.networks import NetworkOptions
from jaxmem.recipes import best_core, vtrace_recipe
from jaxmem.training import LoopOptions, RunConfig

# A cell of attention for each pixel, and a key of 8 numbers, as many as for Atari.
_SPATIAL: dict[str, Any] = dict(channels=16, key_width=4, query_hidden=(64,), answer_hidden=(128,))
_CORES: dict[str, dict[str, Any]] = {
    "mott": _SPATIAL,
    "mean_pool": _SPATIAL,
    "spatio_temporal": _SPATIAL | dict(reach=32, init_std=0.1),
    # 25 patches of two frames.
    "timesformer": dict(width=32, patch=2, frames=2, clip="steps"),
    "trxl": dict(memory=32, heads=4, adaptive_span=True),
}
_TRANSFORMERS = ("spatio_temporal", "timesformer", "trxl")


def _core(name: str) -> CoreOptions:
    return best_core(name, **{"width": 128} | _CORES.get(name, {}))


def minatar(core: str, env_id: str, **network: Any) -> RunConfig:
    """Games side by side, played on for 32 steps an iteration; one update, the targets reaching over the unroll.

    Where steps are dear, 32 games, so that there are four times as many updates for as many steps, and half a million
    steps; else 128 games and 10 million steps. The convolution is that of Young & Tian 2019 (arXiv:1903.03176): 16
    channels, kernels of 3x3.
    """
    looks = cores.looks_at(core) is not None
    dear = looks or network.get("encoder") == "resnet"
    games, iterations, evaluations = (32, 500, 10) if dear else (128, 2500, 20)
    return RunConfig(
        env=envs.options(env_id),
        core=_core(core),
        agent=vtrace_recipe(
            discount=0.99,
            entropy_cost=0.01,
            barrier_cost=0.0,
            learning_rate=5e-4 if core in _TRANSFORMERS else 1e-3,
            learning_rate_end=0.0,
        ),
        network=NetworkOptions(
            cnn_channels=(16,),
            cnn_kernel=3,
            obs_embed=128,
            # What memory asks with depends on what it has just done.
            action_embed=16 if looks else 0,
            head=(128,),
            **network,
        ),
        loop=LoopOptions(
            episodes=iterations * games,
            collect=games,
            unroll=32,
            eval_every=iterations // evaluations * games,
            eval_episodes=64,
            checkpoint_every=20,
        ),
    )


EXPERIMENTS = [
    Experiment(
        name="minatar_breakout",
        description="MinAtar's Breakout from its pictures, in unrolls of 32 steps",
        presets={
            "best": partial(minatar, env_id="Breakout-MinAtar"),
            # 10x10 pixels become 3x3 cells.
            "resnet": partial(minatar, env_id="Breakout-MinAtar", encoder="resnet", resnet_channels=(16, 32)),
        },
        difference="not of the paper",
        cores=("mlp", "lru", "lstm", "mott", "mean_pool", "spatio_temporal", "timesformer", "trxl"),
    ),
]
