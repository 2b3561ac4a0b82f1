"""Atari in training: episodes inside unrolls, a run that is stopped and goes on, evaluations, what is refused."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import StopAfter, assert_same_bits, small_config

pytest.importorskip("ale_py")

from jaxmem import agents, cores, envs
from jaxmem.agents import Decision
from jaxmem.config import ConfigError
from jaxmem.exploration import DeviationOptions, Deviations
from jaxmem.networks import NetworkOptions
from jaxmem.training import LoopOptions, train
from jaxmem.training.compiled import Compiled, compile_program
from jaxmem.training.evaluate import evaluate_run, load_run
from jaxmem.training.folder import RunFolder
from jaxmem.training.loop import Program
from jaxmem.training.play import begin, play
from jaxmem.training.progress import Display
from jaxmem.training.stop import Interrupted
from jaxmem.training.task import Task

ROWS, STEPS = 2, 250
KEY = jax.random.key(0)


class Player:
    """Random actions; its memory counts the steps of what it takes for an episode."""

    def initial_carry(self, batch_size):
        return jnp.full((batch_size,), 7)

    def act(self, state, carry, inputs, start, key, progress, explore):
        carry = jnp.where(start, 0, carry + 1)
        return carry, Decision(jax.random.randint(key, start.shape, 0, 4), -carry.astype(jnp.float32))


def played(**options):
    """Two unrolls of Breakout, joined, and what was counted in them."""
    task = Task.of(envs.options("ale/breakout", size=12, **options))
    deviations = Deviations(DeviationOptions(), task.horizon, 4)
    player: Any = Player()
    nothing: Any = None

    @jax.jit
    def run(key):
        actors = begin(task, player, key, ROWS, deviations)
        unrolls, counted = [], []
        for play_key in jax.random.split(key):
            actors, unroll, *count = play(task, player, nothing, actors, play_key, STEPS, (0.0, 0.1), deviations)
            unrolls.append(unroll)
            counted.append(count)
        return unrolls, counted

    unrolls, counted = jax.tree.map(np.asarray, run(KEY))
    first, second = unrolls
    assert_same_bits(
        jax.tree.map(lambda leaf: leaf[STEPS], (first.inputs, first.start)),
        jax.tree.map(lambda leaf: leaf[0], (second.inputs, second.start)),
    )

    def joined(pick):
        return np.concatenate([pick(first)[:STEPS], pick(second)])

    obs, previous, before, start = (
        joined(pick)
        for pick in (
            lambda unroll: unroll.inputs.obs,
            lambda unroll: unroll.inputs.prev_action,
            lambda unroll: unroll.inputs.prev_reward,
            lambda unroll: unroll.start,
        )
    )
    steps = {
        name: np.concatenate([getattr(unroll, name) for unroll in unrolls])
        for name in ("action", "log_prob", "reward", "terminated", "mask")
    }
    counts = [int(count) for count, _ in counted]
    sums = {name: sum(float(sums[name]) for _, sums in counted) for name in counted[0][1]}
    return obs, previous, before, start, steps, sum(counts), sums


@pytest.mark.parametrize(("options", "limit"), [({"max_frames": 560}, 140), ({"episodic_life": True}, 27_000)])
def test_every_end_shows_the_last_observation_once_more_and_then_the_next_episode_begins(options, limit):
    obs, previous, before, start, steps, count, sums = played(**options)
    mask, terminated, reward = steps["mask"], steps["terminated"], steps["reward"]
    kinds, lengths, returns = [], 0, 0.0
    for row in range(ROWS):
        time, paid = 0, 0.0
        for t in range(2 * STEPS):
            here = t, row
            assert start[here] == (time == 0)
            assert mask[here] == (time is not None)
            if time == 0:
                assert (previous[here], before[here]) == (-1, 0)
            else:
                assert (previous[here], before[here]) == (steps["action"][t - 1, row], reward[t - 1, row])
            if time is None:
                assert (reward[here], terminated[here]) == (0, False)
                time, paid = 0, 0.0
                continue
            # The first frame of a game stands alone; that of the next life does not.
            if time == 0 and "max_frames" in options:
                assert not obs[here][..., :-1].any()
            assert steps["log_prob"][here] == -time, "the memory counts the steps of its episode"
            time, paid = time + 1, paid + reward[here]
            if terminated[here] or time == limit:
                kinds.append("terminated" if terminated[here] else "truncated")
                lengths, returns, time = lengths + time, returns + paid, None
    assert set(kinds) == {"terminated", *(["truncated"] if "max_frames" in options else [])}
    assert (count, sums["length"], sums["return"]) == (len(kinds), lengths, returns)
    # A score goes on over the lives of a game.
    assert np.isnan(sums["score"]) if "episodic_life" in options else sums["score"] == returns > 0


CONFIG = small_config(
    env=envs.options("ale/breakout", size=12, max_frames=300, episodic_life=True),
    core=cores.options("mlp", width=8),
    agent=agents.options("vtrace"),
    network=NetworkOptions(encoder="linear", obs_embed=4, action_embed=4, head=(8,)),
    loop=LoopOptions(episodes=40, collect=2, unroll=4, eval_every=20, eval_episodes=2),
    seeds=1,
)


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_program(Program(CONFIG), resume=False)


@pytest.fixture
def compiled_once(compiled, monkeypatch):
    """New runs take the program that is there; those that go on compile their own, as another process would."""

    going_on = []

    def quickly(program, *, resume):
        if resume and not going_on:
            going_on.append(compile_program(program, resume=True))
        return going_on[0] if resume else compiled

    monkeypatch.setattr(train, "compile_program", quickly)


@pytest.mark.usefixtures("compiled_once")
def test_a_run_that_goes_on_begins_new_games_and_says_so(tmp_path, capsys):
    anew = "the games begin anew: emulators cannot be restored, so this run will not end in the same bits as one never"
    display = Display(CONFIG.loop.iterations)
    folder = RunFolder.create(tmp_path / "run", "atari", "best", CONFIG)
    with pytest.raises(Interrupted):
        train.start(CONFIG, folder, display, StopAfter(2))
    assert anew not in capsys.readouterr().out
    rows = train.resume(folder, display)
    assert capsys.readouterr().out.count(anew) == 1
    assert [row["updates"] for row in rows] == [0, 10, 20]
    # All steps of both rows, but for those that show a last observation.
    assert 140 < rows[-1]["env_steps"] <= 160
    assert all(np.isfinite(row["train/loss"]) for row in rows[1:])
    assert len(train.resume(folder, display)) == 3
    assert anew not in capsys.readouterr().out
    # Whole games are evaluated, up to the time limit; in training a life is an episode.
    assert [row["eval/length"] for row in rows] == [75] * 3
    assert rows[-1]["train/length"] < 75
    program, run, _ = load_run(folder)
    found = evaluate_run(program, run, 2, KEY)
    assert_same_bits(evaluate_run(program, run, 2, KEY), found)
    assert found["score"].shape == (1,)
    np.testing.assert_array_equal(found["score"], found["return"])


def test_evaluations_change_nothing_in_a_run(compiled):
    def trained(evaluates):
        run = compiled.init(KEY)
        for _ in range(3):
            if evaluates:
                compiled.report(run)
            run = compiled.iterate(run, 5)
        return run

    run = trained(False)
    assert_same_bits(trained(True), run)
    assert run.window.episodes.sum() > 0


def test_only_the_games_begin_anew(compiled):
    run = compiled.iterate(compiled.init(KEY), 12)
    anew = jax.jit(compiled.program.begin_anew)(run)
    assert_same_bits(replace(anew, experience=()), replace(run, experience=()))
    assert not run.experience.start.all()
    assert anew.experience.start.all()
    assert not anew.experience.cut.any()
    assert not anew.experience.length.any()


def test_evaluations_play_the_whole_game_with_other_emulators(compiled):
    program = compiled.program
    assert program.task.env.options == CONFIG.env
    assert program.eval_task.env.options == replace(CONFIG.env, episodic_life=False)
    plain = Program(replace(CONFIG, env=replace(CONFIG.env, episodic_life=False)))
    assert plain.eval_task.env is not plain.task.env
    ordinary = Program(replace(CONFIG, env=envs.options("CartPole-v1")))
    assert ordinary.eval_task is ordinary.task


def test_an_evaluation_of_long_games_keeps_no_pictures():
    program = Program(replace(CONFIG, env=envs.options("ale/breakout", size=12)))
    assert program.eval_task.horizon == 27_000
    run = jax.eval_shape(program.init, KEY)
    memory: Any = jax.jit(program.report).lower(run).compile().memory_analysis()
    pictures = 27_000 * CONFIG.loop.eval_episodes * 12 * 12 * 4
    assert memory.temp_size_in_bytes < pictures / 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"seeds": 3},
            "seeds is 3: ale/breakout plays one seed at a time, allowed is 1; run it again with another --seed",
        ),
        (
            {"loop": replace(CONFIG.loop, unroll=None)},
            "loop.unroll is none: ale/breakout plays in rows that go on, allowed is a number of steps",
        ),
        (
            {"loop": replace(CONFIG.loop, unroll=None), "agent": agents.options("ddqn")},
            "agent.name is 'ddqn': it learns from a replay of whole episodes, ale/breakout plays in rows that go on, "
            "allowed is vtrace or ppo",
        ),
    ],
)
def test_what_games_cannot_do_is_told_in_one_line(changes, message):
    with pytest.raises(ConfigError) as error:
        Program(replace(CONFIG, **changes))
    assert str(error.value) == message
