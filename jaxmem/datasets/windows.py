"""Windows of trajectories, cut out of steps that lie one after another."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from jaxmem.config import ConfigError
from jaxmem.datasets.record import Trajectory

FIELDS = ("obs", "action", "reward", "return_to_go")


class Batch(NamedTuple):
    """Windows of L steps of B trajectories, time-major; zeros where a window is longer than what is left.

    Attributes:
        obs: [L, B, ...] as the dataset has them; what each action was chosen on. None if it was not asked for, and so
            are the next three.
        action: [L, B] or [L, B, A].
        reward: float32 [L, B].
        return_to_go: float32 [L, B], undiscounted sum of the rewards from this step to the trajectory's end.
        mask: bool [L, B], False in the padding.
        timestep: int32 [B], step of its trajectory at which the window begins.
    """

    obs: np.ndarray | None
    action: np.ndarray | None
    reward: np.ndarray | None
    return_to_go: np.ndarray | None
    mask: np.ndarray
    timestep: np.ndarray


class Windows(NamedTuple):
    """Every window of a dataset.

    Attributes:
        trajectory: int64 [windows], of which trajectory.
        begin: int64 [windows], where it begins in it.
        steps: int64 [windows], how many steps it has, at most L.
    """

    trajectory: np.ndarray
    begin: np.ndarray
    steps: np.ndarray

    @staticmethod
    def of(lengths: np.ndarray, length: int, stride: int | None) -> "Windows":
        """The windows of trajectories of some lengths, int64 [trajectories].

        Args:
            lengths: steps of each trajectory.
            length: the most steps of a window, L.
            stride: steps between the beginnings of windows; None for one window a trajectory.

        Raises:
            ConfigError: without a stride, a trajectory is longer than a window.
        """
        longest = int(lengths.max())
        if stride is None and longest > length:
            raise ConfigError(
                f"length is {length}: trajectory {int(lengths.argmax())} has {longest} steps, allowed are as many or a "
                "stride"
            )
        counts = np.ones_like(lengths) if stride is None else -(-lengths // stride)
        trajectory = np.repeat(np.arange(len(lengths)), counts)
        number = np.arange(len(trajectory)) - np.repeat(np.cumsum(counts) - counts, counts)
        begin = number * (stride or 0)
        return Windows(trajectory, begin, np.minimum(lengths[trajectory] - begin, length))


class Steps(NamedTuple):
    """Steps of some trajectories, one after another.

    Attributes:
        fields: [steps, ...] of each field that was asked for.
        first: int64 [trajectories], where each trajectory begins.
    """

    fields: dict[str, np.ndarray]
    first: np.ndarray

    @staticmethod
    def of(trajectories: Iterable[Trajectory], fields: Sequence[str], total: int) -> "Steps":
        """All steps of trajectories, `total` of them, in new arrays."""
        columns: dict[str, np.ndarray] = {}
        first, end = [], 0
        for trajectory in trajectories:
            first.append(end)
            begin, end = end, end + trajectory.steps
            for name, values in step_fields(trajectory, fields).items():
                if name not in columns:
                    columns[name] = np.empty((total, *values.shape[1:]), values.dtype)
                columns[name][begin:end] = values
        return Steps(columns, np.array(first, np.int64))

    def batch(self, first: np.ndarray, steps: np.ndarray, timestep: np.ndarray, length: int) -> Batch:
        """Windows that begin at the steps `first` of these and have `steps` of them, int64 [B] each."""
        offset = np.arange(length)[:, None]
        mask = offset < steps
        index = np.where(mask, first + offset, 0)
        padding = None if mask.all() else ~mask
        columns: dict[str, np.ndarray | None] = dict.fromkeys(FIELDS)
        for name, values in self.fields.items():
            column = values.take(index, axis=0)
            if padding is not None:
                column[padding] = 0
            columns[name] = column
        return Batch(**columns, mask=mask, timestep=timestep.astype(np.int32))


def step_fields(trajectory: Trajectory, fields: Sequence[str]) -> dict[str, np.ndarray]:
    """What the fields of `Batch` are in one trajectory, [T, ...]."""
    found = {}
    for name in fields:
        if name == "obs":
            found[name] = trajectory.obs[:-1]
        elif name == "action":
            found[name] = trajectory.action
        elif name == "reward":
            found[name] = trajectory.reward.astype(np.float32)
        else:
            # Summed in float64: small differences of large sums would be lost.
            found[name] = np.cumsum(trajectory.reward[::-1], dtype=np.float64)[::-1].astype(np.float32)
    return found
