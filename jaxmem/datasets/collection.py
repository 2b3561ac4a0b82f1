"""Episodes, collected into a dataset."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from jaxmem import envs
from jaxmem.config import ConfigError, describe
from jaxmem.datasets.dataset import Dataset
from jaxmem.datasets.manifest import MANIFEST, DatasetError, Meta, Source
from jaxmem.datasets.players import Player, RunPolicy, noisy, scripted
from jaxmem.datasets.rows import Rows, trajectory_bytes
from jaxmem.datasets.writer import Writer
from jaxmem.training.task import Task

KEEP = ("success",)

# A group of rows is in the host's memory at once.
_GROUP_BYTES, _SHARD_BYTES, _MOST_IN_SHARD = 1 << 28, 1 << 26, 4096
_HOPELESS = 100_000

Report = Callable[[int, int], None]


def collect(
    env: envs.EnvOptions,
    policy: str | RunPolicy,
    episodes: int,
    folder: Path | str,
    seed: int = 0,
    *,
    noise: float = 0.0,
    rows: int | None = None,
    shard_size: int | None = None,
    keep: str | None = None,
    report: Report = lambda kept, played: None,
) -> Dataset:
    """Play episodes until the dataset in a folder has so many; what is there already is gone on with.

    The n-th episode depends on the environment, the policy, `seed` and `rows` alone, and not on how often collecting
    was stopped and gone on with. Episodes are played `rows` at a time, and written as they come.

    Args:
        env: what is played.
        policy: the name of a scripted policy, or a trained run.
        episodes: trajectories that the dataset has in the end.
        folder: where it is, or is made.
        seed: randomness of the episodes.
        noise: the share of actions that are drawn uniformly instead; those are what the dataset holds.
        rows: episodes side by side; None for those of the folder, or else as many as 256 MiB hold, at most 256 (64
            that an agent plays).
        shard_size: trajectories of a shard; None for those of the folder, or else about 64 MiB, at most 4096.
        keep: "success" keeps only episodes that succeeded; None keeps all.
        report: called after each group of episodes with how many are kept, and how many were played.

    Returns:
        The dataset.

    Raises:
        ConfigError: a value that is not allowed, or the policy cannot play this.
        DatasetError: the folder holds what was collected otherwise, or cannot be written; or no episode succeeds.
    """
    _check("episodes", episodes, 1)
    _check("seed", seed, 0)
    if not 0 <= noise <= 1:
        raise ConfigError(f"noise is {describe(noise)}: allowed is a number from 0 to 1")
    for name, value in (("rows", rows), ("shard_size", shard_size)):
        if value is not None:
            _check(name, value, 1)
    task = Task.of(env)
    if keep is not None and keep not in KEEP:
        raise ConfigError(f"keep is {describe(keep)}: allowed is one of {', '.join(KEEP)}, or none")
    if keep is not None and keep not in task.reports:
        raise ConfigError(f"keep is {describe(keep)}: {env.id} reports no {keep}")
    player = scripted(task, policy) if isinstance(policy, str) else policy.player(task, env)
    if noise:
        player = noisy(player, task.actions, noise)
    folder = Path(folder)
    source = _source(folder, env, task, player, seed, rows, keep, shard_size)
    with Writer(folder, source) as writer:
        played = last_kept = writer.played
        report(writer.trajectories, played)
        side_by_side = Rows(task, player, source.rows or 1, seed)
        while writer.trajectories < episodes:
            for trajectory in side_by_side.play(played):
                played += 1
                if keep is None or trajectory.info[keep] >= 1:
                    writer.add(trajectory, played)
                    last_kept = played
                if writer.trajectories == episodes:
                    break
            report(writer.trajectories, played)
            if played - last_kept >= _HOPELESS:
                raise DatasetError(f"{env.id}: of the last {played - last_kept} episodes none had {keep}")
    return Dataset(folder, writer.meta)


def _source(
    folder: Path,
    env: envs.EnvOptions,
    task: Task,
    player: Player,
    seed: int,
    rows: int | None,
    keep: str | None,
    shard_size: int | None,
) -> Source:
    """Where the trajectories come from; what was not asked for is what the folder has, or what fits."""
    each = trajectory_bytes(task)
    found = Meta.read(folder).source if (folder / MANIFEST).exists() else None
    if found is not None:
        rows, shard_size = rows or found.rows, shard_size or found.shard_size
    return Source(
        env=asdict(env),
        policy=player.about,
        seed=seed,
        rows=rows or min(player.most_rows, max(1, _GROUP_BYTES // each)),
        keep=keep,
        shard_size=shard_size or min(_MOST_IN_SHARD, max(1, _SHARD_BYTES // each)),
    )


def _check(name: str, value: object, low: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value < 2**31:
        raise ConfigError(f"{name} is {describe(value)}: allowed is an integer from {low} (32 bits)")
