"""`jaxmem bench`, whole and at tiny sizes; what it measures is not judged, only that there are figures."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import pytest
from bench_tables import numbers, tables
from gymnax.environments.spaces import Discrete

from jaxmem.benchmarks.envs import own_ids, rollout
from jaxmem.cli.bench import main
from jaxmem.config import ConfigError
from jaxmem.cores import looks_at, registered_cores

NAMED = (["mlp", "rmt"], ["PassiveTMaze-v0", "MemoryChain-bsuite"])


@pytest.mark.parametrize(
    "named", [pytest.param(None, marks=pytest.mark.slow, id="all"), pytest.param(NAMED, id="some")]
)
def test_the_whole_command_gives_figures_for_every_core_and_environment(tmp_path, capsys, named):
    out = tmp_path / "figures.md"
    cores, ids = named or (
        [name for name in registered_cores if looks_at(name) is None],
        [*own_ids(), "MemoryChain-bsuite"],
    )
    some = ["envs", "cores", "lengths", "--cores", *cores, "--ids", *ids]
    arguments = [*(some if named else []), "--quick", "--out", str(out)]
    assert main(arguments) == 0
    facts, environments, acting, learning, memory, *control, lengths, growth, peak = tables(out).values()
    assert bool(control) != bool(named)
    assert {row["what"] for row in facts} == {
        "device",
        "processor",
        "cores",
        "load before",
        "jax",
        "jaxmem",
        "commit",
        "date",
        "command",
    }
    assert facts[-1]["value"] == f"jaxmem bench {' '.join(arguments)}"
    assert [row["environment"].removesuffix(" (reference)") for row in environments] == ids
    for rows in (acting, learning, memory):
        assert [row["core"] for row in rows] == cores
    # What a loop over segments has to do depends on the episodes.
    uncounted = [row for row in learning if row["GFLOP"] == "nan"]
    assert [row["core"] for row in uncounted] == ["rmt"]
    for row in uncounted:
        assert [row.pop(column) for column in ("GFLOP", "GFLOP/s", "% of matmul")] == ["nan"] * 3
    assert [(row["task"], row["l_mem"]) for row in lengths[1::2]] == [("PassiveTMaze-v0", "4"), ("ActiveTMaze-v0", "5")]
    assert [row["task"] for row in growth] == ["PassiveTMaze-v0", "ActiveTMaze-v0"]
    for rows in (environments, acting, learning, memory, lengths, peak):
        found = numbers(rows, skip=("environment", "core", "dropout", "task", "where"))
        assert len(found) >= len(rows)
        assert all(math.isfinite(number) and number > 0 for number in found)
    printed = capsys.readouterr()
    assert "Learning: Double DQN" in printed.out
    assert f"measuring core {cores[0]}, T = 4" in printed.err


def test_growth_is_fitted_where_there_are_lengths(tmp_path):
    out = tmp_path / "figures.md"
    arguments = ["cores", "--cores", "mlp", "--lengths", "3", "2", "3", "--repeats", "1"]
    assert main([*arguments, "--quick", "--out", str(out)]) == 0
    _, acting, learning, _, growth, _ = tables(out).values()
    assert [row["T"] for row in acting] == [row["T"] for row in learning] == ["2", "3"]
    assert [row["core"] for row in growth] == ["mlp"]
    assert len(numbers(growth, skip=("core",))) == 4


def test_environments_of_gymnax_can_be_named(tmp_path):
    out = tmp_path / "figures.md"
    assert main(["envs", "--ids", "MemoryChain-bsuite", "--quick", "--out", str(out)]) == 0
    assert [row["environment"] for row in list(tables(out).values())[1]] == ["MemoryChain-bsuite (reference)"]


class Ones:
    """An environment whose observations are three ones, in a tree, and whose rewards are one."""

    obs: ClassVar = {"a": jnp.ones((2,)), "b": jnp.ones((), jnp.uint8)}

    def action_space(self, params):
        return Discrete(2)

    def reset(self, key, params):
        return self.obs, jnp.int32(0)

    def step(self, key, state, action, params):
        return self.obs, state + action, jnp.float32(1), jnp.bool_(False), jnp.bool_(False), {}


def test_a_rollout_reads_every_observation_and_reward():
    total = jax.jit(rollout(Ones(), None, batch_size=3, steps=4))(jax.random.key(0))
    assert total == 3 * (3 + 4 * (3 + 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cpu"], "unknown benchmark 'cpu'"),
        (["--lengths", "1"], "'1' is not an integer >= 2"),
        (["--lengths"], "expected at least one argument"),
        (["--cores", "gtp"], "core.name is 'gtp'"),
        (["--ids", "Maze"], "unknown environment 'Maze'"),
        (["--batch-size", "0"], "'0' is not an integer >= 1"),
        (["--dropout", "2"], "core.dropout is 2.0"),
        (["--dropout", "nan"], "core.dropout is nan"),
        (["--out", "/nowhere/at/all.md"], "--out is '/nowhere/at/all.md'"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_wrong_arguments_are_told_in_one_line_before_anything_is_measured(arguments, message, capsys):
    with pytest.raises(ConfigError) as error:
        main(["--quick", *arguments])
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not capsys.readouterr().out
