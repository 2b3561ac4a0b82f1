"""What ends a run before its budget is spent."""

import math

import pytest
from support import small_config

from jaxmem import agents
from jaxmem.training import LoopOptions
from jaxmem.training.folder import RunFolder
from jaxmem.training.progress import Display
from jaxmem.training.train import start


def rows(*values):
    return [{"eval/return": value, "eval/success": success} for value, success in values]


@pytest.mark.parametrize(
    ("evaluation", "solved"),
    [
        (rows((1.0, 0.9), (1.0, 0.9)), True),
        (rows((0.9, 0.9), (1.0, 0.9)), False),
        (rows((1.0, 0.9), (1.0, 0.8)), False),
        (rows((1.0, math.nan), (1.0, 0.9)), False),
    ],
)
def test_every_seed_must_reach_every_bound(evaluation, solved):
    assert LoopOptions(stop_return=1.0, stop_success=0.9).is_solved(evaluation) == solved


def test_one_bound_leaves_the_other_out_and_none_never_stops():
    evaluation = rows((0.5, 1.0))
    assert LoopOptions(stop_success=1.0).is_solved(evaluation)
    assert LoopOptions(stop_return=0.5).is_solved(evaluation)
    assert not LoopOptions(stop_return=0.6).is_solved(evaluation)
    assert not LoopOptions().is_solved(evaluation)


def test_a_run_stops_after_several_such_evaluations(tmp_path):
    loop = LoopOptions(
        episodes=80, collect=4, updates=1, random_episodes=4, eval_every=8, eval_episodes=4, stop_success=0.0
    )
    config = small_config(loop=loop)
    folder = RunFolder.create(tmp_path / "run", "stop", "best", config)
    assert len(start(config, folder, Display(loop.iterations))) == 2 * loop.stop_evals


def test_losses_that_are_not_finite_are_told_once(tmp_path, capsys):
    loop = LoopOptions(episodes=24, collect=4, updates=1, random_episodes=4, eval_every=4, eval_episodes=2)
    config = small_config(loop=loop, agent=agents.options("ddqn", batch_size=4, learning_rate=1e30))
    folder = RunFolder.create(tmp_path / "run", "diverged", "best", config)
    start(config, folder, Display(loop.iterations))
    output = "".join(capsys.readouterr())
    assert output.count("learning has diverged, its losses are not finite: seeds [0, 1]") == 1
