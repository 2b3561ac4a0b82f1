"""Writes a dataset, a shard at a time, so that whatever stops it leaves a dataset that can be gone on with."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from jaxmem.config import describe, flat
from jaxmem.datasets.dataset import Dataset, check_fields, fields_of
from jaxmem.datasets.manifest import MANIFEST, DatasetError, Field, Meta, Shard, Source, summary
from jaxmem.datasets.record import Trajectory, arrays_of, encode
from jaxmem.datasets.shards import check_content, check_size, create, sha256
from jaxmem.training.folder import LOCK, locked, write_atomically

_PART = "shard.part"


class _Pending:
    """The shard that is being written: the file, and what will be said of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = create(path)
        self.played = self.raw_bytes = 0
        self.lengths: list[int] = []
        self.values: dict[str, list[float]] = {}
        self.whole = True

    def add(self, trajectory: Trajectory, played: int) -> None:
        # What interrupts this leaves a record in the file that nobody counts.
        self.whole = False
        arrays = arrays_of(trajectory)
        self.file.write(encode(arrays))
        self.played = played
        self.raw_bytes += sum(value.nbytes for value in arrays.values())
        self.lengths.append(trajectory.steps)
        told = {"return": trajectory.reward.sum(dtype="float64"), "length": trajectory.steps} | trajectory.info
        for name, value in told.items():
            self.values.setdefault(name, []).append(float(value))
        self.whole = True

    def finish(self, number: int) -> Shard:
        """Close the file and give it its name, which is its number and how many trajectories it has."""
        self.file.close()
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        name = f"shard-{number:05d}-{len(self.lengths)}.array_record"
        same_lengths = len(set(self.lengths)) == 1
        shard = Shard(
            file=name,
            trajectories=len(self.lengths),
            steps=sum(self.lengths),
            bytes=self.path.stat().st_size,
            sha256=sha256(self.path),
            raw_bytes=self.raw_bytes,
            played=self.played,
            lengths=self.lengths[0] if same_lengths else self.lengths,
            metrics=summary(self.values),
        )
        self.path.rename(self.path.with_name(name))
        return shard


class Writer:
    """Adds trajectories to the dataset in a folder, which it makes if there is none; to be used in a `with` block.

    A shard counts once `dataset.json` names it. Whoever goes on finds in `trajectories` and `played` what counts; what
    was written after it is written anew. The last shard may have fewer trajectories than the others; it is copied, when
    more come, into one that takes its place. So the files are the same however often writing was stopped.

    Attributes:
        meta: the description of what counts.
    """

    def __init__(self, folder: Path | str, source: Source) -> None:
        """Describe the dataset; the folder is opened by `with`."""
        self.folder, self.meta = Path(folder), Meta(source)
        self._pending: _Pending | None = None
        self._opened = contextlib.ExitStack()

    @property
    def trajectories(self) -> int:
        """How many there are, those counted that are not yet in a shard."""
        return self.meta.trajectories + (len(self._pending.lengths) if self._pending else 0)

    @property
    def played(self) -> int:
        """Episodes that were played for them: the number of the next one."""
        return self._pending.played if self._pending else self.meta.played

    def __enter__(self) -> "Writer":
        """Open the folder, alone.

        Raises:
            DatasetError: it holds something else, or trajectories of another source; or cannot be written.
            ConfigError: another process is writing there.
        """
        with self._told():
            self._check_free()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._opened.enter_context(locked(self.folder, "dataset folder"))
        try:
            with self._told():
                self._begin()
        except BaseException:
            self._opened.close()
            raise
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Write what is left as the last shard, after Ctrl-C too; after an error it is left out."""
        del error, trace
        with self._opened:
            gently = kind is None or issubclass(kind, KeyboardInterrupt)
            if gently and self._pending is not None and self._pending.whole:
                self._flush()
            else:
                self._give_up()

    def add(self, trajectory: Trajectory, played: int | None = None) -> None:
        """Add a trajectory.

        Args:
            trajectory: its arrays must have the shapes and dtypes of those before it.
            played: episodes that have been played then; None for one more than before.

        Raises:
            DatasetError: it is not whole or of another kind; or the disk does not take it, then what counts stays.
        """
        played = self.played + 1 if played is None else played
        where = f"trajectory {self.trajectories}"
        if not self.meta.fields:
            self._change(fields=fields_of(where, trajectory))
        check_fields(where, trajectory, self.meta.fields)
        with self._told():
            if self._pending is None:
                self._pending = self._next_shard()
            self._pending.add(trajectory, played)
        if len(self._pending.lengths) == self.meta.source.shard_size:
            self._flush()

    def _begin(self) -> None:
        if (self.folder / MANIFEST).exists():
            found = Meta.read(self.folder)
            _check_same(self.folder, found.source, self.meta.source)
            self.meta = found
            for shard in found.shards:
                check_size(self.folder, shard)
        else:
            write_atomically(self.folder / MANIFEST, self.meta.to_json())
        self._remove_leftovers()

    def _next_shard(self) -> _Pending:
        """A new shard, into which a last one that is not full is copied."""
        shards = self.meta.shards
        pending = _Pending(self.folder / _PART)
        if shards and shards[-1].trajectories < self.meta.source.shard_size:
            check_content(self.folder, shards[-1])
            last = Dataset(self.folder, dataclasses.replace(self.meta, shards=shards[-1:]))
            for trajectory in last:
                pending.add(trajectory, shards[-1].played)
            # From here on it counts no more: the manifest on the disk names it until the new one is whole.
            self._change(shards=shards[:-1])
        return pending

    def _flush(self) -> None:
        """Finish the shard that is being written, if there is one, and have it count."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        with self._told():
            shard = pending.finish(len(self.meta.shards))
            self._change(shards=(*self.meta.shards, shard))
            write_atomically(self.folder / MANIFEST, self.meta.to_json())
            self._remove_leftovers()

    def _give_up(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            with contextlib.suppress(RuntimeError, OSError):
                pending.file.close()
                pending.path.unlink()

    def _remove_leftovers(self) -> None:
        """Delete shards that do not count, which a stop left behind."""
        counting = {shard.file for shard in self.meta.shards}
        for path in self.folder.glob("shard*"):
            if path.name not in counting:
                path.unlink()

    def _check_free(self) -> None:
        # What was killed at its very beginning may have left the lock and half a description.
        ours = (LOCK, MANIFEST, MANIFEST + ".part")
        if not self.folder.exists() or (self.folder / MANIFEST).exists():
            return
        others = sorted(path.name for path in self.folder.iterdir() if path.name not in ours)
        if others:
            raise DatasetError(f"{self.folder} is not a dataset: it holds {others[0]!r}, choose another folder")

    def _change(self, fields: dict[str, Field] | None = None, shards: tuple[Shard, ...] | None = None) -> None:
        meta = self.meta if fields is None else dataclasses.replace(self.meta, fields=fields)
        self.meta = meta if shards is None else dataclasses.replace(meta, shards=shards)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What the disk refuses, as one line; ArrayRecord raises what Python knows nothing else of."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
            raise DatasetError(f"dataset folder {self.folder} cannot be written: {reason}") from error


def _check_same(folder: Path, found: Source, asked: Source) -> None:
    """Raise `DatasetError` where a folder's trajectories come from elsewhere."""
    old, new = (flat(json.loads(json.dumps(dataclasses.asdict(one)))) for one in (found, asked))
    for name in {**old, **new}:
        before, now = (describe(one.get(name)) for one in (old, new))
        if before != now:
            raise DatasetError(
                f"dataset folder {folder} was begun with another {name}: {before}, now {now}; choose another folder"
            )
