"""A dataset, opened to be read."""

import bisect
import itertools
import operator
import threading
from collections.abc import Iterator
from pathlib import Path

from jaxmem import envs
from jaxmem.config import tuples
from jaxmem.datasets.manifest import DatasetError, Field, Meta
from jaxmem.datasets.record import Trajectory, arrays_of, decode, stored
from jaxmem.datasets.shards import ShardReader, check_content, check_size

SCALARS = ("terminated", "truncated")


class Dataset:
    """Trajectories in a folder, read one by one; all that is wrong with a file is a `DatasetError` that names it.

    Attributes:
        path: the folder.
        meta: its description.
    """

    def __init__(self, path: Path, meta: Meta) -> None:
        """Use `open`, which checks the files."""
        self.path, self.meta = path, meta
        self._ends = list(itertools.accumulate(shard.trajectories for shard in meta.shards))
        self._readers: dict[int, ShardReader] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Number of trajectories."""
        return self.meta.trajectories

    def __getitem__(self, index: int) -> Trajectory:
        """One trajectory; negative numbers count from the end."""
        number = operator.index(index)
        if number < 0:
            number += len(self)
        if not 0 <= number < len(self):
            raise IndexError(f"trajectory {index}: {self.path} has {len(self)}")
        shard = bisect.bisect_right(self._ends, number)
        place = number - (self._ends[shard - 1] if shard else 0)
        return self._decoded(shard, place, self._reader(shard).read(place))

    def __iter__(self) -> Iterator[Trajectory]:
        """Every trajectory, in order; faster than one by one."""
        for shard in range(len(self.meta.shards)):
            for place, record in enumerate(self._reader(shard).read_all()):
                yield self._decoded(shard, place, record)

    def env(self) -> envs.EnvOptions:
        """Options of the environment that was played; `ConfigError` where there is none that is registered."""
        found = self.meta.source.env
        if found is None:
            raise DatasetError(f"{self.path} was imported: it does not say which environment was played")
        values = tuples(found)
        return envs.options(str(values.pop("id")), **values)

    def verify(self) -> None:
        """Read every byte: raises `DatasetError` at the first file or trajectory that is not what was written."""
        for shard in self.meta.shards:
            check_size(self.path, shard)
            check_content(self.path, shard)
        lengths = self.meta.lengths()
        for index, trajectory in enumerate(self):
            where = f"{self.path}: trajectory {index}"
            check_fields(where, trajectory, self.meta.fields)
            if trajectory.steps != lengths[index]:
                raise DatasetError(f"{where} has {trajectory.steps} steps instead of {lengths[index]}")

    def _reader(self, shard: int) -> ShardReader:
        with self._lock:
            if shard not in self._readers:
                self._readers[shard] = ShardReader(self.path, self.meta.shards[shard])
            return self._readers[shard]

    def _decoded(self, shard: int, place: int, record: bytes) -> Trajectory:
        try:
            return decode(record)
        except ValueError as error:
            path = self.path / self.meta.shards[shard].file
            raise DatasetError(f"{path} is damaged: trajectory {place} of it is no trajectory: {error}") from error


def open(path: Path | str, verify: bool = True) -> Dataset:
    """Open the dataset in a folder.

    Args:
        path: the folder.
        verify: whether to read the files once and compare their SHA-256, at over 300 MB a second; sizes are compared
            in any case.

    Raises:
        DatasetError: there is no dataset, or a file is missing, cut short, altered or another one's.
    """
    path = Path(path)
    meta = Meta.read(path)
    for check in (check_size, check_content) if verify else (check_size,):
        for shard in meta.shards:
            check(path, shard)
    return Dataset(path, meta)


def fields_of(where: str, trajectory: Trajectory) -> dict[str, Field]:
    """What the arrays of a trajectory are, by name; raises `DatasetError` if it is not whole or cannot be stored."""
    arrays = arrays_of(trajectory)
    sizes = {name: arrays[name].shape[:1] for name in ("obs", "action", "reward")}
    steps = sizes["reward"][0] if sizes["reward"] else 0
    if steps < 1 or sizes != {"obs": (steps + 1,), "action": (steps,), "reward": (steps,)}:
        told = ", ".join(f"{name} {list(size)}" for name, size in sizes.items())
        raise DatasetError(f"{where} has {told}: allowed is one more observation than actions and rewards, and a step")
    for name, value in arrays.items():
        if _is_scalar(name) and value.ndim:
            raise DatasetError(f"{where} has {name} of the shape {list(value.shape)}: allowed is a scalar")
    try:
        return {
            name: Field(stored(value.dtype)[1], value.shape[0 if _is_scalar(name) else 1 :])
            for name, value in arrays.items()
        }
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from error


def check_fields(where: str, trajectory: Trajectory, fields: dict[str, Field]) -> None:
    """Raise `DatasetError` if a trajectory is not whole, or its arrays are not `fields`."""
    found = fields_of(where, trajectory)
    for name in {**fields, **found}:
        if found.get(name) != fields.get(name):
            has, wanted = (str(one.get(name, "none")) for one in (found, fields))
            raise DatasetError(f"{where} has {name} {has}: the dataset's is {wanted}")


def _is_scalar(name: str) -> bool:
    return name in SCALARS or name.startswith("info/")
