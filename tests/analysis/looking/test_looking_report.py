"""A run that is watched and looked at, as a user does it."""

import csv
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from looking_cases import LIMIT, TINY, breakout, fresh_run
from PIL import Image
from support import small_config

from jaxmem import agents, cores
from jaxmem.analysis.looking import LookOptions, look, report, write
from jaxmem.analysis.looking.watch import Watched, episode_numbers, first_params, watch
from jaxmem.cli import look as command
from jaxmem.cli.main import main
from jaxmem.config import ConfigError
from jaxmem.networks import CENTRE
from jaxmem.training import LoopOptions
from jaxmem.training.checkpoint import Checkpoints
from jaxmem.training.folder import RunFolder
from jaxmem.training.loop import Program
from jaxmem.training.state import Run

STEPS, ROWS = 20, 3
OPTIONS = LookOptions(steps=STEPS, rows=ROWS, frames=3, compared=9)


@pytest.fixture(scope="module")
def looking() -> tuple[Program, Run]:
    program = breakout(cores.options("mott", width=8, **TINY), background=True)
    return program, jax.jit(program.init)(jax.random.key(0))


@pytest.fixture(scope="module")
def trained(looking) -> Run:
    """The same run with other parameters, and a background."""
    _, run = looking
    rng = np.random.default_rng(0)
    before = run.agent.params
    params = jax.tree.map(lambda leaf: leaf + rng.normal(size=leaf.shape).astype(np.float32), before["params"])
    centre = jax.tree.map(lambda leaf: leaf + rng.random(leaf.shape).astype(np.float32), before[CENTRE])
    return replace(run, agent=replace(run.agent, params={"params": params, CENTRE: centre}))


@pytest.fixture(scope="module")
def watched(looking) -> Watched:
    program, run = looking
    return watch(program, run, STEPS, ROWS, jax.random.key(1), seed=1)


@pytest.fixture(scope="module")
def folder(looking, trained, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "breakout"
    program, run = looking[0], trained
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


def test_a_network_before_training_sees_the_same_steps(watched, looking, trained):
    program, run = looking
    after = jax.tree.map(lambda leaf: leaf[1], trained.agent.params)
    before = first_params(program, after, 1)
    expected = jax.tree.map(lambda leaf: leaf[1], run.agent.params)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=0, atol=1e-6), before["params"], expected["params"])
    # With the background that the trained one takes off.
    jax.tree.map(np.testing.assert_array_equal, before[CENTRE], after[CENTRE])
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


def test_a_run_is_looked_at(folder, looking, trained, capsys, monkeypatch):
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
    # Before training is what one finds in the same frames, if the run has its first parameters.
    program, run = looking
    first = {"params": run.agent.params["params"], CENTRE: trained.agent.params[CENTRE]}
    first = jax.tree.map(lambda leaf: leaf[1], first)
    monkeypatch.setattr(report, "watch", lambda _, run, *rest: watch(program, trained, *rest).seen_by(first))
    before = look(program, run, replace(OPTIONS, only=1)).tables
    for table, column in (("agreement", "difference"), ("objects", "lift")):
        for row, fresh in zip(found[table], before[table], strict=True):
            assert row["untrained"] == pytest.approx(fresh[column], rel=1e-4, abs=1e-4)
        assert max(abs(row["untrained"] - row[column]) for row in found[table]) > 0.01
    film: Any = Image.open(out / "attention.gif")
    assert film.is_animated
    with Image.open(out / "saliency.png") as small, Image.open(out / "attention.png") as tall:
        assert small.width > 3 * 150
        # Three rows more: two queries and their mean.
        assert tall.height - small.height == 3 * 154


def test_a_model_without_maps_has_saliency_alone(tmp_path, capsys, monkeypatch):
    program = breakout(cores.options("lstm", width=8), separate_critic=True)
    run = fresh_run(program)
    done = []
    found = look(program, run, OPTIONS, lambda *told: done.append(told))
    assert (found.tables, found.attention_picture, found.animation) == ({}, None, None)
    # No more frames than the picture has: nothing is compared.
    assert done[-1] == (3, 3, "frame 3 of 3 perturbed")
    assert (found.frames, found.episodes) == (3, 1)
    files = write(found, tmp_path)
    assert [path.name for path in files] == ["saliency.png", "look.json"]
    assert json.loads(files[-1].read_text())["agreement"] == []
    RunFolder.create(tmp_path / "run", "breakout", "best", program.config)
    monkeypatch.setattr(command, "load_run", lambda *_: (program, run, 0))
    for option in (["--compared", "9"], ["--untrained"]):
        assert main(["look", str(tmp_path / "run"), *option]) == 2
        said = capsys.readouterr().err
        assert f"{option[0]} is about attention maps, and the core lstm has none: allowed are --steps, " in said
        assert said.count("\n") == 1


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
