"""Small datasets with known content."""

from pathlib import Path

import numpy as np

from jaxmem import datasets


def trajectory(number: int, steps: int | None = None) -> datasets.Trajectory:
    """The n-th of a made-up source: `number % 5 + 1` steps, unless said; the observation tells number and step."""
    steps = number % 5 + 1 if steps is None else steps
    obs = np.stack([np.full(steps + 1, number), np.arange(steps + 1)], axis=1).astype(np.int16)
    reward = np.random.default_rng(number).normal(size=steps).astype(np.float32)
    ended = np.bool(number % 2)
    return datasets.Trajectory(
        obs, np.arange(steps, dtype=np.int32), reward, ended, ~ended, {"success": np.float32(number % 3 == 0)}
    )


def source(**changes) -> datasets.Source:
    return datasets.Source(**({"policy": {"name": "made up"}, "seed": 3, "shard_size": 8} | changes))


def write(folder: Path, count: int, **changes) -> datasets.Dataset:
    """Go on with the dataset in a folder until it has `count` trajectories."""
    with datasets.Writer(folder, source(**changes)) as writer:
        while writer.trajectories < count:
            writer.add(trajectory(writer.trajectories))
    return datasets.open(folder)


def content(folder: Path) -> dict[str, bytes]:
    """All files of a folder but the lock."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def assert_same(one: datasets.Trajectory, other: datasets.Trajectory) -> None:
    assert one.info == other.info
    for a, b in zip(one[:5], other[:5], strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(a, b)
