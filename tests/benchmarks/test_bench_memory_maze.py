"""`jaxmem bench memory_maze` at a tiny size: that there are figures; how fast it is is not judged."""

from bench_tables import numbers, tables

from jaxmem.benchmarks.memory_maze import ROWS, SIZES, MazeBench
from jaxmem.benchmarks.timing import Repeats
from jaxmem.cli.bench import main


def test_the_command_gives_figures(tmp_path, capsys):
    out = tmp_path / "figures.md"
    assert main(["memory_maze", "--quick", "--out", str(out)]) == 0
    found = tables(out)
    _, rows, _ = found.values()
    assert [(row["maze"], row["side by side"]) for row in rows] == [("9 x 9", "4")]
    figures = numbers(rows, skip=("maze", "side by side"))
    assert len(figures) == 3 + 3 + 1
    assert all(number > 0 for number in figures)
    assert "measuring Memory Maze 9 x 9" in capsys.readouterr().err


def test_the_whole_benchmark_has_each_size_with_each_number_of_rows():
    cases = MazeBench(SIZES, ROWS, 256, Repeats(5, 0.3)).cases()
    assert len(cases) == len(set(cases)) == 6
    assert (9, 256) in cases
