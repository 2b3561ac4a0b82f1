"""Trajectories on disk: written, checked, read at random and loaded in batches.

A dataset is a folder with a description, `dataset.json`, and shards of trajectories; see docs/datasets.md.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxmem.datasets.dataset import Dataset, open
from jaxmem.datasets.loader import Loader
from jaxmem.datasets.manifest import DatasetError, Field, Meta, Shard, Source
from jaxmem.datasets.record import Trajectory
from jaxmem.datasets.windows import Batch

if TYPE_CHECKING:
    from jaxmem.datasets.collection import collect
    from jaxmem.datasets.flat_arrays import from_arrays
    from jaxmem.datasets.writer import Writer

__all__ = [
    "Batch",
    "Dataset",
    "DatasetError",
    "Field",
    "Loader",
    "Meta",
    "Shard",
    "Source",
    "Trajectory",
    "Writer",
    "collect",
    "from_arrays",
    "open",
]

# What trains agents takes seconds to import, and reading does not need it.
_LATER = {"Writer": "writer", "collect": "collection", "from_arrays": "flat_arrays"}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
