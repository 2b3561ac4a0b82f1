"""What `dataset.json` says of a dataset."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import jaxmem
from jaxmem.config import ConfigError

MANIFEST = "dataset.json"
FORMAT = "jaxmem trajectories"
VERSION = 1


class DatasetError(ConfigError):
    """A dataset that cannot be used; the message is one line that names the file."""


@dataclass(frozen=True)
class Field:
    """What one array of each trajectory is.

    Attributes:
        dtype: its name.
        shape: without the axis of time, if it has one.
    """

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@dataclass(frozen=True)
class Source:
    """Where trajectories come from; a folder holds those of one source.

    Attributes:
        env: the environment's id and options, as JSON values; None where it is not one of the registry.
        policy: who played, as JSON values.
        seed: where all randomness came from.
        rows: episodes that were played side by side; they share random keys where an agent played.
        keep: which episodes were kept: "success", or None for all.
        shard_size: trajectories of each shard but the last.
    """

    env: dict[str, Any] | None = None
    policy: dict[str, Any] | None = None
    seed: int | None = None
    rows: int | None = None
    keep: str | None = None
    shard_size: int = 4096


@dataclass(frozen=True)
class Shard:
    """One file of trajectories.

    Attributes:
        file: its name.
        trajectories: how many it has.
        steps: sum of their lengths.
        bytes: size of the file.
        sha256: of its bytes.
        raw_bytes: size of the arrays.
        played: episodes that had been played when its last trajectory was kept, all shards counted.
        lengths: steps of each trajectory; one number where all are alike.
        metrics: mean, min and max over its trajectories of return, length and all of `info`.
    """

    file: str
    trajectories: int
    steps: int
    bytes: int
    sha256: str
    raw_bytes: int
    played: int
    lengths: int | list[int]
    metrics: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Meta:
    """A dataset's description.

    Attributes:
        source: where its trajectories come from.
        fields: what their arrays are, by name; empty before the first one.
        shards: its files, in order.
        jaxmem: the version that wrote it.
    """

    source: Source
    fields: dict[str, Field] = field(default_factory=dict)
    shards: tuple[Shard, ...] = ()
    jaxmem: str = jaxmem.__version__

    @property
    def trajectories(self) -> int:
        """How many there are."""
        return sum(shard.trajectories for shard in self.shards)

    @property
    def steps(self) -> int:
        """Sum of their lengths."""
        return sum(shard.steps for shard in self.shards)

    @property
    def played(self) -> int:
        """Episodes that were played for them, those counted that were not kept."""
        return self.shards[-1].played if self.shards else 0

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Mean, min and max over all trajectories of return, length and all of `info`."""
        return joined([(shard.trajectories, shard.metrics) for shard in self.shards])

    def lengths(self) -> np.ndarray:
        """Steps of each trajectory, int64 [trajectories]."""
        parts = [np.broadcast_to(np.array(shard.lengths, np.int64), shard.trajectories) for shard in self.shards]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def to_json(self) -> str:
        """The content of `dataset.json`."""
        record = {"format": FORMAT, "version": VERSION, "jaxmem": self.jaxmem} | dataclasses.asdict(self.source)
        record |= {"fields": {name: dataclasses.asdict(one) for name, one in self.fields.items()}}
        record |= {"trajectories": self.trajectories, "steps": self.steps, "metrics": self.metrics}
        record |= {"shards": [dataclasses.asdict(shard) for shard in self.shards]}
        return json.dumps(record, indent=1) + "\n"

    @staticmethod
    def read(folder: Path) -> "Meta":
        """The description of the dataset in a folder; raises `DatasetError` if there is none that can be read."""
        path = folder / MANIFEST
        if not path.is_file():
            raise DatasetError(f"no dataset at {folder}: allowed is a folder with a {MANIFEST}")
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path} cannot be read: {error}") from error
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise DatasetError(f"{path} is not the description of a dataset")
        if record.get("version") != VERSION:
            raise DatasetError(f"{path} has the format version {record.get('version')!r}: allowed is {VERSION}")
        try:
            return _parsed(record)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatasetError(f"{path} is not the description of a dataset: {error!r}") from error


def _parsed(record: dict[str, Any]) -> Meta:
    source = Source(**{one.name: record[one.name] for one in dataclasses.fields(Source)})
    fields = {name: Field(one["dtype"], tuple(one["shape"])) for name, one in record["fields"].items()}
    shards = tuple(Shard(**shard) for shard in record["shards"])
    for shard in shards:
        # A name with a folder in it would lead out of the dataset.
        if Path(shard.file).name != shard.file:
            raise ValueError(f"shard {shard.file!r} is no name of a file")
        if min(shard.trajectories, shard.steps, shard.bytes, shard.played) < 1:
            raise ValueError(f"shard {shard.file!r} is empty")
        lengths = np.broadcast_to(np.array(shard.lengths, np.int64), shard.trajectories)
        if lengths.sum() != shard.steps:
            raise ValueError(f"shard {shard.file!r} has other steps than its trajectories")
    meta = Meta(source, fields, shards, record["jaxmem"])
    if (meta.trajectories, meta.steps) != (record["trajectories"], record["steps"]):
        raise ValueError("its shards do not add up")
    return meta


def summary(values: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Mean, min and max of each quantity."""
    return {
        name: {"mean": math.fsum(column) / len(column), "min": min(column), "max": max(column)}
        for name, column in values.items()
    }


def joined(parts: Sequence[tuple[int, dict[str, dict[str, float]]]]) -> dict[str, dict[str, float]]:
    """Summaries of several groups, each with its size, as one of all."""
    if not parts:
        return {}
    total = sum(count for count, _ in parts)
    return {
        name: {
            "mean": math.fsum(count * part[name]["mean"] for count, part in parts) / total,
            "min": min(part[name]["min"] for _, part in parts),
            "max": max(part[name]["max"] for _, part in parts),
        }
        for name in parts[0][1]
    }
