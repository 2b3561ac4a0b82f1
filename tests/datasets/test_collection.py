"""Collected trajectories are what the environment plays, and the same however collecting was stopped."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up import assert_same, content
from support import small_config

from jaxmem import agents, cores, datasets, envs
from jaxmem.config import ConfigError
from jaxmem.datasets import rows
from jaxmem.datasets.players import Player, RunPolicy, noisy
from jaxmem.training import LoopOptions
from jaxmem.training.checkpoint import Checkpoints
from jaxmem.training.collect import collect as played
from jaxmem.training.evaluate import load_run, take_seed
from jaxmem.training.folder import RunFolder
from jaxmem.training.loop import Program
from jaxmem.training.task import Task

MAZE = envs.options("PassiveTMaze-v0", length=3)
POLE = envs.options("CartPole-v1", max_steps_in_episode=24)
PENDULUM = envs.options("OccludedPendulum-v0", occlude="none")

# Plays rows of 4 into shards of 6 and kills itself in the second shard.
KILLED = """
import os, signal, sys
from jaxmem import datasets, envs
def report(kept, played):
    if played >= 8:
        os.kill(os.getpid(), signal.SIGKILL)
env = envs.options("PassiveTMaze-v0", length=3)
datasets.collect(env, "random", 16, sys.argv[1], 7, rows=4, shard_size=6, report=report)
"""


def collect(folder: Path, episodes: int, **changes) -> datasets.Dataset:
    arguments = {"env": MAZE, "policy": "random", "seed": 7, "rows": 4, "shard_size": 6} | changes
    return datasets.collect(episodes=episodes, folder=folder, **arguments)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("collected") / "whole"
    collect(folder, 16)
    return folder


def test_a_collection_that_was_killed_ends_in_the_same_bytes(whole, tmp_path):
    folder = tmp_path / "killed"
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (folder / "shard.part").exists()
    assert len(datasets.open(folder)) == 6
    collect(folder, 16)
    assert content(folder) == content(whole)


def test_more_episodes_are_added_in_the_middle_of_a_group(whole, tmp_path):
    for episodes in (1, 7, 16):
        collect(tmp_path, episodes, rows=4 if episodes == 1 else None, shard_size=6 if episodes == 1 else None)
    assert content(tmp_path) == content(whole)


@pytest.fixture(scope="module")
def poles(tmp_path_factory) -> datasets.Dataset:
    return collect(tmp_path_factory.mktemp("collected") / "poles", 40, env=POLE, rows=16)


def test_trajectories_follow_the_environment(poles):
    """CartPole has no randomness after its beginning."""
    env, params = POLE.make()
    step = jax.jit(env.step_env)
    lengths = {one.steps for one in poles}
    assert max(lengths) == 24
    assert len(lengths) > 5
    for one in list(poles)[::6]:
        state = env.reset_env(jax.random.key(0), params)[1]
        x, x_dot, theta, theta_dot = jnp.asarray(one.obs[0])
        state = state.replace(x=x, x_dot=x_dot, theta=theta, theta_dot=theta_dot)
        for t in range(one.steps):
            obs, state, reward, terminated, _ = step(jax.random.key(t), state, int(one.action[t]), params)
            np.testing.assert_allclose(obs, one.obs[t + 1], rtol=1e-4, atol=1e-5)
            assert reward == one.reward[t]
            assert terminated == (one.terminated and t == one.steps - 1)
        assert one.truncated == (not one.terminated)
        assert one.terminated or one.steps == 24
    assert poles.env() == POLE
    assert poles.meta.source.policy == {"name": "random"}


def test_pieces_make_no_difference(tmp_path, monkeypatch, poles):
    monkeypatch.setattr(rows, "_PIECE_STEPS", 7)
    for one, other in zip(poles, collect(tmp_path / "a", 40, env=POLE, rows=16), strict=True):
        assert_same(one, other)


def test_a_policy_of_a_script(tmp_path):
    dataset = collect(tmp_path, 10, policy="oracle")
    assert dataset.meta.metrics["success"]["min"] == 1
    assert dataset.meta.source.env == asdict(MAZE)


@pytest.mark.parametrize("env", [MAZE, PENDULUM], ids=lambda env: env.id)
def test_a_share_of_actions_is_drawn_instead(tmp_path, env):
    task = Task.of(env)
    size = (1,) if task.actions.continuous else ()
    always = jnp.zeros((40, *size), task.actions.none(1).dtype)
    player = Player({"name": "zero"}, 40, (), lambda *_: (), lambda *_: ((), always))
    noise = 0.25
    player = noisy(player, task.actions, noise)
    assert player.about == {"name": "zero", "noise": noise}
    act: Any = player.act
    keys = jax.random.split(jax.random.key(0), 500)
    actions = np.asarray(jax.vmap(lambda key: act((), (), key, None, None, always)[1])(keys))
    assert actions.dtype == always.dtype
    # A quarter is drawn, of which one in so many actions is 0 again.
    again = 0.0 if task.actions.continuous else 1 / task.actions.size
    np.testing.assert_allclose((actions != 0).mean(), noise * (1 - again), atol=0.01)
    if task.actions.continuous:
        assert -1 <= actions.min() < -0.95 < 0.95 < actions.max() <= 1
    else:
        assert set(np.unique(actions)) == set(range(task.actions.size))


def test_only_successes_are_kept_and_gone_on_with(tmp_path):
    easy = {"env": envs.options("PassiveTMaze-v0", length=1), "rows": 32}
    whole = collect(tmp_path / "whole", 6, keep="success", **easy)
    assert whole.meta.metrics["success"] == {"mean": 1, "min": 1, "max": 1}
    assert whole.meta.played > 6
    for episodes in (2, 6):
        collect(tmp_path / "cut", episodes, keep="success", **easy)
    assert content(tmp_path / "cut") == content(tmp_path / "whole")
    played = list(collect(tmp_path / "all", whole.meta.played, **easy))
    for a, b in zip(whole, [one for one in played if one.info["success"] == 1], strict=True):
        assert_same(a, b)


def test_pictures_and_continuous_actions_stay_what_they_are(tmp_path):
    rooms = collect(tmp_path / "rooms", 2, env=envs.options("KeyToDoor-v0", max_frames=(2, 2, 2)), rows=2)
    assert rooms[0].obs.dtype == np.uint8
    assert {"success", "apples", "key"} <= set(rooms[0].info)
    pendulum = collect(tmp_path / "pendulum", 2, env=PENDULUM, rows=2)
    action = pendulum[0].action
    assert (action.dtype, action.shape[1:]) == (np.float32, (1,))
    assert np.abs(action).max() <= 1
    # Of the whole range, not of the pendulum's own numbers, which go to 2.
    assert np.abs(action).max() > 0.95


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run as it is before its first iteration."""
    loop = LoopOptions(episodes=8, collect=4, eval_every=4, eval_episodes=4)
    config = small_config(
        env=MAZE, core=cores.options("lstm", width=8), agent=agents.options("ppo"), loop=loop, seeds=2
    )
    folder = RunFolder.create(tmp_path_factory.mktemp("runs") / "run", "tiny", "best", config)
    program = Program(config)
    checkpoints = Checkpoints(folder.checkpoints, keep=1)
    checkpoints.save(0, jax.jit(program.init)(jax.random.key(0)), {})
    checkpoints.close()
    return folder.path


def test_a_trained_run_plays_as_it_does_in_an_evaluation(tmp_path, run):
    policy = RunPolicy(run, seed=1)
    assert policy.env() == MAZE
    dataset = collect(tmp_path / "greedy", 10, policy=policy)
    told = json.loads((tmp_path / "greedy" / "dataset.json").read_text())["policy"]
    assert (told["name"], told["checkpoint"], told["seed"], told["mode"]) == ("run run", 0, 1, "greedy")
    # What is greedy is the same in all episodes that look alike, and what seed 1 does, not seed 0.
    alike = {(one.obs.tobytes(), one.action.tobytes()) for one in dataset}
    assert len(alike) == len({obs for obs, _ in alike}) < 10
    program, state, _ = load_run(RunFolder.open(run))
    program, state = take_seed(program, state, 1)
    task, agent, params = program.task, program.agent, jax.tree.map(lambda leaf: leaf[0], state.agent)
    episodes, _ = jax.device_get(jax.jit(lambda key: played(task, agent, params, key, 32, "greedy"))(jax.random.key(0)))
    expected = {(episodes.obs[:, row].tobytes(), episodes.action[:, row].tobytes()) for row in range(32)}
    assert alike <= expected
    explored = collect(tmp_path / "explored", 10, policy=RunPolicy(run, seed=1, explore=True))
    assert len({one.action.tobytes() for one in explored}) > len(alike)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"episodes": 0}, "episodes is 0: allowed is an integer from 1"),
        ({"seed": -1}, "seed is -1"),
        ({"rows": 0}, "rows is 0"),
        ({"policy": "nosuch"}, "known are random, oracle"),
        ({"noise": 1.5}, "noise is 1.5: allowed is a number from 0 to 1"),
        ({"keep": "best"}, "keep is 'best': allowed is one of success, or none"),
        ({"keep": "success", "env": POLE}, "CartPole-v1 reports no success"),
    ],
)
def test_wrong_arguments(tmp_path, change, says):
    with pytest.raises(ConfigError, match=says):
        collect(tmp_path / "a", **({"episodes": 4} | change))
    assert not (tmp_path / "a").exists()


def test_runs_that_cannot_play_this(tmp_path, run):
    longer = envs.options("PassiveTMaze-v0", length=9)
    for change, says in (
        ({"env": longer}, "up to 10 steps: allowed are the 4"),
        ({"env": POLE}, "the run was trained on PassiveTMaze-v0"),
        ({"policy": RunPolicy(run, seed=2)}, "seed is 2: allowed is an integer from 0 to 1"),
        ({"policy": RunPolicy(tmp_path)}, "is not a run folder"),
    ):
        with pytest.raises(ConfigError, match=says):
            collect(tmp_path / "a", 4, **({"policy": RunPolicy(run)} | change))


def test_other_episodes_in_the_same_folder(whole):
    for change, says in (
        ({"seed": 8}, "another seed: 7, now 8"),
        ({"rows": 5}, "another rows: 4, now 5"),
        ({"shard_size": 5}, "another shard_size: 6, now 5"),
        ({"policy": "oracle"}, r"another policy\.name: 'random', now 'oracle'"),
        ({"noise": 0.5}, r"policy\.noise"),
        ({"env": envs.options("PassiveTMaze-v0", length=4)}, r"another env\.length: 3, now 4"),
    ):
        with pytest.raises(datasets.DatasetError, match=says):
            collect(whole, 20, **change)


def test_a_policy_that_never_succeeds_is_given_up(tmp_path, monkeypatch, whole):
    assert datasets.open(whole).meta.metrics["success"]["max"] == 0
    monkeypatch.setattr("jaxmem.datasets.collection._HOPELESS", 10)
    with pytest.raises(datasets.DatasetError, match="of the last 12 episodes none had success"):
        collect(tmp_path, 1, keep="success")
