"""Sequence models with and without recurrent memory on the T-Maze of RATE (Cherepanov et al. 2023, arXiv:2306.09459).

All models imitate the same oracle in corridors of at most the training length, and then walk through longer ones.
"""

from functools import partial
from typing import Any

from jaxmem import cores, envs
from jaxmem.cores import CoreOptions
from jaxmem.offline.options import DataOptions, LearnOptions, OfflineConfig, PlayOptions, SequenceOptions
from jaxmem.study import Study

STEPS = (90, 150, 900)
SEGMENTS = 3
BEYOND = (480, 900, 2400, 4800, 9600)

MODELS = ("dt", "trxl", "rmt", "rate", "bits", "lstm", "lru")

SOURCE = "Cherepanov et al. 2023"
# Success on trained lengths and beyond, as tables and text give it; 90 and 150 steps were trained alike.
PUBLISHED = {
    "dt": {90: "1.00", 480: "0.50", 900: "0.50"},
    "rate": {90: "1.00", 480: "0.90 ± 0.07", 900: "0.90 ± 0.07"},
}

DIFFERENCE = (
    "one token a step in place of three, two layers instead of eight, 800 batches of 32 instead of 200 epochs; gradients "
    "cross all segments, where the code of RATE lets none cross; 'bits' is not of the paper"
)


def core(model: str, steps: int) -> CoreOptions:
    """The core of a model that learns from episodes of up to `steps` steps, a token each."""
    segment = steps // SEGMENTS
    blocks: dict[str, Any] = {"width": 64, "layers": 2, "heads": 2, "dropout": 0.0}
    memory = blocks | {"segment": segment, "tokens": 5, "init_std": 0.05}
    return {
        "dt": lambda: cores.options("gpt", positions="rotary", **blocks),
        "trxl": lambda: cores.options("trxl", memory=segment, **blocks),
        "rmt": lambda: cores.options("rmt", **memory),
        "rate": lambda: cores.options("rmt", valve="ca2", **memory),
        "bits": lambda: cores.options("rmt", bits=True, **memory),
        "lstm": lambda: cores.options("lstm", width=64),
        "lru": lambda: cores.options("lru", width=64),
    }[model]()


def config(model: str, steps: int) -> OfflineConfig:
    """The recipe of all models: they differ in the core alone."""
    return OfflineConfig(
        env=envs.options("RateTMaze-v0", length=steps - 2, shortest=1),
        core=core(model, steps),
        data=DataOptions(policy="oracle", episodes=6000),
        model=SequenceOptions(),
        learn=LearnOptions(updates=800, batch=32, eval_every=200),
        play=PlayOptions(episodes=100, lengths=(steps, *(more for more in BEYOND if more > steps))),
        seeds=3,
    )


STUDIES = [
    Study(
        name=f"rate_tmaze_{steps}",
        description=f"imitate an oracle in corridors of up to {steps} steps, then walk through longer ones",
        presets={"best": partial(config, steps=steps)},
        models=MODELS,
        difference=DIFFERENCE,
        source=SOURCE,
        published=PUBLISHED,
    )
    for steps in STEPS
]
