"""Batches of a dataset without end, in an order that can be gone on with."""

import copy
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from jaxmem.config import ConfigError, describe
from jaxmem.datasets.dataset import Dataset
from jaxmem.datasets.windows import FIELDS, Batch, Steps, Windows, step_fields

# Of the machine's memory, what is kept decoded.
_CACHE_SHARE = 0.25


class Loader:
    """An endless iterator of batches; every epoch visits every window once, in a new order.

    Batches run on across epochs, so that nothing is left out. The order is a permutation that NumPy draws for the seed
    and the epoch, since asking grain's shuffle for each index would take most of the time; grain makes batches ahead of
    what is asked for.

    Attributes:
        windows: how many windows an epoch has.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        length: int,
        stride: int | None = None,
        seed: int = 0,
        *,
        fields: Sequence[str] = FIELDS,
        cache: bool | None = None,
        prefetch: int = 2,
    ) -> None:
        """Prepare to read a dataset.

        Args:
            dataset: what is read.
            batch_size: windows of a batch, B.
            length: steps of a window, L.
            stride: steps between the beginnings of windows of a trajectory, from 0 on; None takes one window of each
                trajectory, its beginning, and no trajectory may be longer.
            seed: where the order comes from, from 0 on.
            fields: which of obs, action, reward and return_to_go batches have; without obs pictures need no memory.
            cache: whether all of these are kept in memory; None does if they take less than a quarter of the machine's.
            prefetch: batches that a thread makes ahead; 0 makes each when it is asked for.

        Raises:
            ConfigError: a value that is not allowed, or the dataset is empty.
            DatasetError: with a cache, a trajectory cannot be read.
        """
        for name, value, low in (("batch_size", batch_size, 1), ("length", length, 1), ("seed", seed, 0)):
            _check(name, value, low)
        _check("prefetch", prefetch, 0)
        if stride is not None:
            _check("stride", stride, 1)
        unknown = [name for name in fields if name not in FIELDS]
        if unknown:
            raise ConfigError(f"unknown field {unknown[0]!r}: known are {', '.join(FIELDS)}")
        if not len(dataset):
            raise ConfigError(f"{dataset.path} has no trajectories: allowed is a dataset with some")
        self._dataset, self._batch_size, self._length, self._fields = dataset, batch_size, length, tuple(fields)
        self._table = Windows.of(dataset.meta.lengths(), length, stride)
        self.windows = len(self._table.begin)
        self._seed = seed
        self._identity = {"batch_size": batch_size, "length": length, "stride": stride, "seed": seed}
        self._identity |= {"dataset": _digest(dataset)}
        self._epochs: dict[int, np.ndarray] = {}
        self._prefetch = prefetch
        if cache is None:
            cache = self._cached_bytes() < _CACHE_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        self._cache = Steps.of(dataset, self._fields, dataset.meta.steps) if cache else None
        self._served = 0
        self._batches = self._from(0)

    def reordered(self, seed: int) -> "Loader":
        """A loader of the same windows from its beginning, in another seed's order; what is in memory is shared.

        Raises:
            ConfigError: the seed is not allowed.
        """
        _check("seed", seed, 0)
        other = copy.copy(self)
        other._seed, other._served, other._epochs = seed, 0, {}
        other._identity = self._identity | {"seed": seed}
        other._batches = other._from(0)
        return other

    def __iter__(self) -> "Loader":
        return self

    def __next__(self) -> Batch:
        """The next batch; raises `DatasetError` if a trajectory cannot be read."""
        batch = next(self._batches)
        self._served += 1
        return batch

    @property
    def epoch(self) -> float:
        """How often the windows have been visited so far."""
        return self._served * self._batch_size / self.windows

    def state(self) -> dict[str, Any]:
        """Where it is, as JSON values."""
        return {"batches": self._served} | self._identity

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where a loader was that gave this `state`: the next batch is exactly that one's.

        Raises:
            ConfigError: that loader read another dataset, or with other arguments.
        """
        for name, value in self._identity.items():
            if name not in state or state[name] != value:
                raise ConfigError(
                    f"the state is another loader's: {name} was {describe(state.get(name))}, now {describe(value)}"
                )
        _check("the state's batches", state.get("batches"), 0)
        self._served = state["batches"]
        self._batches = self._from(self._served)

    def _from(self, number: int) -> Iterator[Batch]:
        """Batches from a number on."""
        # Only programs that load datasets pay for its import.
        import grain

        batches = grain.MapDataset.source(_Batches(self, number))
        threads = min(1, self._prefetch)
        return iter(batches.to_iter_dataset(grain.ReadOptions(threads, self._prefetch)))

    def make(self, number: int) -> Batch:
        """The batch of that number, from 0 on."""
        position = np.arange(number * self._batch_size, (number + 1) * self._batch_size)
        chosen = np.empty(self._batch_size, np.int64)
        epochs = position // self.windows
        for epoch in np.unique(epochs):
            here = epochs == epoch
            chosen[here] = self._order(int(epoch))[position[here] % self.windows]
        trajectory, begin, steps = (column[chosen] for column in self._table)
        if self._cache is not None:
            return self._cache.batch(self._cache.first[trajectory] + begin, steps, begin, self._length)
        return self._read(trajectory, begin, steps)

    def _read(self, trajectory: np.ndarray, begin: np.ndarray, steps: np.ndarray) -> Batch:
        """A batch whose trajectories are read now."""
        parts: dict[str, list[np.ndarray]] = {name: [] for name in self._fields}
        for index, first, count in zip(trajectory, begin, steps, strict=True):
            for name, values in step_fields(self._dataset[index], self._fields).items():
                parts[name].append(values[first : first + count])
        columns = {name: np.concatenate(values) for name, values in parts.items()}
        first = np.cumsum(steps) - steps
        return Steps(columns, first).batch(first, steps, begin, self._length)

    def _order(self, epoch: int) -> np.ndarray:
        """The windows in this epoch's order; the last two orders are kept, as batches run from one into the next."""
        order = self._epochs.get(epoch)
        if order is None:
            order = np.random.default_rng((self._seed, epoch)).permutation(self.windows)
            self._epochs = {old: kept for old, kept in self._epochs.items() if old == epoch - 1} | {epoch: order}
        return order

    def _cached_bytes(self) -> int:
        """What the cache would take."""
        meta = self._dataset.meta
        sizes = {"reward": 4, "return_to_go": 4}
        for name in ("obs", "action"):
            one = meta.fields[name]
            sizes[name] = np.dtype(one.dtype).itemsize * int(np.prod(one.shape))
        return meta.steps * sum(sizes[name] for name in self._fields)


class _Batches:
    """A loader's batches from a number on, as grain reads a source."""

    def __init__(self, loader: Loader, first: int) -> None:
        self._loader, self._first = loader, first

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: int) -> Batch:
        return self._loader.make(self._first + index)

    def __repr__(self) -> str:
        # For grain's messages, which would have the whole loader otherwise.
        return f"batches from {self._first} on"


def _check(name: str, value: Any, low: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value < 2**63:
        raise ConfigError(f"{name} is {describe(value)}: allowed is an integer from {low}")


def _digest(dataset: Dataset) -> str:
    """What tells one dataset's content from another's."""
    return hashlib.sha256("".join(shard.sha256 for shard in dataset.meta.shards).encode()).hexdigest()[:16]
