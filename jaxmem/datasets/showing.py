"""Collecting, while a person looks on."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxmem import datasets, envs
from jaxmem.training.progress import Display

if TYPE_CHECKING:
    from jaxmem.datasets.players import RunPolicy


def collect_showing(
    env: envs.EnvOptions, policy: "str | RunPolicy", episodes: int, folder: Path, seed: int = 0, **options: Any
) -> tuple[datasets.Dataset, int]:
    """`collect`, with its progress shown: the dataset, and how many trajectories it had before."""
    display = Display(episodes)
    before: list[int] = []

    def report(kept: int, played: int) -> None:
        if not before:
            before.append(kept)
            display.begin(kept)
        else:
            display.advance(kept, f"{kept} trajectories" + (f" of {played} episodes" if options.get("keep") else ""))

    try:
        dataset = datasets.collect(env, policy, episodes, folder, seed, report=report, **options)
    finally:
        display.end()
    return dataset, before[0]
