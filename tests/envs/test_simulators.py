"""Environments of physics libraries: what is around them, Brax, and MuJoCo Playground where it is there."""

import functools
import os
import subprocess
import sys
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct

from jaxmem import envs
from jaxmem.config import ConfigError
from jaxmem.envs import registry
from jaxmem.envs.simulators import brax_ids, playground_ids
from jaxmem.envs.simulators.base import SimulatorEnv, SimulatorParams
from jaxmem.envs.simulators.quiet import quiet_build

KEY = jax.random.key(0)
LIMIT = SimulatorParams(5)


@struct.dataclass
class LibraryState:
    obs: Any
    reward: Any
    done: Any
    metrics: dict[str, Any]


class Library:
    """What the libraries have in common: obs is the sum of actions; an action of 1 diverges, one of -1 is the end."""

    action_size = 2

    def __init__(self, obs: Any = lambda x: {"state": x, "pixels": jnp.zeros((2, 2))}) -> None:
        self.obs = obs

    def reset(self, key):
        # Raw keys alone: the libraries know no others.
        assert jnp.shape(key) == (2,)
        return LibraryState(self.obs(jax.random.uniform(key, (3,))), 0.0, jnp.array(0.0), {"steps": 0.0})

    def step(self, state, action):
        state.metrics["steps"] = state.metrics["steps"] + 1
        obs = state.obs["state"] + action.sum()
        broken = jnp.where(action[0] == 1, jnp.nan, 1.0)
        return state.replace(obs=self.obs(obs), reward=broken * 2.0, done=jnp.where(action[0] == -1, 1.0, 0.0))


def types(tree):
    return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), tree)


def test_states_keep_their_types_and_are_not_written_to():
    env = SimulatorEnv("mine", "", Library())
    obs, state = env.reset_env(KEY, LIMIT)
    assert (obs.shape, obs.dtype) == ((3,), jnp.float32)
    seen, after, reward, terminated, info = env.step_env(KEY, state, jnp.full(2, 0.25), LIMIT)
    assert types(after) == types(state)
    assert not any(leaf.weak_type for leaf in jax.tree.leaves((obs, state, seen, reward)))
    np.testing.assert_allclose(seen, obs + 0.5)
    assert (float(reward), bool(terminated), info) == (2, False, {})
    # The library wrote into the dictionary that it was given: not into ours.
    assert (state.physics.metrics["steps"], after.physics.metrics["steps"]) == (0, 1)


def test_the_library_ends_and_the_limit_truncates():
    env = SimulatorEnv("mine", "", Library())
    assert (envs.horizon(env, LIMIT), envs.fixed_horizon(env), envs.episode_metrics(env)) == (5, False, ())
    _, state = env.reset_env(KEY, LIMIT)
    for step in range(1, 6):
        _, state, _, terminated, _ = env.step_env(KEY, state, jnp.zeros(2), LIMIT)
        assert not terminated
        assert bool(env.is_truncated(state, LIMIT)) == (step == 5)
    # Actions are clipped to the box: -7 is -1.
    *_, terminated, _ = env.step_env(KEY, state, jnp.full(2, -7.0), LIMIT)
    assert terminated


def test_physics_that_diverges_ends_the_episode():
    env = SimulatorEnv("mine", "", Library())
    obs, state = env.reset_env(KEY, LIMIT)
    seen, state, reward, terminated, _ = env.step_env(KEY, state, jnp.ones(2), LIMIT)
    assert terminated
    assert env.is_terminated(state, LIMIT)
    assert reward == 0
    np.testing.assert_array_equal(seen, obs)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state))


def test_what_cannot_be_observed_is_refused():
    for shape, told in (((2, 2), "shows an array of shape (2, 2)"), (None, "shows pixels: allowed is one vector")):
        obs = (lambda x: {"pixels": x}) if shape is None else (lambda x, shape=shape: jnp.zeros(shape))
        with pytest.raises(ConfigError) as error:
            SimulatorEnv("mine", "", Library(obs))
        assert told in str(error.value)


def test_every_simulated_id_has_options_and_a_spec_without_its_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "brax", None)
    monkeypatch.setitem(sys.modules, "mujoco_playground", None)
    for id in (*brax_ids.ids(), *playground_ids.ids()):
        assert id in envs.registered_envs
        spec = envs.spec(id, repeat=3, occlude="P")
        assert (spec.id, spec.horizon, spec.memory_length, spec.credit_length) == (id, 334, 2, None)
        assert spec.description.endswith("; positions alone are seen.")
    assert envs.spec("brax/hopper", occlude="V", time_limit=10).memory_length is None
    assert envs.spec("brax/hopper").memory_length == 1
    assert envs.options("brax/hopper", noise=0.5) == envs.options("brax/hopper", noise=0.5)
    assert envs.options("brax/swimmer").backend == "generalized"  # pyright: ignore[reportAttributeAccessIssue]
    for id, extra in (("brax/hopper", "brax"), ("playground/CheetahRun", "playground")):
        with pytest.raises(ConfigError) as error:
            envs.make(id)
        message = str(error.value)
        assert message.startswith(f"environment '{id}' needs ")
        assert message.endswith(f": pip install 'jaxmem[{extra}]', in a clone make install EXTRA={extra}")
        assert "\n" not in message
    with pytest.raises(ConfigError, match=r"^unknown environment 'brax/hoper' \(did you mean 'brax/hopper'\?\): known"):
        envs.options("brax/hoper")
    with pytest.raises(ConfigError, match=r"'playground/CheetaRun' \(did you mean 'playground/CheetahRun'\?\): known"):
        envs.options("playground/CheetaRun")


def test_wrong_options_are_told_in_one_line():
    for options, message in (
        ({"backend": "fast"}, "env.backend is 'fast': allowed is one of spring, positional, generalized, mjx"),
        ({"time_limit": 0}, "env.time_limit is 0: allowed is an integer >= 1"),
        ({"impl": "jax"}, "unknown option 'impl' of environment 'brax/hopper': known are occlude"),
    ):
        with pytest.raises(ConfigError) as error:
            envs.options("brax/hopper", **options)
        assert str(error.value).startswith(message)


def test_names_of_adapters_lead_to_modules():
    assert set(registry.ADAPTERS) == {"ale/", "brax/", "playground/"}
    with pytest.raises(ConfigError, match="'brax'"):
        envs.options("brax")


@functools.partial(jax.jit, static_argnames=("env", "steps"))
def play(env, params, key, steps):
    """Observations, rewards, terminated and truncated [T], with automatic resets."""
    space = env.action_space(params)
    obs, state = env.reset(key, params)

    def step(state, key):
        _, state, reward, terminated, truncated, info = env.step(key, state, space.sample(key), params)
        return state, (info["final_observation"], reward, terminated, truncated)

    return obs, jax.lax.scan(step, state, jax.random.split(key, steps))[1]


def test_fast_runs_compiled_in_rows_and_starts_again():
    pytest.importorskip("brax")
    env, params = envs.make("brax/fast", time_limit=4)
    assert env == envs.make("brax/fast", time_limit=7)[0]
    assert env.action_space().shape == (1,)
    keys = jax.random.split(KEY, 3)
    first, (obs, reward, terminated, truncated) = jax.vmap(lambda key: play(env, params, key, 9))(keys)
    assert first.shape == (3, 2)
    assert obs.shape == (3, 9, 2)
    assert obs.dtype == reward.dtype == jnp.float32
    assert not terminated.any()
    assert (truncated == (np.arange(1, 10) % 4 == 0)).all()
    again = play(env, params, keys[1], 9)[1]
    np.testing.assert_array_equal(again[0], obs[1])


def test_an_environment_whose_velocities_cannot_be_moved_is_told():
    pytest.importorskip("brax")
    with pytest.raises(
        ConfigError, match=r"env.occlude is 'P': allowed is none for brax/fast, where of 2 .* none move"
    ):
        envs.make("brax/fast", occlude="P")


def test_environments_that_users_register_with_brax(monkeypatch):
    brax = pytest.importorskip("brax.envs")
    monkeypatch.setattr(brax, "_envs", dict(brax._envs))
    with pytest.raises(ConfigError, match="unknown environment 'brax/own'"):
        envs.options("brax/own")

    class Own(type(brax.get_environment("fast"))):
        def __init__(self, backend):
            if backend != "spring":
                raise ValueError(f"no {backend}\nsecond line")
            super().__init__()

    brax.register_environment("own", Own)
    assert envs.make("brax/own")[0].reset(KEY)[0].shape == (2,)
    assert "brax/own" in envs.registered_envs
    with pytest.raises(ConfigError, match="^environment 'brax/own' could not be made: no mjx$"):
        envs.make("brax/own", backend="mjx")


@pytest.mark.parametrize(("robot", "positions"), [("hopper", 5), ("walker2d", 8), ("ant", 13)])
def test_robots_show_their_positions_first(robot, positions):
    pytest.importorskip("brax")
    assert envs.make(f"brax/{robot}", occlude="P")[0].keep == tuple(range(positions))


@pytest.fixture(scope="module")
def cheetah():
    pytest.importorskip("brax")
    return envs.make("brax/halfcheetah", time_limit=3)


def test_a_joint_of_the_cheetah_moves_its_own_number_alone(cheetah):
    env, _ = cheetah
    physics = env.physics

    @jax.jit
    def shown(key, q, qd):
        physics_state = physics.pipeline_init(q, qd)
        return physics._get_obs(physics_state)

    q, qd = physics.sys.init_q, jnp.zeros(9)
    before = shown(KEY, q, qd)
    for joint in range(9):
        moved = jnp.abs(shown(KEY, q, qd.at[joint].add(0.5)) - before) > 1e-6
        # Eight positions, then nine velocities.
        assert jnp.flatnonzero(moved).tolist() == [8 + joint]
    assert envs.make("brax/halfcheetah", occlude="P")[0].keep == tuple(range(8))
    assert envs.make("brax/halfcheetah", occlude="V")[0].keep == tuple(range(8, 17))


def test_the_cheetah_runs(cheetah):
    env, params = cheetah
    space = env.action_space(params)
    assert (space.low, space.high, space.shape) == (-1, 1, (6,))
    assert (jnp.abs(env.physics.sys.actuator.ctrl_range) == 1).all()
    obs, state = jax.eval_shape(env.reset_env, KEY, params)
    later = jax.eval_shape(env.step_env, KEY, state, jnp.zeros(6), params)
    assert types((obs, state)) == types(later[:2])
    first, (obs, reward, terminated, truncated) = play(env, params, KEY, 7)
    assert (first.shape, obs.shape) == ((17,), (7, 17))
    assert jnp.isfinite(obs).all()
    assert reward.any()
    assert not terminated.any()
    assert truncated.tolist() == [False, False, True] * 2 + [False]


def test_making_one_says_nothing_and_leaves_nothing(capfd, tmp_path, monkeypatch):
    pytest.importorskip("brax")
    mujoco: Any = pytest.importorskip("mujoco")
    monkeypatch.chdir(tmp_path)
    filters, handler = list(warnings.filters), mujoco.get_mju_user_warning()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        envs.make("brax/halfcheetah")
    assert said == []
    assert capfd.readouterr() == ("", "")
    assert warnings.filters == filters
    assert mujoco.get_mju_user_warning() is handler
    assert os.listdir(tmp_path) == []


def test_other_warnings_pass(capfd):
    mujoco: Any = pytest.importorskip("mujoco")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with quiet_build():
            warnings.warn("something else", UserWarning, stacklevel=1)
            mujoco.get_mju_user_warning()("something of MuJoCo's")
    assert [str(warning.message) for warning in said] == ["something else"]
    assert capfd.readouterr() == ("", "WARNING: something of MuJoCo's\n")


def test_a_fresh_program_is_told_nothing_either(tmp_path):
    pytest.importorskip("brax")
    code = (
        "import sys\n"
        "from jaxmem import envs\n"
        "envs.options('brax/halfcheetah')\n"
        "assert not {'brax', 'mujoco', 'gymnax'} & {*sys.modules}\n"
        "envs.make('brax/halfcheetah')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert os.listdir(tmp_path) == []


def test_playground_runs_and_its_velocities_are_found():
    pytest.importorskip("mujoco_playground")
    env, params = envs.make("playground/CartpoleSwingup", occlude="P", time_limit=3)
    assert env.keep == (0, 1, 2)
    obs, state = jax.eval_shape(env.reset_env, KEY, params)
    later = jax.eval_shape(env.step_env, KEY, state, jnp.zeros(1), params)
    assert types((obs, state)) == types(later[:2])
    first, (obs, _, terminated, truncated) = play(env, params, KEY, 4)
    assert (first.shape, obs.shape) == ((3,), (4, 3))
    assert jnp.isfinite(obs).all()
    assert not terminated.any()
    assert truncated.tolist() == [False, False, True, False]
    assert playground_ids.options_class("playground/Go1Getup")().time_limit == 300
