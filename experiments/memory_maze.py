"""Sequence models in the Memory Maze (Pasukonis et al. 2022, arXiv:2210.13383) imitate an explorer that remembers."""

from collections.abc import Callable
from typing import Any

from jaxmem import cores, envs
from jaxmem.cores import CoreOptions
from jaxmem.offline.options import DataOptions, LearnOptions, OfflineConfig, PlayOptions, SequenceOptions
from jaxmem.study import Study

MODELS = ("memoryless", "dt", "rmt", "bits", "lstm")
STEPS = 300

DIFFERENCE = (
    "600 episodes of 300 steps of a scripted explorer, learned from whole, in place of windows of 90 steps out of 5000 "
    "episodes of Dreamer's; no return is asked for; pictures of 40 x 40 and a CNN half as wide"
)


def _cores(blocks: dict[str, Any], segment: int, steps: int) -> dict[str, Callable[[], CoreOptions]]:
    """Each model's core, for windows of so many steps in segments; blocks are those of transformers."""
    width = blocks["width"]
    return {
        "memoryless": lambda: cores.options("mlp", width=width),
        "dt": lambda: cores.options("gpt", positions="rotary", **blocks),
        "rmt": lambda: cores.options("rmt", segment=segment, tokens=8, **blocks),
        "bits": lambda: cores.options("rmt", segment=segment, tokens=8, bits=True, **blocks),
        "lstm": lambda: cores.options("lstm", width=width, forget_bias=None, candidate_bias=False, reach=2.0),
    }


def best(model: str) -> OfflineConfig:
    """A recipe for a laptop."""
    blocks = {"width": 128, "layers": 2, "heads": 4, "dropout": 0.0, "init_std": 0.05}
    return OfflineConfig(
        env=envs.options("MemoryMaze-v0", size=9, time_limit=STEPS, pixels=40),
        core=_cores(blocks, 50, STEPS)[model](),
        data=DataOptions(policy="explorer", episodes=600),
        model=SequenceOptions(returns=False, channels=(16, 32, 32)),
        learn=LearnOptions(updates=800, batch=4, learning_rate=1e-3, eval_every=400),
        play=PlayOptions(episodes=64, lengths=(STEPS, 1000), greedy=False),
        seeds=1,
    )


STUDIES = [
    Study(
        name="memory_maze_9",
        description="imitate an explorer that remembers what it saw, in mazes of 9 x 9 cells",
        presets={"best": best},
        models=MODELS,
        difference=DIFFERENCE,
        source="Cherepanov et al. 2023",
        published={"dt": {1000: "6.83 ± 0.51"}, "rmt": {1000: "7.27 ± 0.21"}, "lstm": {1000: "4.75 ± 0.15"}},
    ),
]
