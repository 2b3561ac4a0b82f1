"""Run folders with made-up metrics."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxmem import experiment
from jaxmem.config import replace
from jaxmem.training.folder import RunFolder

Score = Callable[[int, float], float]


def made_up(
    path: Path,
    name: str = "passive_tmaze_50",
    core: str = "lstm",
    score: Score = lambda seed, part: part,
    steps: Sequence[int] = (0, 50, 100),
    metrics: Sequence[str] = ("return", "success"),
    agent: dict[str, Any] | None = None,
    **fields: Any,
) -> RunFolder:
    """A run whose seeds score `score(seed, share of the run)` in each of `metrics`; "blind" is never reported."""
    config = replace(experiment.find(name).config(core=core), **fields)
    config = replace(config, agent=replace(config.agent, **(agent or {})))
    folder = RunFolder.create(path, name, "best", config)
    rows = [
        {"seed": seed, "env_steps": step, "episodes": step, "updates": 0, "wall_s": 0.0}
        | {f"eval/{metric}": math.nan if metric == "blind" else score(seed, step / max(steps)) for metric in metrics}
        for step in steps
        for seed in range(config.seeds)
    ]
    folder.write_metrics(rows)
    return folder
