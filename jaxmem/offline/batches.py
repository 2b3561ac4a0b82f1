"""Where a run's dataset is, and its batches for all seeds."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from jaxmem import datasets
from jaxmem.offline.learner import Recorded
from jaxmem.offline.options import OfflineConfig

# More than there are seeds in a program: runs with another `seed` have orders of their own.
_APART = 1_000_003


def dataset_folder(config: OfflineConfig, root: Path) -> Path:
    """Where the dataset of a configuration is below `root`: one folder for all that describe the same trajectories."""
    told: dict[str, Any] = {"env": dataclasses.asdict(config.env), "data": dataclasses.asdict(config.data)}
    for how_it_is_read in ("window", "stride"):
        del told["data"][how_it_is_read]
    # As in `dataset.json`, so that a policy without noise keeps its folder.
    if not config.data.noise:
        del told["data"]["noise"]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
    return root / f"{config.env.id.replace('/', '-')}-{digest}"


class Batches:
    """Batches for all seeds, each with an order of its own."""

    def __init__(self, config: OfflineConfig, dataset: datasets.Dataset, window: int) -> None:
        """Load from a dataset, in windows of so many steps."""
        fields = ("obs", "action", "return_to_go")
        orders = [config.seed * _APART + seed for seed in range(config.seeds)]
        first = datasets.Loader(dataset, config.learn.batch, window, config.data.stride, orders[0], fields=fields)
        self._loaders = [first, *map(first.reordered, orders[1:])]

    @property
    def epoch(self) -> float:
        """How often each seed has seen the dataset."""
        return self._loaders[0].epoch

    def take(self, count: int) -> Recorded:
        """The next batches: arrays [count, seeds, T, B, ...]."""
        taken = [[next(loader) for loader in self._loaders] for _ in range(count)]

        def stacked(name: str) -> np.ndarray:
            return np.stack([np.stack([getattr(batch, name) for batch in row]) for row in taken])

        return Recorded(*(stacked(name) for name in Recorded._fields))  # type: ignore[arg-type]

    def state(self) -> list[dict[str, Any]]:
        """Where they are, as JSON values."""
        return [loader.state() for loader in self._loaders]

    def restore(self, state: list[dict[str, Any]]) -> None:
        """Go on where `state` was taken."""
        for loader, one in zip(self._loaders, state, strict=True):
            loader.restore(one)
