"""Sequence models in the Memory Maze (Pasukonis et al. 2022, arXiv:2210.13383) imitate an explorer that remembers.

A gradient step follows every 50 steps of eight episodes (150 where tokens have to learn to hand something on), with the
memory so far as a constant, and not every 300: the memoryless model's loss is after 200 batches what it was after 500.
One in five of the explorer's actions is drawn at random, so that models see how it finds back from where it would
never have gone; as the random actions are no part of its plan, models act greedily.
"""

from collections.abc import Callable
from typing import Any

from jaxmem import cores, envs
from jaxmem.cores import CoreOptions
from jaxmem.offline.options import DataOptions, LearnOptions, OfflineConfig, PlayOptions, SequenceOptions
from jaxmem.study import Study

MODELS = ("memoryless", "dt", "rmt", "bits", "lstm")
STEPS, SEGMENT = 300, 50

DIFFERENCE = (
    "3000 episodes of 300 steps of a scripted explorer with noise, in place of windows of 90 steps out of 5000 "
    "episodes of Dreamer's; no return is asked for; pictures of 40 x 40 and a narrower CNN"
)


def _cores(blocks: dict[str, Any], segment: int, width: int) -> dict[str, Callable[[], CoreOptions]]:
    """Each model's core: transformers of such blocks and segments, others of a width."""
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
    # Across borders of segments a gradient has to reach what memory tokens write.
    segments = 3 if model in ("rmt", "bits") else 1
    return OfflineConfig(
        env=envs.options("MemoryMaze-v0", size=9, time_limit=STEPS, pixels=40),
        core=_cores(blocks, SEGMENT, width=256)[model](),
        data=DataOptions(policy="explorer", noise=0.2, episodes=3000),
        model=SequenceOptions(returns=False, channels=(16, 32, 128)),
        learn=LearnOptions(updates=5000, batch=8, learning_rate=1e-3, segment=segments * SEGMENT, eval_every=1000),
        play=PlayOptions(episodes=256, lengths=(STEPS, 1000)),
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
