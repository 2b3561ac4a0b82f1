"""A small offline run that several tests share."""

from typing import Any

from jaxmem import cores, envs
from jaxmem.offline.options import DataOptions, LearnOptions, OfflineConfig, PlayOptions, SequenceOptions

CORES: dict[str, Any] = {
    "lstm": cores.options("lstm", width=8),
    "rmt": cores.options("rmt", width=8, layers=1, heads=1, segment=3, tokens=2, dropout=0.0),
}


def small(core: str = "lstm", **changes: Any) -> OfflineConfig:
    """Corridors of up to three cells: episodes of at most five steps."""
    settings: dict[str, Any] = dict(
        env=envs.options("RateTMaze-v0", length=3, shortest=1),
        core=CORES[core],
        data=DataOptions(episodes=40),
        model=SequenceOptions(),
        learn=LearnOptions(updates=12, batch=4, warmup=2, eval_every=4, learning_rate=1e-2),
        play=PlayOptions(episodes=6, lengths=(5, 8)),
        seeds=2,
    )
    return OfflineConfig(**(settings | changes))
