"""`jaxmem plot`: learning curves and comparisons of runs."""

import itertools
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxmem.analysis import comparison, efficiency
from jaxmem.analysis.comparison_drawing import draw_efficiency, draw_improvement, draw_lengths
from jaxmem.analysis.curves import Panel, draw_panels, metric_title
from jaxmem.analysis.groups import group_runs
from jaxmem.analysis.published import NI_2023, beside, draw_beside
from jaxmem.analysis.statistics import ESTIMATES, Interval
from jaxmem.analysis.tables import figure, whole, write_table
from jaxmem.cli.arguments import Parser
from jaxmem.cli.runs import preset_fields, read_runs
from jaxmem.config import ConfigError

_WAY = f"{100 * efficiency.WAY:.0f} %"
_EPILOG = """Runs that differ in their seeds alone are one line with more seeds; what else differs is in the line's
name, but for fields that shipped presets, and those in --file, set for each task. Where tasks differ in length alone, a
second picture has success against length; where several algorithms were run on a task, another one has the probability
that one is better than another. A task's length is its field env.length, else the number that the experiment's name
ends in. Intervals are 95 % bootstrap intervals over the seeds, which are drawn anew within each task. With --against,
algorithms are compared over the environment steps that all runs of a task have; a seed that never gets to the score
counts with the last of these steps, and what depends on it is marked as a bound, >= or <=."""


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem plot --help`."""
    parser = Parser("plot", "Draw the learning curves of one run or several, and compare them.")
    parser.epilog = _EPILOG
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs, or of sweeps for all runs in them")
    parser.add_argument("--out", type=Path, help="PNG, PDF or SVG (default: curve.png in the first folder)")
    parser.add_argument(
        "--estimate", choices=list(ESTIMATES), default="mean", help="mean (default) or interquartile mean"
    )
    parser.add_argument(
        "--metric", help="what runs are compared by (default: success where all report it, else return)"
    )
    parser.add_argument("--aggregate", action="store_true", help="one curve an algorithm, over all tasks")
    parser.add_argument(
        "--table", action="store_true", help="write the figures as CSV and Markdown beside each picture"
    )
    parser.add_argument(
        "--against",
        metavar="NAME",
        help="one more picture and its table: mean scores and steps to a score, against this algorithm or core",
    )
    parser.add_argument(
        "--reach",
        type=float,
        metavar="SCORE",
        help=f"the score for --against (default: {_WAY}% of the way from that algorithm's first score to its last)",
    )
    parser.add_argument(
        "--published",
        action="store_true",
        help=f"one more picture: returns of finished runs by length, beside those of {NI_2023.source}",
    )
    parser.add_argument(
        "--file", type=Path, metavar="FILE.py", help="the experiment file that runs came from, for what its presets set"
    )
    options = parser.parse_args(arguments)
    path = options.out or options.runs[0] / "curve.png"
    if path.suffix not in (".png", ".pdf", ".svg") or (options.out and not path.absolute().parent.is_dir()):
        raise ConfigError(
            f"--out is {str(path)!r}: allowed are files that end in .png, .pdf or .svg, in a folder that exists"
        )
    if options.reach is not None and (options.against is None or not math.isfinite(options.reach)):
        raise ConfigError(f"--reach is {options.reach}: allowed is a finite score, beside --against")
    runs, notes = read_runs(options.runs)
    groups = group_runs(runs, preset_fields(options.file))
    metric = comparison.choose_metric(groups, options.metric)
    published = beside(NI_2023, groups) if options.published else []
    panels, left_out = (comparison.panels_of_all if options.aggregate else comparison.panels_by_task)(groups)
    against, not_against = [], []
    if options.against is not None:
        reference = efficiency.find_reference(groups, options.against)
        against, not_against = efficiency.compare(groups, metric, reference, options.estimate, options.reach)
    for note in [*notes, *left_out, *not_against, *comparison.notes_on(groups)]:
        print(f"note: {note}", file=sys.stderr)
    draw_panels(panels, path, options.estimate)
    written = [path]
    if options.table:
        written += _table(path, _curve_table(panels, options.estimate))
    families = comparison.by_length(groups, metric, options.estimate)
    if families:
        written.append(_beside(path, options.out, "lengths"))
        draw_lengths(families, metric, options.estimate, written[-1])
        if options.table:
            written += _table(written[-1], _length_table(families, metric, options.estimate))
    pairs = comparison.pairs(groups, metric)
    if pairs:
        written.append(_beside(path, options.out, "improvement"))
        draw_improvement(pairs, metric, written[-1])
        if options.table:
            written += _table(written[-1], _pair_table(pairs, metric))
    if against:
        written.append(_beside(path, options.out, "efficiency"))
        draw_efficiency(against, metric, written[-1])
        written += _table(written[-1], _efficiency_table(against, metric, options.estimate, options.reach))
    if options.published:
        written.append(_beside(path, options.out, "published"))
        draw_beside(NI_2023, published, written[-1])
        if options.table:
            table = _length_table({NI_2023.env_id: published}, "eval/return", "mean", ["lowest", "highest"])
            written += _table(written[-1], table)
    print("\n".join(map(str, written)))
    return 0


def _beside(path: Path, out: Path | None, name: str) -> Path:
    """Where another picture goes: under its own name in a run's folder, beside a picture that the user has named."""
    return path.with_stem(name if out is None else f"{path.stem}_{name}")


def _table(picture: Path, table: tuple[list[str], list[list[str]]]) -> list[Path]:
    files = [picture.with_suffix(".csv"), picture.with_suffix(".md")]
    write_table(files[0], files[1], *table)
    return files


def _interval(bounds: Interval) -> list[str]:
    return [figure(float(bound)) for bound in bounds]


def _curve_table(panels: Sequence[Sequence[Panel]], estimate: str) -> tuple[list[str], list[list[str]]]:
    rows = []
    for panel in itertools.chain.from_iterable(panels):
        for curve in panel.curves:
            value, bounds = comparison.at_end(curve, estimate)
            counted = ["+".join(map(str, curve.seeds)), f"{curve.env_steps[-1]:.0f}"]
            rows.append([panel.task, curve.label, panel.metric, *counted, figure(value), *_interval(bounds)])
    return ["task", "line", "metric", "seeds", "env steps", estimate, "CI low", "CI high"], rows


def _length_table(
    families: dict[str, list[comparison.Lengths]],
    metric: str,
    estimate: str,
    bounds: Sequence[str] = ("CI low", "CI high"),
) -> tuple[list[str], list[list[str]]]:
    rows = [
        [family, line.algorithm, f"{length:g}", str(seeds), figure(score), *_interval(Interval(low, high))]
        for family, lines in families.items()
        for line in lines
        for length, seeds, score, low, high in zip(
            line.lengths, line.seeds, line.scores, line.low, line.high, strict=True
        )
    ]
    return ["tasks", "algorithm", "length", "seeds", f"{metric} {estimate}", *bounds], rows


def _pair_table(pairs: Sequence[comparison.Pair], metric: str) -> tuple[list[str], list[list[str]]]:
    rows = [[p.better, p.than, str(p.tasks), figure(p.probability), *_interval(p.interval)] for p in pairs]
    return ["X", "Y", "tasks", f"P(X > Y), {metric}", "CI low", "CI high"], rows


def _efficiency_table(
    comparisons: Sequence[efficiency.Comparison], metric: str, estimate: str, reach: float | None
) -> tuple[list[str], list[list[str]]]:
    name, rows = metric_title(metric), []
    for one in comparisons:
        others = f", against {one.reference}"
        goal = "steps to " + ("" if one.score is None else figure(one.score))
        goal += f" ({_WAY} of {one.reference}'s way)" if reach is None else ""
        measures = [
            (f"{name} at the end, {estimate}", lambda item: item.final, figure),
            (f"{name} over all steps, {estimate}", lambda item: item.mean, figure),
            (f"{name} over all steps, difference{others}", lambda item: item.difference, figure),
            (f"{goal}, median", lambda item: item.steps, whole),
            (f"{goal}, ratio{others}", lambda item: item.ratio, figure),
        ]
        for measure, of, show in measures:
            for item in one.algorithms:
                found = of(item)
                if found is not None:
                    counted = [item.algorithm, str(item.seeds), "" if one.score is None else str(item.reached)]
                    told = [sign + show(value) for sign, value in zip(found.signs, found[:3], strict=True)]
                    rows.append([one.task, whole(one.env_steps), measure, *counted, *told])
    return ["task", "env steps", "measure", "algorithm", "seeds", "reached", "value", "CI low", "CI high"], rows
