"""How long the exact lengths of a task take, as the task grows."""

import time
from collections.abc import Callable, Sequence

from jaxmem import envs
from jaxmem.analysis.lengths import measure
from jaxmem.benchmarks.growth import exponent
from jaxmem.benchmarks.report import Cell, Table

TASKS = ("PassiveTMaze-v0", "ActiveTMaze-v0")


def measure_growth(corridors: Sequence[int], begin: Callable[[str, int], None]) -> list[Table]:
    """The table of seconds by the length of a T-Maze's corridor, and from two lengths on how they grow.

    Args:
        corridors: lengths, rising.
        begin: called with a case and its corridor before each.
    """
    rows: list[tuple[Cell, ...]] = []
    growth: list[tuple[Cell, ...]] = []
    for id in TASKS:
        found: list[tuple[int, float, float]] = []
        # What is compiled to write a task out is compiled anew for each; the first one loads what all need.
        envs.as_pomdp(*envs.make(id, length=1))
        for corridor in corridors:
            begin(f"{id}, length {corridor}", corridor)
            env, params = envs.make(id, length=corridor)
            start = time.perf_counter()
            pomdp = envs.as_pomdp(env, params)
            written = time.perf_counter()
            lengths = measure(pomdp)
            done = time.perf_counter()
            found.append((lengths.beliefs, written - start, done - written))
            told = (str(lengths.policy_memory), str(lengths.credit_assignment))
            rows.append((id, corridor, pomdp.num_states, *found[-1], *told))
        if len(corridors) > 1:
            beliefs, writing, measuring = zip(*found, strict=True)
            growth.append((id, *(exponent(corridors, costs) for costs in (beliefs, writing, measuring))))
    columns = ("task", "corridor", "states", "beliefs", "writing out s", "measuring s", "l_mem", "c")
    note = "once each; writing out includes compiling a step of the environment, measuring has no compiled programs"
    tables = [Table("Exact lengths", columns, rows, (note,))]
    if growth:
        tables.append(
            Table("Exact lengths: k of length^k", ("task", "beliefs", "writing out", "measuring"), growth, ())
        )
    return tables
