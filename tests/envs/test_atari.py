"""Atari games: what the emulators show, beside the library's own interface, and how games and lives end."""

import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import assert_same_bits

from jaxmem import envs
from jaxmem.benchmarks import atari as atari_bench
from jaxmem.benchmarks.timing import Repeats
from jaxmem.cli.bench import main
from jaxmem.config import ConfigError
from jaxmem.envs.atari import ids

pytest.importorskip("ale_py")

from ale_py import roms
from ale_py.vector_env import AtariVectorEnv

KEY = jax.random.key(0)
# An emulator takes a sixth of a second to start, and as long to be given a seed: few are used.
ROWS, STEPS = 2, 400


def recorder(id, rows=1, **options):
    """A function of a key and actions [T, B] that plays them: what is seen and said, first observation included."""
    env, params = envs.make(id, **options)

    def play(key, actions):
        obs, state = env.reset_rows(key, rows, params)

        def step(state, action):
            obs, state, reward, terminated, truncated, info = env.step_rows(state, action, params)
            assert all(leaf.shape[0] == rows for leaf in jax.tree.leaves(state))
            said = {"reward": reward, "terminated": terminated, "truncated": truncated, **info}
            return state, {"obs": obs, "ended": terminated | truncated, **said}

        return obs, jax.lax.scan(step, state, actions)[1]

    compiled = jax.jit(play)
    return lambda key, actions: jax.tree.map(np.asarray, compiled(key, actions))


def random_actions(number, actions, steps=STEPS, rows=1):
    return np.random.default_rng(number).integers(0, actions, (steps, rows)).astype(np.int32)


def after(ended):
    """The steps after those that ended an episode."""
    return np.concatenate([np.zeros_like(ended[:1]), ended[:-1]])


ACTIONS = random_actions(0, 4, rows=ROWS)


@pytest.fixture(scope="module")
def breakout():
    return recorder("ale/breakout", ROWS, size=12)


@pytest.fixture(scope="module")
def games(breakout):
    """Random actions in Breakout, in which whole games end: the first observations, and what came of each step."""
    first, record = breakout(KEY, ACTIONS)
    assert record["terminated"].sum() >= 3
    return first, record


def in_the_library(key, actions, **options):
    """The same games by the library's interface for the host."""
    rows = actions.shape[1]
    seeds = np.asarray(jax.random.randint(key, (rows,), 0, 2**31 - 1))
    vector = AtariVectorEnv(
        "breakout", rows, repeat_action_probability=0.25, reward_clipping=False, use_fire_reset=False, **options
    )
    obs = [vector.reset(seed=seeds)[0].copy()]
    rewards, ends = [], []
    for action in actions:
        seen, reward, terminated, _, _ = vector.step(action)
        obs.append(seen.copy())
        rewards.append(reward.copy())
        ends.append(terminated.copy())
    return np.stack(obs), np.stack(rewards), np.stack(ends)


def test_games_are_those_of_the_library(games):
    first, record = games
    obs, reward, terminated = in_the_library(KEY, ACTIONS, img_height=12, img_width=12)
    assert first.dtype == record["obs"].dtype == np.uint8
    np.testing.assert_array_equal(np.concatenate([first[None], record["obs"]]), np.moveaxis(obs, 2, -1))
    np.testing.assert_array_equal(record["reward"], reward)
    np.testing.assert_array_equal(record["terminated"], terminated)
    assert record["reward"].dtype == record["score"].dtype == np.float32
    assert record["terminated"].dtype == record["truncated"].dtype == bool
    assert not record["truncated"].any()


def test_colours_stay_beside_their_frame():
    first, record = recorder("ale/breakout", size=12, grayscale=False)(KEY, random_actions(0, 4, 6))
    obs, _, _ = in_the_library(KEY, random_actions(0, 4, 6), img_height=12, img_width=12, grayscale=False)
    seen = np.concatenate([first[None], record["obs"]])
    assert seen.shape == (7, 1, 12, 12, 12)
    np.testing.assert_array_equal(seen.reshape(7, 1, 12, 12, 4, 3), np.moveaxis(obs, 2, -2))


def test_the_same_key_and_actions_give_the_same_bits(breakout, games):
    again, fresh = breakout(KEY, ACTIONS), recorder("ale/breakout", ROWS, size=12, threads=1)(KEY, ACTIONS)
    assert_same_bits(again, games)
    assert_same_bits(fresh, games)
    other = breakout(jax.random.key(1), ACTIONS)
    assert not np.array_equal(other[1]["obs"][:20], games[1]["obs"][:20])


def test_games_begin_after_no_ops_whose_number_is_random():
    firsts = []
    for noop_max in (30, 0):
        env, params = envs.make("ale/freeway", noop_max=noop_max)
        obs = [np.asarray(env.reset(jax.random.key(number), params)[0]) for number in range(4)]
        firsts.append({seen[..., -1].tobytes() for seen in obs})
        # Before the first frame there was none.
        assert not np.any([seen[..., :-1] for seen in obs])
    assert len(firsts[0]) > 1
    assert len(firsts[1]) == 1


def test_the_step_after_the_end_begins_the_next_game_whatever_the_action(breakout, games):
    _, record = games
    begins = after(record["terminated"])
    assert begins.any()
    assert not record["reward"][begins].any()
    assert not record["ended"][begins].any()
    assert (record["score"][begins] == 0).all()
    assert (record["lives"][begins] == 5).all()
    assert not record["obs"][begins][..., :-1].any()
    assert record["obs"][record["terminated"]][..., :-1].any()
    assert (record["lives"][record["terminated"]] == 0).all()
    actions = ACTIONS.copy()
    actions[begins] = (actions[begins] + 1) % 4
    assert_same_bits(breakout(KEY, actions), games)


def test_the_score_is_the_sum_of_what_the_game_paid(games):
    _, record = games
    total = np.zeros(ROWS)
    for t in range(STEPS):
        total = np.where(after(record["terminated"])[t], 0, total) + record["reward"][t]
        np.testing.assert_array_equal(record["score"][t], total)
    assert record["score"].max() > 0


def test_clipped_rewards_are_signs_and_the_score_stays_the_true_one():
    # Nothing moves in the first 4 seconds.
    actions = random_actions(0, 9, 120)
    _, paid = recorder("ale/ms_pacman", size=8, stack=1)(KEY, actions)
    _, clipped = recorder("ale/ms_pacman", size=8, stack=1, clip_rewards=True)(KEY, actions)
    assert paid["reward"].max() >= 10
    np.testing.assert_array_equal(clipped["reward"], np.sign(paid["reward"]))
    np.testing.assert_array_equal(clipped["score"], paid["score"])


@pytest.mark.parametrize("fire", [False, True])
def test_a_lost_life_ends_an_episode_and_the_game_goes_on(fire):
    options = {"size": 12, "fire_reset": fire}
    actions = random_actions(0, 4)
    _, lives = recorder("ale/breakout", episodic_life=True, **options)(KEY, actions)
    lost = lives["terminated"] & (lives["lives"] > 0)
    assert lost.sum() >= 4
    assert (lives["terminated"] & (lives["lives"] == 0)).any()
    # In the plain game the same happens: fire is pressed there as well, nothing has to be done by hand.
    if not fire:
        actions[after(lost)] = 0
    _, whole = recorder("ale/breakout", **options)(KEY, actions)
    for name in ("obs", "lives", "truncated"):
        np.testing.assert_array_equal(lives[name], whole[name])
    # A life is no game, and has no score.
    assert np.isnan(lives["score"]).all()
    assert np.isfinite(whole["score"]).all()
    np.testing.assert_array_equal(lives["terminated"], whole["terminated"] | lost)
    fell = np.diff(whole["lives"], axis=0) < 0
    np.testing.assert_array_equal(lives["terminated"][1:], fell)
    begins = after(lives["terminated"])
    np.testing.assert_array_equal(lives["reward"], np.where(begins, 0, whole["reward"]))


def test_whoever_was_trained_by_lives_plays_whole_games():
    trained: Any = envs.options("ale/breakout", size=12, episodic_life=True, fire_reset=True)
    evaluated = trained.evaluated()
    assert (evaluated.episodic_life, evaluated.fire_reset) == (False, True)
    # An agent that never presses fire, as it never had to, loses one life after the other.
    actions = np.where(random_actions(0, 4) == 1, 0, random_actions(0, 4))
    _, record = recorder("ale/breakout", size=12, fire_reset=True)(KEY, actions)
    assert record["lives"].min() <= 3


def test_a_time_limit_truncates_and_the_no_ops_do_not_count():
    options = {"size": 8, "max_frames": 42, "frame_skip": 5}
    env, params = envs.make("ale/pong", **options)
    assert envs.horizon(env, params) == envs.spec("ale/pong", **options).horizon == 9
    _, record = recorder("ale/pong", **options)(KEY, random_actions(0, 6, 30))
    steps = np.zeros((30, 1), bool)
    # Each game is 9 steps, and the one that begins the next.
    steps[[8, 18, 28]] = True
    np.testing.assert_array_equal(record["truncated"], steps)
    assert not record["terminated"].any()


def test_one_game_is_an_environment_of_gymnax():
    env, params = envs.make("ale/pong", size=8, stack=2, max_frames=8, full_actions=True)
    assert env.num_actions == env.action_space(params).n == 18
    space = env.observation_space(params)
    assert (space.shape, space.dtype) == ((8, 8, 2), jnp.uint8)
    assert envs.episode_metrics(env) == ("score",)
    assert envs.plays_rows(env)
    assert not envs.plays_rows(envs.make("CartPole-v1")[0])
    obs, state = env.reset(KEY, params)
    assert space.contains(obs)
    seen = []
    for _ in range(4):
        obs, state, reward, terminated, truncated, info = env.step(KEY, state, 1, params)
        assert (obs.shape, reward.shape, info["score"].shape) == ((8, 8, 2), (), ())
        seen.append((bool(truncated), bool(obs[..., 0].any()), bool(info["final_observation"][..., 0].any())))
        assert not terminated
    # Two steps a game, and the next one begins at once: with one frame alone.
    assert seen == [(False, True, True), (True, False, True)] * 2


def test_games_cannot_be_mapped():
    env, params = envs.make("ale/pong", size=8)
    assert env.num_actions == 6
    with pytest.raises(ConfigError, match="ale/pong cannot be mapped: allowed is no vmap"):
        jax.vmap(env.reset_env, in_axes=(0, None))(jax.random.split(KEY), params)
    _, state = env.reset_env(KEY, params)
    with pytest.raises(ConfigError, match="ale/pong cannot be mapped"):
        jax.vmap(env.step_env, in_axes=(None, None, 0, None))(KEY, state, jnp.zeros((2,), jnp.int32), params)


def test_a_state_from_elsewhere_is_an_error_and_no_crash():
    """As from a checkpoint: it is no address, and these emulators have begun no game."""
    env, params = envs.make("ale/pong", size=8)
    elsewhere, _ = envs.make("ale/pong", size=8)
    _, state = elsewhere.reset_rows(KEY, 1, params)
    assert not np.asarray(state.link).any()
    with pytest.raises(jax.errors.JaxRuntimeError, match="before reset"):
        jax.block_until_ready(jax.jit(env.step_rows)(state, jnp.zeros((1,), jnp.int32), params))


def test_options_need_neither_the_library_nor_a_backend():
    code = (
        "import sys\n"
        "from jaxmem import envs\n"
        "options = envs.options('ale/yars_revenge', clip_rewards=True, episodic_life=True, noop_max=3)\n"
        "print(options.spec().horizon, options.evaluated() == envs.options('ale/yars_revenge', noop_max=3))\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge._backends and 'ale_py' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("27000 True\n", "")


def test_every_game_of_the_library_is_known():
    assert {f"ale/{name}" for name in roms.get_all_rom_ids()} == {f"ale/{name}" for name in ids._GAMES}
    assert set(ids.ids()) <= {f"ale/{name}" for name in ids._GAMES}
    assert set(ids.ids()) < set(envs.registered_envs)
    assert envs.is_known("ale/zaxxon")
    assert "Ms Pacman" in envs.spec("ale/ms_pacman").description
    assert envs.options("CartPole-v1").evaluated() == envs.options("CartPole-v1")


@pytest.mark.parametrize(
    ("id", "options", "message"),
    [
        ("ale/ponk", {}, "unknown environment 'ale/ponk' (did you mean 'ale/pong'?): known are ale/ and the names of"),
        ("ale/pong", {"sticky": 1.5}, "env.sticky is 1.5: allowed is a number from 0 to 1"),
        ("ale/pong", {"frame_skip": 0}, "env.frame_skip is 0: allowed is an integer from 1"),
        (
            "ale/pong",
            {"frames": 0},
            "unknown option 'frames' of environment 'ale/pong': known are sticky, full_actions",
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_line(id, options, message):
    with pytest.raises(ConfigError) as error:
        envs.make(id, **options)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_missing_library_or_game_is_told_when_the_game_is_made(monkeypatch):
    monkeypatch.setattr(roms, "get_rom_path", lambda name: None)
    with pytest.raises(ConfigError, match="^environment 'ale/pong' could not be made: pong is not a ROM name"):
        envs.make("ale/pong")
    monkeypatch.setitem(sys.modules, "ale_py.vector_env", None)
    with pytest.raises(
        ConfigError, match=r"^environment 'ale/pong' needs ale-py \(.*\): pip install 'jaxmem\[atari\]'"
    ):
        envs.make("ale/pong")


def test_the_benchmark_has_figures_or_says_what_is_missing(monkeypatch):
    bench = atari_bench.AtariBench(("ale/pong",), 1, 4, Repeats(1, 0.0))
    measured: list[str] = []
    found: list[Any] = atari_bench.measure(bench, measured.append).rows
    ((name, rows, steps, frames, seconds),) = found
    assert (name, rows, measured) == ("ale/pong", 1, ["game ale/pong"])
    assert frames == pytest.approx(4 * steps.median)
    assert min(frames, seconds) > 0
    monkeypatch.setattr(atari_bench, "is_installed", lambda: False)
    with pytest.raises(ConfigError, match=r"^atari needs ale-py: `pip install 'jaxmem\[atari\]'` adds it$"):
        main(["atari", "--quick"])
