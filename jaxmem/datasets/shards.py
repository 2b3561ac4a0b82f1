"""The files of trajectories: ArrayRecord, one record a trajectory, and what can be wrong with them."""

import hashlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxmem.datasets.manifest import DatasetError, Shard

# Each record is compressed for itself, so that one can be read without its neighbours.
_WRITER_OPTIONS = "group_size:1,zstd:3,max_parallelism:1"
_READER_OPTIONS = "readahead_buffer_size:0,max_parallelism:0"
_BLOCK = 1 << 20


def library() -> Any:
    """The module of ArrayRecord's readers and writers; imported when a shard is opened, as few commands have any."""
    return importlib.import_module("array_record.python.array_record_module")


def create(path: Path) -> Any:
    """A writer of a new shard; what the disk refuses is a `RuntimeError`, also later ones."""
    return library().ArrayRecordWriter(str(path), _WRITER_OPTIONS)


class ShardReader:
    """Reads the records of a shard, in any order and from any thread."""

    def __init__(self, folder: Path, shard: Shard) -> None:
        """Open a shard; raises `DatasetError` if it cannot be read, or has not as many records as it should."""
        self._path, self._count = folder / shard.file, shard.trajectories
        if not self._path.is_file():
            raise DatasetError(f"{self._path} is missing")
        self._reader = library().ArrayRecordReader(str(self._path), _READER_OPTIONS)
        found = self._reader.num_records() if self._reader.ok() else None
        if found != shard.trajectories:
            what = "cannot be read" if found is None else f"has {found} trajectories instead of {shard.trajectories}"
            raise DatasetError(f"{self._path} is damaged: it {what}")

    def read(self, index: int) -> bytes:
        """One record."""
        try:
            return self._reader.read([index])[0]
        except (RuntimeError, IndexError, ValueError) as error:
            raise self._damaged(index) from error

    def read_all(self, group: int = 256) -> Iterator[bytes]:
        """Every record, in order."""
        for begin in range(0, self._count, group):
            try:
                yield from self._reader.read(list(range(begin, min(begin + group, self._count))))
            except (RuntimeError, IndexError, ValueError) as error:
                raise self._damaged(begin) from error

    def _damaged(self, index: int) -> DatasetError:
        return DatasetError(f"{self._path} is damaged: trajectory {index} of it, or one after it, cannot be read")


def check_size(folder: Path, shard: Shard) -> None:
    """Raise `DatasetError` if a shard is missing or not of its size."""
    path = folder / shard.file
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DatasetError(f"{path} is missing: {error.strerror}") from error
    if size != shard.bytes:
        what = "is cut short" if size < shard.bytes else "is too long"
        raise DatasetError(f"{path} {what}: it has {size} bytes instead of {shard.bytes}")


def check_content(folder: Path, shard: Shard) -> None:
    """Raise `DatasetError` if the bytes of a shard are not those that were written."""
    if sha256(folder / shard.file) != shard.sha256:
        raise DatasetError(f"{folder / shard.file} is damaged: its content is not what was written (SHA-256)")


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()
