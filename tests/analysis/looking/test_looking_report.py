"""A run that is watched and looked at, as a user does it."""

import csv
import json
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import environment, spaces
from PIL import Image
from support import small_config

from jaxmem import agents, cores, envs
from jaxmem.analysis.looking import LookOptions, look, report, write
from jaxmem.analysis.looking.watch import Watched, episode_numbers, first_params, watch
from jaxmem.cli.main import main
from jaxmem.config import ConfigError
from jaxmem.envs import registry
from jaxmem.networks import NetworkOptions
from jaxmem.training import LoopOptions
from jaxmem.training.checkpoint import Checkpoints
from jaxmem.training.folder import RunFolder
from jaxmem.training.loop import Program
from jaxmem.training.state import Run

STEPS, ROWS, LIMIT = 20, 3, 5
TINY: dict[str, Any] = {"channels": 6, "key_width": 2, "queries": 2, "query_hidden": (4,), "answer_hidden": (4,)}
# A time limit ends it, before a ball can be lost.
BREAKOUT = envs.options("Breakout-MinAtar", max_steps_in_episode=LIMIT)
OPTIONS = LookOptions(steps=STEPS, rows=ROWS, frames=3, compared=9)


def breakout(core: cores.CoreOptions, env: envs.EnvOptions = BREAKOUT, encoder: str = "auto", **agent: Any) -> Program:
    config = small_config(
        env=env,
        core=core,
        agent=agents.options("vtrace", **agent),
        network=NetworkOptions(encoder=encoder, obs_embed=4, action_embed=2, head=(), cnn_channels=(4,), cnn_kernel=3),
        loop=LoopOptions(episodes=8, collect=2, updates=1, unroll=2, eval_every=8, eval_episodes=2),
        seeds=2,
    )
    return Program(config)


def fresh_run(program: Program) -> Run:
    """Of a run, what is looked at."""
    rest: Any = {field.name: None for field in fields(Run) if field.name not in ("agent", "iterations")}
    agent = jax.jit(jax.vmap(program.agent.init))(jax.random.split(jax.random.key(0), 2))
    return Run(agent=agent, iterations=jnp.zeros(2, jnp.int32), **rest)


@pytest.fixture(scope="module")
def looking() -> tuple[Program, Run]:
    program = breakout(cores.options("mott", width=8, **TINY))
    return program, jax.jit(program.init)(jax.random.key(0))


@pytest.fixture(scope="module")
def watched(looking) -> Watched:
    program, run = looking
    return watch(program, run, STEPS, ROWS, jax.random.key(1), seed=1)


@pytest.fixture(scope="module")
def folder(looking, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "breakout"
    program, run = looking
    made = RunFolder.create(path, "breakout", "best", program.config)
    checkpoints = Checkpoints(made.checkpoints, keep=1)
    checkpoints.save(0, run, {})
    checkpoints.close()
    return path


def test_steps_are_those_of_whole_episodes(watched):
    time = np.arange(STEPS)[:, None] + np.zeros(ROWS, int)
    # An episode is five steps, and one that shows what they led to.
    np.testing.assert_array_equal(watched.start, time % (LIMIT + 1) == 0)
    np.testing.assert_array_equal(watched.ended, time % (LIMIT + 1) == LIMIT - 1)
    np.testing.assert_array_equal(watched.mask, time % (LIMIT + 1) < LIMIT)
    np.testing.assert_array_equal(watched.episode, time // (LIMIT + 1) + 4 * np.arange(ROWS))
    assert watched.obs.shape == (STEPS, ROWS, 10, 10, 4)
    # Of the seed that was asked for.
    assert watched.names == ("query 1", "query 2")
    assert watched.maps is not None
    assert watched.maps.shape == (STEPS, ROWS, 2, 10, 10)
    np.testing.assert_allclose(watched.maps.sum((-2, -1)), 1, rtol=1e-5)


def test_episodes_are_numbered_over_all_rows():
    start = np.array([[1, 1], [0, 1], [1, 0], [0, 1]], bool)
    np.testing.assert_array_equal(episode_numbers(start), [[0, 2], [0, 3], [1, 3], [1, 4]])


def test_what_is_said_is_what_the_network_says_of_the_whole(watched, looking):
    program, run = looking
    params = jax.tree.map(lambda leaf: leaf[1], run.agent.params)
    unroll = jax.jit(lambda *inputs: program.agent.net.apply(params, None, *inputs, method="unroll"))
    _, said = unroll(watched.inputs, watched.start)
    np.testing.assert_allclose(watched.logits, said.logits, rtol=0, atol=1e-5)
    np.testing.assert_allclose(watched.value, said.value, rtol=0, atol=1e-5)


def test_moments_have_the_memory_before_them(watched):
    step, row = np.array([5, 0, 17, 5, 6]), np.array([2, 0, 1, 2, 0])
    moments = watched.moments(step, row)
    np.testing.assert_array_equal(moments.start, [False, True, False, False, True])
    one = jax.tree.map(lambda leaf: leaf[None], (moments.inputs, moments.start))
    unroll = jax.jit(lambda *inputs: watched.net.apply(watched.params, *inputs, method="unroll"))
    _, said = unroll(moments.memory, *one)
    np.testing.assert_allclose(said.logits[0], watched.logits[step, row], rtol=0, atol=1e-5)
    np.testing.assert_allclose(said.value[0], watched.value[step, row], rtol=0, atol=1e-5)
    # It matters which memory it is.
    _, other = unroll(jax.tree.map(lambda leaf: leaf[::-1], moments.memory), *one)
    assert not np.allclose(other.logits[0], said.logits[0], rtol=0, atol=1e-5)


def test_a_network_before_training_sees_the_same_steps(watched, looking):
    program, run = looking
    before = first_params(program, 1)
    expected = jax.tree.map(lambda leaf: leaf[1], run.agent.params)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=0, atol=1e-6), before, expected)
    other = jax.tree.map(lambda leaf: leaf[0], run.agent.params)
    seen = watched.seen_by(other)
    unroll = jax.jit(lambda *inputs: program.agent.net.apply(other, None, *inputs, method="unroll"))
    _, said = unroll(watched.inputs, watched.start)
    np.testing.assert_allclose(seen.logits, said.logits, rtol=0, atol=1e-5)
    assert seen.maps is not None
    assert np.abs(seen.maps - watched.maps).max() > 1e-4
    # Its memory is what it would have remembered, not what the other one did.
    step, row = np.array([4, 10]), np.array([1, 0])
    moments = seen.moments(step, row)
    inputs, start = jax.tree.map(lambda leaf: leaf[None], (moments.inputs, moments.start))
    _, said = jax.jit(lambda *given: seen.net.apply(seen.params, *given, method="unroll"))(
        moments.memory, inputs, start
    )
    np.testing.assert_allclose(said.logits[0], seen.logits[step, row], rtol=0, atol=1e-5)
    assert not np.allclose(said.logits[0], watched.logits[step, row], rtol=0, atol=1e-5)


def test_a_run_is_looked_at(folder, capsys):
    sizes = ["--steps", "20", "--rows", "3", "--frames", "3", "--compared", "9"]
    assert main(["look", str(folder), *sizes, "--untrained", "--only", "1"]) == 0
    out = folder / "look"
    printed = capsys.readouterr().out
    names = {"attention.png", "attention.gif", "saliency.png", "look.json"}
    names |= {f"{table}.{kind}" for table in ("agreement", "objects", "causal") for kind in ("csv", "md")}
    assert {path.name for path in out.iterdir()} == names
    assert all(str(out / name) in printed for name in names)
    found = json.loads((out / "look.json").read_text())
    about = {"checkpoint": 0, "core": "mott", "env": "Breakout-MinAtar", "frames": 9}
    assert {name: found[name] for name in about} == about
    assert 2 <= found["episodes"] <= 9
    # Two queries and their mean, against two kinds of saliency, by two statistics.
    assert len(found["agreement"]) == 3 * 2 * 2
    for row in found["agreement"]:
        assert row["difference"] == pytest.approx(row["value"] - row["null"])
        assert row["low"] <= row["high"]
    assert {row["object"] for row in found["objects"]} == {"paddle", "ball", "trail", "brick"}
    with (out / "objects.csv").open() as file:
        written = list(csv.DictReader(file))
    assert [float(row["lift"]) for row in written] == pytest.approx([row["lift"] for row in found["objects"]], rel=1e-3)
    means = {(row["fill"], row["measure"], row["cells"]): row["mean"] for row in found["causal"]}
    assert len(means) == 2 * 2 * 7
    for fill, measure in (("blur", "divergence"), ("zero", "value")):
        for other in ("random", "least", "other frame"):
            apart = means[fill, measure, "most"] - means[fill, measure, other]
            assert means[fill, measure, f"most - {other}"] == pytest.approx(apart, abs=1e-12)
    # It was not trained: before training it was the same.
    for table, column in (("agreement", "difference"), ("objects", "lift")):
        values = [row[column] for row in found[table]]
        assert [row["untrained"] for row in found[table]] == pytest.approx(values, rel=1e-4, abs=1e-4)
    film: Any = Image.open(out / "attention.gif")
    assert film.is_animated
    with Image.open(out / "saliency.png") as small, Image.open(out / "attention.png") as tall:
        assert small.width > 3 * 150
        # Three rows more: two queries and their mean.
        assert tall.height - small.height == 3 * 154


class Noise(environment.Environment):
    """Stacked frames as Atari's, of random bytes."""

    @property
    def default_params(self) -> environment.EnvParams:
        return environment.EnvParams(max_steps_in_episode=3)

    def step_env(self, key: Any, state: Any, action: Any, params: Any) -> Any:
        state = environment.EnvState(time=state.time + 1)
        ended = state.time >= params.max_steps_in_episode
        return self._seen(key), state, jnp.float32(action), ended, {}

    def reset_env(self, key: Any, params: Any) -> Any:
        return self._seen(key), environment.EnvState(time=jnp.int32(0))

    def _seen(self, key: Any) -> Any:
        return jax.random.bits(key, (84, 84, 4), jnp.uint8)

    @property
    def num_actions(self) -> int:
        return 2

    def action_space(self, params: Any = None) -> Any:
        return spaces.Discrete(2)

    def observation_space(self, params: Any) -> Any:
        return spaces.Box(0, 255, (84, 84, 4), jnp.uint8)


def test_large_pictures_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    envs.register("Noise", Noise)
    program = breakout(cores.options("mott", width=8, vision="linear", **TINY), envs.options("Noise"), "strided")
    run = fresh_run(program)
    taken = []
    effects = report.effects

    def noted(net: Any, params: Any, moments: Any, cells: dict[str, np.ndarray], *rest: Any) -> Any:
        taken.append(cells)
        return effects(net, params, moments, cells, *rest)

    monkeypatch.setattr(report, "effects", noted)
    found = look(program, run, LookOptions(steps=6, rows=1, frames=1, compared=3))
    assert (found.frames, found.episodes, found.objects) == (3, 2, [])
    assert "untrained" not in found.agreement[0]
    assert all(np.isfinite(row["value"]) for row in found.agreement)
    # A tenth of 11 x 11 cells, as blocks: whole ones have 8 x 8 pixels.
    (cells,) = taken
    assert list(cells) == ["most", "random", "least", "other frame"]
    for masks in cells.values():
        assert masks.shape == (3, 84, 84)
        for mask in masks:
            inside = mask[5:77, 5:77].reshape(9, 8, 9, 8).swapaxes(1, 2).reshape(81, 64)
            assert set(inside.sum(axis=1)) <= {0, 64}
            # At the lowest, all are at the borders, which cut them.
            assert 13 * 5 * 5 <= mask.sum() <= 13 * 64
    write(found, tmp_path)
    with Image.open(tmp_path / "look" / "attention.png") as strip:
        # Frame, two queries and their mean, two kinds of saliency.
        assert strip.height == 20 + 6 * (84 * 2 + 4)


def test_a_model_without_maps_has_saliency_alone(tmp_path):
    program = breakout(cores.options("lstm", width=8), separate_critic=True)
    run = fresh_run(program)
    done = []
    found = look(program, run, OPTIONS, lambda *told: done.append(told))
    assert (found.tables, found.attention_picture, found.animation) == ({}, None, None)
    assert done[-1] == (12, 12, "frame 12 of 12 perturbed")
    files = write(found, tmp_path)
    assert [path.name for path in files] == ["saliency.png", "look.json"]
    assert json.loads(files[-1].read_text())["agreement"] == []


def test_what_cannot_be_looked_at_is_refused_in_a_line(looking, tmp_path, capsys):
    program, run = looking
    with pytest.raises(ConfigError, match=r"^seed is 2: allowed is an integer from 0 to 1$"):
        watch(program, run, STEPS, ROWS, jax.random.key(0), seed=2)
    with pytest.raises(ConfigError, match=r"^agent\.name is 'ddqn': allowed is one with a policy and a state value"):
        watch(Program(small_config()), run, STEPS, ROWS, jax.random.key(0))
    maze = Program(small_config(agent=agents.options("ppo"), loop=LoopOptions(episodes=8, collect=2)))
    with pytest.raises(ConfigError, match=r"^observations of .* have the shape \[2\]: allowed are pictures"):
        watch(maze, run, STEPS, ROWS, jax.random.key(0))
    assert main(["look", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
