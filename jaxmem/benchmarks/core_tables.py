"""The figures of memory cores as tables."""

from collections.abc import Callable

from jaxmem.benchmarks.cores import CoreBench, Figures
from jaxmem.benchmarks.growth import exponent
from jaxmem.benchmarks.report import Cell, Table

_MIB = 2**20


def tables(bench: CoreBench, figures: list[Figures]) -> list[Table]:
    """Acting, learning, memory, and growth if there are lengths to compare."""
    found = [acting(bench, figures), learning(bench, figures), memory(bench, figures)]
    return [*found, growth(figures)] if len(bench.lengths) > 1 else found


def acting(bench: CoreBench, figures: list[Figures]) -> Table:
    """Cost of a step while acting."""
    rows: list[tuple[Cell, ...]] = []
    for item in figures:
        if item.acting is not None:
            steps = item.case.length * bench.act_batch
            timing = item.acting.timing
            rows.append(
                (
                    item.case.core,
                    item.case.length,
                    timing.spread(1e6 / steps),
                    timing.rate(steps).median,
                    item.acting.program.compile_seconds,
                )
            )
    return Table(
        f"Acting: {bench.act_batch} rows, width {bench.width}",
        ("core", "T", "µs per step and row", "steps/s", "compile s"),
        rows,
        (
            f"Whole episodes of T steps in one scan, the memory carried, no environment. {bench.repeats}",
            "Steps per second are those of all rows together.",
        ),
    )


def learning(bench: CoreBench, figures: list[Figures]) -> Table:
    """Cost of an update, and how near to a matrix product's speed it runs."""
    rows: list[tuple[Cell, ...]] = []
    for item in figures:
        program, timing, case = item.learning.program, item.learning.timing, item.case
        rate = timing.rate(program.flops).median
        rows.append(
            (
                case.core,
                case.dropout,
                case.length,
                item.parameters,
                timing.spread(1e3),
                program.flops / 1e9,
                program.xla_flops / 1e9,
                rate / 1e9,
                item.learning.matmul_rate / 1e9,
                100 * rate / item.learning.matmul_rate,
                program.compile_seconds,
            )
        )
    size = bench.matmul
    columns = ("core", "dropout", "T", "parameters", "ms per update", "GFLOP", "GFLOP by XLA")
    columns += ("GFLOP/s", "matmul GFLOP/s", "% of matmul", "compile s")
    return Table(
        f"Learning: Double DQN updates on {bench.batch_size} whole episodes, width {bench.width}",
        columns,
        rows,
        (
            f"A whole update, made in a compiled loop as in training: three forward passes, one backward pass, "
            f"optimiser, targets. {bench.repeats}",
            "GFLOP: matrix products in the compiled update, those in loops times the loop's length, recomputed too. "
            "GFLOP by XLA: its cost analysis of the same, which counts bodies of loops once, and activations too. "
            "nan: a loop has as many turns as the episodes need, so that nothing can be counted.",
            f"% of matmul: GFLOP/s at the median time, relative to the best float32 product of {size} x {size} "
            "matrices, timed in turn with the update. Target: 50 or more for the transformer at T >= 250, dropout 0.",
        ),
    )


def memory(bench: CoreBench, figures: list[Figures]) -> Table:
    """What the compiled programs need, by XLA's memory analysis."""
    rows: list[tuple[Cell, ...]] = []
    for item in figures:
        acting, update = item.acting, item.learning.program
        rows.append(
            (
                item.case.core,
                item.case.dropout,
                item.case.length,
                None if acting is None else acting.program.total_bytes / _MIB,
                update.total_bytes / _MIB,
                update.temporary_bytes / _MIB,
            )
        )
    return Table(
        f"Memory: acting with {bench.act_batch} rows, updates on {bench.batch_size} episodes",
        ("core", "dropout", "T", "acting MiB", "update MiB", "of these temporary"),
        rows,
        ("Arguments, outputs and temporary arrays of the compiled programs by XLA's memory analysis.",),
    )


def growth(figures: list[Figures]) -> Table:
    """Exponents of the costs in T, one row a core and rate of dropout."""
    groups: dict[tuple[str, float | None], list[Figures]] = {}
    for item in figures:
        groups.setdefault((item.case.core, item.case.dropout), []).append(item)
    columns: dict[str, Callable[[Figures], float | None]] = {
        "time of acting for a step": lambda f: f.acting and f.acting.timing.spread(1 / f.case.length).median,
        "memory of acting": lambda f: f.acting and float(f.acting.program.total_bytes),
        "time of an update": lambda f: f.learning.timing.spread(1).median,
        "memory of an update": lambda f: float(f.learning.program.total_bytes),
    }
    rows: list[tuple[Cell, ...]] = []
    for (core, dropout), items in groups.items():
        lengths = [item.case.length for item in items]
        costs = [[cost(item) for item in items] for cost in columns.values()]
        rows.append((core, dropout, *(None if None in c else exponent(lengths, [x or 0.0 for x in c]) for c in costs)))
    return Table(
        "Growth with T: k of cost ~ T^k",
        ("core", "dropout", *columns),
        rows,
        (
            "Least squares between logarithms over all lengths. Targets for a step of acting: at most 1 for the "
            "transformer, 0 for recurrent cores.",
        ),
    )
