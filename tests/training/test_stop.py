"""What ends a run before its budget is spent."""

import pytest
from support import small_config

from jaxmem import envs
from jaxmem.config import ConfigError
from jaxmem.training import LoopOptions
from jaxmem.training.folder import RunFolder
from jaxmem.training.progress import Display
from jaxmem.training.train import start


def trained(tmp_path, env, **loop):
    settings = dict(episodes=80, collect=4, updates=1, random_episodes=4, eval_every=8, eval_episodes=4)
    config = small_config(env=env, loop=LoopOptions(**(settings | loop)))
    folder = RunFolder.create(tmp_path / "run", "stop", "best", config)
    return start(config, folder, Display(config.loop.iterations))


def test_success_and_return_must_both_be_reached_several_times_in_a_row(tmp_path):
    env = envs.options("PassiveTMaze-v0", length=3)
    rows = trained(tmp_path, env, stop_success=0.0, stop_return=-2.0, stop_evals=3)
    assert len(rows) == 2 * 3


def test_success_that_is_never_reported_is_one_line(tmp_path):
    env = envs.options("CartPole-v1", max_steps_in_episode=3)
    with pytest.raises(ConfigError, match="loop.stop_success is 0.5: CartPole-v1 reports no success"):
        trained(tmp_path, env, stop_success=0.5)


def test_bounds_that_are_not_set_stop_nothing():
    assert LoopOptions().stop_at == {}
    assert LoopOptions(stop_success=0.9).stop_at == {"eval/success": 0.9}
    assert LoopOptions(stop_return=2.0).stop_at == {"eval/return": 2.0}
