"""Tables and what they are made of: no test here measures a time."""

import math

import pytest

from jaxmem.benchmarks import core_tables
from jaxmem.benchmarks.cores import Acting, Case, CoreBench, Figures, Learning
from jaxmem.benchmarks.growth import exponent
from jaxmem.benchmarks.program import Program
from jaxmem.benchmarks.report import Table, show
from jaxmem.benchmarks.timing import Repeats, Spread, Timing, interleave

REPEATS = Repeats(1, 0.0)
TABLE = Table("Speed", ("name", "s"), [("a|b", 1.5), ("c", Spread(2.0, 1.0, 30.0)), ("d", None)], ("A note.",))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        ("x", "x"),
        (1234567, "1,234,567"),
        (1234.5678, "1,235"),
        (12.3456, "12.3"),
        (0.00012345, "0.000123"),
        (-0.5, "-0.500"),
        (0.0, "0"),
        (math.nan, "nan"),
        (Spread(2.0, 1.0, 3.0), "2.00 (1.00 to 3.00)"),
    ],
)
def test_a_cell_has_three_digits(cell, text):
    assert show(cell) == text


def test_markdown_has_every_cell_and_note_and_escapes_bars():
    assert TABLE.markdown().splitlines() == [
        "## Speed",
        "",
        "| name | s |",
        "| :--- | ---: |",
        "| a\\|b | 1.50 |",
        "| c | 2.00 (1.00 to 30.0) |",
        "| d |  |",
        "",
        "* A note.",
    ]


def test_the_terminal_shows_the_same_columns():
    drawn = TABLE.rich()
    assert [column.header for column in drawn.columns] == list(TABLE.columns)
    assert [column.justify for column in drawn.columns] == ["left", "right"]
    assert list(drawn.columns[1].cells) == ["1.50", "2.00 (1.00 to 30.0)", ""]
    assert drawn.caption == "A note."


def test_functions_are_called_in_turns_after_they_were_warmed_up():
    calls = []
    times = interleave({name: lambda name=name: calls.append(name) for name in "ab"}, Repeats(3, 0.0))
    assert "".join(calls) == "aabb" + "ab" * 3
    assert {name: len(timing.seconds) for name, timing in times.items()} == {"a": 3, "b": 3}


def test_spreads_of_times_and_rates():
    timing = Timing((1.0, 4.0, 2.0))
    assert timing.spread(1000) == Spread(2000, 1000, 4000)
    assert timing.rate(8) == Spread(4, 2, 8)


@pytest.mark.parametrize("power", [0.0, 1.0, 1.7])
def test_the_exponent_of_a_power_law_is_found(power):
    lengths = [50, 250, 1500]
    assert exponent(lengths, [3.0 * length**power for length in lengths]) == pytest.approx(power, abs=1e-9)


def test_cases_repeat_cores_that_have_dropout_with_the_rate_that_is_asked_for():
    bench = CoreBench(("gpt", "lstm"), (2, 3), 2, 2, 8, 0.1, 8, Repeats(1, 0.0))
    assert [(case.core, case.dropout, case.length) for case in bench.cases()] == [
        ("gpt", 0.0, 2),
        ("gpt", 0.0, 3),
        ("gpt", 0.1, 2),
        ("gpt", 0.1, 3),
        ("lstm", None, 2),
        ("lstm", None, 3),
    ]


def test_units_shares_and_growth_follow_from_what_was_measured():
    bench = CoreBench(("gpt",), (2, 4), batch_size=8, act_batch=5, width=8, dropout=0.1, matmul=8, repeats=REPEATS)

    def figures(length, dropout):
        # An episode of T steps takes T^2 seconds and an update T; its memory is constant.
        program = Program(print, 3.0, total_bytes=2**20, temporary_bytes=2**19, flops=1e9 * length, xla_flops=7e9)
        acting = None if dropout else Acting(program, Timing((length**2,)))
        return Figures(Case("gpt", dropout, length), 10, acting, Learning(program, Timing((length,)), 4e9))

    found = [figures(length, dropout) for dropout in (0.0, 0.1) for length in bench.lengths]
    acting, learning, memory, growth = core_tables.tables(bench, found)
    assert acting.rows[0] == ("gpt", 2, Spread(4e5, 4e5, 4e5), 2.5, 3.0)
    assert len(acting.rows) == 2
    assert learning.rows[1] == ("gpt", 0.0, 4, 10, Spread(4e3, 4e3, 4e3), 4.0, 7.0, 1.0, 4.0, 25.0, 3.0)
    assert memory.rows[0] == ("gpt", 0.0, 2, 1.0, 1.0, 0.5)
    assert memory.rows[3] == ("gpt", 0.1, 4, None, 1.0, 0.5)
    assert growth.rows[0] == ("gpt", 0.0, *(pytest.approx(k, abs=1e-9) for k in (1, 0, 1, 0)))
    assert growth.rows[1] == ("gpt", 0.1, None, None, *(pytest.approx(k, abs=1e-9) for k in (1, 0)))
