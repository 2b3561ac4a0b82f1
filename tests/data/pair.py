"""Two experiments that differ in their seed alone, so that one compilation serves both."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from jaxmem.experiment import Experiment, from_file
from jaxmem.training import RunConfig

TINY = from_file(Path(__file__).with_name("tiny.py"))[0]


def best(core: str, seed: int) -> RunConfig:
    config = TINY.config("best", core)
    return replace(config, seed=seed, loop=replace(config.loop, episodes=16))


EXPERIMENTS = [
    Experiment(
        name=f"pair_{seed}", description="a second", presets={"best": partial(best, seed=seed)}, cores=("mlp", "lstm")
    )
    for seed in (1, 2)
]
