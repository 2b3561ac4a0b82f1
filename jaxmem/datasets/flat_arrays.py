"""Datasets made of flat arrays, steps of all episodes one after another, as D4RL has them."""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from jaxmem import envs
from jaxmem.datasets.dataset import Dataset
from jaxmem.datasets.manifest import DatasetError, Source
from jaxmem.datasets.record import Trajectory, stored
from jaxmem.datasets.writer import Writer
from jaxmem.failures import reason

_NEEDED = ("observations", "actions", "rewards", "terminals")
_WIDE = ("observations", "actions", "next_observations")
_KNOWN = (*_NEEDED, "timeouts", "next_observations")


def from_arrays(
    arrays: Mapping[str, np.ndarray], folder: Path | str, env: envs.EnvOptions | None = None, *, shard_size: int = 4096
) -> Dataset:
    """Make a dataset of N steps; one that was stopped is gone on with.

    An episode ends where `terminals` or `timeouts` says so. What comes after the last end is the beginning of an
    episode whose return nobody knows: it is left out, and `dataset.json` has its number of steps (`steps_left_out`).
    Where there are no `next_observations`, nothing tells what was seen after an episode's last action: its last
    observation is repeated.

    Args:
        arrays: `observations` [N, ...], `actions` [N] or [N, A], `rewards` [N] and `terminals` [N], truth values or 0
            and 1; if they are there, `timeouts` [N] and `next_observations` [N, ...]. Others are not looked at.
        folder: where the dataset is made.
        env: the environment that was played, if the registry has it.
        shard_size: trajectories of a shard.

    Returns:
        The dataset.

    Raises:
        DatasetError: an array is missing or has another length, no episode ends, or the folder holds something else or
            cannot be written.
    """
    found = {name: np.asarray(arrays[name]) for name in _KNOWN if name in arrays}
    terminals, ends = _ends(found)
    following = found.get("next_observations")
    about = {
        "name": "imported",
        "digest": _digest(found),
        "final_observation": "repeated" if following is None else "next_observations",
        "steps_left_out": int(len(terminals) - ends[-1] - 1),
    }
    source = Source(env=None if env is None else asdict(env), policy=about, shard_size=shard_size)
    begins = np.concatenate([[0], ends[:-1] + 1])
    with Writer(folder, source) as writer:
        for first, last in zip(begins[writer.trajectories :], ends[writer.trajectories :], strict=True):
            obs = found["observations"][first : last + 1]
            final = obs[-1:] if following is None else following[last : last + 1]
            trajectory = Trajectory(
                obs=np.concatenate([obs, final]),
                action=found["actions"][first : last + 1],
                reward=found["rewards"][first : last + 1].astype(np.float32),
                terminated=np.bool(terminals[last]),
                truncated=np.bool(not terminals[last]),
                info={},
            )
            writer.add(trajectory)
    return Dataset(Path(folder), writer.meta)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file, or of an `.hdf5` one, for which h5py has to be there.

    Raises:
        DatasetError: it is neither, or cannot be read.
    """
    if path.suffix not in (".npz", ".hdf5", ".h5"):
        raise DatasetError(f"{path} cannot be imported: allowed are files that end in .npz, .hdf5 or .h5")
    if not path.is_file():
        raise DatasetError(f"no file at {path}: allowed are files that end in .npz, .hdf5 or .h5")
    try:
        return _read_npz(path) if path.suffix == ".npz" else _read_hdf5(path)
    # A file that is none of these fails deep inside whoever reads it.
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path} cannot be read: {reason(error)}") from error


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise DatasetError(f"{path} cannot be read: it is no archive of arrays")
        return {name: file[name] for name in _KNOWN if name in file}


def _read_hdf5(path: Path) -> dict[str, np.ndarray]:
    try:
        import h5py  # type: ignore[import-not-found]
    except ImportError as error:
        raise DatasetError(f"{path} cannot be read without h5py: `pip install h5py`, or save it as .npz") from error
    with h5py.File(path, "r") as file:
        return {name: file[name][()] for name in _KNOWN if name in file}


def _ends(arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Bool [N], which steps terminate their episodes, and the steps, int64 [episodes], with which episodes end."""
    missing = [name for name in _NEEDED if name not in arrays]
    if missing:
        raise DatasetError(f"there is no array {missing[0]!r}: needed are {', '.join(_NEEDED)}")
    count = len(np.atleast_1d(arrays["terminals"]))
    for name, values in arrays.items():
        wanted = (count, *values.shape[1:]) if name in _WIDE else (count,)
        if values.shape != wanted:
            raise DatasetError(f"{name} has the shape {list(values.shape)}: allowed is {list(wanted)}")
        try:
            stored(values.dtype)
        except ValueError as error:
            raise DatasetError(f"{name}: {error}") from error
    terminals = arrays["terminals"].astype(bool)
    timeouts = arrays.get("timeouts", np.zeros(count)).astype(bool)
    ends = np.flatnonzero(terminals | timeouts)
    if not len(ends):
        raise DatasetError("no episode ends: neither terminals nor timeouts has a step that is true")
    return terminals, ends


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()[:16]
