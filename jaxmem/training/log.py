"""What a run records: rows for `metrics.csv`, scalars for TensorBoard."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog  # type: ignore[attr-defined]
from tensorboardX.summary import scalar

from jaxmem.training.folder import Row
from jaxmem.training.state import Metrics, Run


def rows_of(run: Run, report: Metrics, wall_s: float) -> list[Row]:
    """One row a seed: counters, what training did since the last evaluation, and the evaluation.

    Args:
        run: the run, with its leading seed axis.
        report: what `Program.report` tells.
        wall_s: seconds since the run began, compilation included, pauses left out.
    """
    counters = {name: np.asarray(getattr(run, name)) for name in ("env_steps", "episodes", "updates")}
    window = run.window
    episodes, updates = np.asarray(window.episodes), np.asarray(window.updates)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = {f"train/{name}": np.asarray(total) / episodes for name, total in window.outcomes.items()}
        for name, total in window.metrics.items():
            means[f"train/{name}"] = np.asarray(total) / updates
    told = {name: np.asarray(value) for name, value in report.items()}
    return [
        {"seed": seed}
        | {name: int(value[seed]) for name, value in counters.items()}
        | {"wall_s": float(wall_s)}
        | {name: float(value[seed]) for name, value in (means | told).items()}
        for seed in range(len(episodes))
    ]


class Board:
    """TensorBoard events, one file a seed.

    Written by the calling thread: the usual writer's own thread dies in silence on a full disk, and whoever writes next
    waits for it for ever.
    """

    def __init__(
        self, folder: Path, seeds: int, last_steps: dict[int, int] | None = None, counter: str = "env_steps"
    ) -> None:
        """Write below `folder`; events after a seed's step in `last_steps`, from before a resume, are dropped.

        `counter` is the column of rows that events are recorded against.
        """
        self._files, self._counter = [], counter
        for seed in range(seeds):
            place = folder / f"seed_{seed}"
            place.mkdir(parents=True, exist_ok=True)
            file = EventsWriter(str(place / "events"))
            if last_steps is not None:
                begins = SessionLog(status=SessionLog.START)  # type: ignore[attr-defined]
                file.write_event(Event(wall_time=time.time(), step=last_steps.get(seed, -1) + 1, session_log=begins))
            self._files.append(file)

    def write(self, rows: list[Row]) -> None:
        """Record rows against their counter; raises `OSError` where the disk does not take them."""
        for row in rows:
            file = self._files[row["seed"]]
            for name, value in row.items():
                if "/" in name and value == value:
                    event = Event(wall_time=time.time(), step=row[self._counter], summary=scalar(name, value))
                    file.write_event(event)
            file.flush()

    def close(self) -> None:
        """Finish the files."""
        for file in self._files:
            file.close()


def summary(rows: list[Row], steps_per_second: float) -> str:
    """The line that a person sees: means over the seeds of one evaluation."""

    def mean(name: str) -> float:
        return float(np.mean([row[name] for row in rows]))

    parts: list[Any] = [
        f"env steps {int(mean('env_steps')):,}",
        f"updates {int(mean('updates')):,}",
        f"{steps_per_second:,.0f} steps/s",
        f"train return {mean('train/return'):.3f}",
        f"greedy return {mean('eval/return'):.3f}",
    ]
    for name in rows[0]:
        if name.startswith("eval/") and name not in ("eval/return", "eval/length") and not np.isnan(mean(name)):
            parts.append(f"{name.removeprefix('eval/')} {mean(name):.2f}")
    return " | ".join(parts)
