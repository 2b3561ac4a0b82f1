"""`jaxmem bench td3` at tiny sizes: that there are figures, and which; how fast it is is not judged."""

import importlib.util

import jax
import pytest
from bench_tables import numbers, tables

from jaxmem.agents.td3 import TD3
from jaxmem.benchmarks.control import ControlBench, make_program, parts_like
from jaxmem.benchmarks.timing import Repeats, Timing
from jaxmem.cli.bench import main
from jaxmem.config import ConfigError
from jaxmem.cores import Windowed

BENCH = ControlBench(("mlp", "gpt"), context=4, batch_size=3, act_batch=2, steps=8, width=8, repeats=Repeats(1, 0.0))


def test_the_command_gives_figures_for_both_ways_of_acting(tmp_path, capsys, monkeypatch):
    """Without Brax there is a line that says how to add it; its environments have a test of their own."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    out = tmp_path / "figures.md"
    assert main(["td3", "--cores", "mlp", "--quick", "--out", str(out)]) == 0
    assert "pip install 'jaxmem[brax]'" in capsys.readouterr().err
    found = tables(out)
    assert list(found)[1:3] == [
        "TD3, learning: updates on 2 parts of 4 steps, width 8",
        "TD3, acting: 2 rows in OccludedPendulum-v0, width 8",
    ]
    _, learning, acting, _ = found.values()
    assert [row["core"] for row in learning] == ["mlp"]
    ways = [(row["core"], row["acts with"], row["chosen"]) for row in acting]
    assert ways == [("mlp", "window", ""), ("mlp", "carried memory", "yes")]
    assert [bool(row["time relative to carried"]) for row in acting] == [True, False]
    for rows in (learning, acting):
        figures = numbers(rows, skip=("core", "acts with", "chosen"))
        assert len(figures) >= 3 * len(rows)
        assert all(number > 0 for number in figures)


def test_physics_is_measured_where_brax_is(tmp_path):
    pytest.importorskip("brax")
    from jaxmem.benchmarks.control import NO_PHYSICS, measure_physics

    begun = []
    table = measure_physics(BENCH, NO_PHYSICS, begun.append)
    assert [row[0] for row in table.rows] == begun == list(NO_PHYSICS)
    assert "Physics: 2 rows" in table.markdown()


def test_what_is_measured_is_the_learner_that_training_has():
    cases = BENCH.cases()
    assert list(map(str, cases)) == ["mlp", "gpt, sine", "gpt, rotary"]
    agents = [make_program(BENCH, case).agent for case in cases]
    cores = [agent.net.trunk.core for agent in agents if isinstance(agent, TD3)]
    # Positions of the episode would be new to the core while acting; those of a window, and distances, are not.
    assert [isinstance(core, Windowed) for core in cores] == [False, True, False]
    assert [agent.context for agent in agents if isinstance(agent, TD3)] == [4, 4, 4]
    agent = agents[0]
    assert isinstance(agent, TD3)
    parts = parts_like(agent.example, BENCH.context, BENCH.batch_size)
    assert parts.action.shape == (4, 3, 1)
    assert not parts.terminated.any()
    key = jax.random.key(0)
    _, metrics = jax.eval_shape(agent.update, jax.eval_shape(agent.init, key), parts, key)
    assert metrics["loss"].shape == ()


def test_times_of_parts_and_ratios_of_neighbours():
    one, other = Timing((2.0, 8.0)), Timing((1.0, 2.0))
    assert one.share(4) == Timing((0.5, 2.0))
    ratio = one.relative_to(other)
    assert (ratio.low, ratio.median, ratio.high) == (2, 3, 4)


def test_wrong_arguments_are_one_line_before_anything_is_measured(capsys):
    with pytest.raises(ConfigError, match="core.name is 'gtp'"):
        main(["td3", "--cores", "gtp", "--quick"])
    with pytest.raises(ConfigError, match="'0' is not an integer >= 1"):
        main(["td3", "--context", "0", "--quick"])
    assert not capsys.readouterr().out
