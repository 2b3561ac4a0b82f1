"""What a study found, as tables and a picture."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxmem.analysis.legends import legend_below, line_style
from jaxmem.analysis.tables import figure, write_csv, write_table
from jaxmem.offline.study_folder import Played, StudyFolder

Results = Mapping[str, Sequence[Played]]
"""By model, how its episodes went."""


def metric_of(results: Results) -> str:
    """What models are compared by: success where the task reports it, else the return."""
    said = [one.outcome.get("success", math.nan) for played in results.values() for one in played]
    return "return" if any(math.isnan(value) for value in said) else "success"


def scores(played: Sequence[Played], metric: str) -> dict[int | None, np.ndarray]:
    """A metric of all seeds, float [seeds], by length."""
    lengths = dict.fromkeys(one.steps for one in played)
    return {steps: np.array([one.outcome[metric] for one in played if one.steps == steps]) for steps in lengths}


def write_results(
    folder: StudyFolder, results: Results, published: Mapping[str, Mapping[int, str]], source: str
) -> None:
    """Write the tables and the picture of a study; raises `OSError` where the disk does not take them.

    Args:
        folder: where.
        results: what was played, by model.
        published: published figures, by model and length.
        source: where these come from.
    """
    metric = metric_of(results)
    names = list(dict.fromkeys(name for played in results.values() for one in played for name in one.outcome))
    each = [
        [model, _steps(one.steps), str(one.seed), *(figure(one.outcome[name]) for name in names)]
        for model, played in results.items()
        for one in played
    ]
    write_csv(folder.results_csv, ["model", "steps", "seed", *names], each)
    by_model = {model: scores(played, metric) for model, played in results.items()}
    lengths = list(dict.fromkeys(one.steps for played in results.values() for one in played))
    rows = []
    for model, by_length in by_model.items():
        rows.append([model, *(_cell(by_length.get(steps)) for steps in lengths)])
        told = ["" if steps is None else published.get(model, {}).get(steps, "") for steps in lengths]
        if any(told):
            rows.append([f"{model}, {source}", *told])
    columns = [f"{metric} at", *(_steps(steps) for steps in lengths)]
    write_table(folder.table_csv, folder.table_markdown, columns, rows)
    draw_lengths(by_model, metric, folder.picture)


def draw_lengths(results: Mapping[str, Mapping[int | None, np.ndarray]], metric: str, path: Path) -> None:
    """Draw a metric against the length of episodes: means of the seeds, from the lowest to the highest."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    every = sorted({steps for by_length in results.values() for steps in by_length if steps is not None})
    if every:
        for number, (model, by_length) in enumerate(results.items()):
            style = line_style(number)
            lengths = sorted(steps for steps in by_length if steps is not None)
            values = np.array([by_length[steps] for steps in lengths])
            axes.plot(lengths, values.mean(1), marker="o", label=model, **style)
            axes.fill_between(lengths, values.min(1), values.max(1), color=style["color"], alpha=0.15, linewidth=0)
        axes.set_xscale("log")
        axes.set_xticks(every, [str(steps) for steps in every])
        axes.minorticks_off()
        axes.set_xlabel("steps of an episode")
    else:
        for number, (model, by_length) in enumerate(results.items()):
            values = by_length[None]
            axes.bar(number, values.mean(), color=line_style(number)["color"], alpha=0.6)
            axes.plot([number] * len(values), values, "k.", label=model)
        axes.set_xticks(range(len(results)), list(results))
    axes.set_ylabel(metric)
    axes.grid(alpha=0.3)
    seeds = max(len(values) for by_length in results.values() for values in by_length.values())
    axes.set_title(f"mean of {seeds} seeds, lowest to highest" if seeds > 1 else "a single seed", fontsize="medium")
    if every:
        legend_below(figure, list(results))
    figure.savefig(path, dpi=120)


def _steps(steps: int | None) -> str:
    return "training length" if steps is None else str(steps)


def _cell(values: np.ndarray | None) -> str:
    """Mean over the seeds, and the standard error of it where there are several."""
    if values is None:
        return ""
    if len(values) == 1:
        return figure(values[0])
    return f"{values.mean():.2f} ± {values.std(ddof=1) / math.sqrt(len(values)):.2f}"
