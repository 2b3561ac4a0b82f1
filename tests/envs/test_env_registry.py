"""The registry: names, options, errors, and that everything in it runs."""

import dataclasses
import subprocess
import sys
import urllib.error

import gymnax
import jax
import pytest
from gymnax.utils import load_mnist

from jaxmem import envs
from jaxmem.config import ConfigError
from jaxmem.envs import registry

KEY = jax.random.key(0)
NEEDS_DATA = "MNISTBandit-bsuite"


@pytest.fixture
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))


def test_own_ids_come_before_those_of_gymnax():
    ids = envs.registered_envs
    assert ids[:2] == ["PassiveTMaze-v0", "ActiveTMaze-v0"]
    assert set(gymnax.registered_envs) < set(ids)
    assert len(ids) == len(set(ids))


def shapes(tree):
    return jax.tree.map(lambda x: x.shape, tree)


# Simulators take minutes to compile, and have tests of their own.
@pytest.mark.parametrize(
    "id", [id for id in envs.registered_envs if id != NEEDS_DATA and not id.startswith(tuple(registry.ADAPTERS))]
)
def test_every_environment_runs_under_jit_and_vmap(id):
    env, params = envs.make(id)
    keys = jax.random.split(KEY, 2)

    def run(key):
        obs, state = env.reset(key, params)
        action = env.action_space(params).sample(key)
        return (obs, state), env.step(key, state, action, params)

    first, (obs, state, reward, terminated, truncated, info) = jax.jit(jax.vmap(run))(keys)
    assert shapes((obs, state)) == shapes(first)
    assert reward.shape == terminated.shape == truncated.shape == (2,)
    assert "final_observation" in info
    spec = envs.spec(id)
    assert spec.id == id
    assert spec.horizon == envs.horizon(env, params)
    assert envs.horizon(env, params) >= 1
    assert spec.source
    assert spec.description


def test_missing_data_is_told_when_the_environment_is_made(monkeypatch):
    def no_network():
        raise urllib.error.URLError("no network\nsecond line")

    monkeypatch.setattr(load_mnist, "load_mnist", no_network)
    assert envs.options(NEEDS_DATA).id == NEEDS_DATA
    with pytest.raises(ConfigError, match=f"'{NEEDS_DATA}' could not be made: .*no network$"):
        envs.make(NEEDS_DATA)


def test_gymnax_options_reach_the_constructor_and_the_params():
    env, params = envs.make("MemoryChain-bsuite", memory_length=20, num_bits=3)
    assert (env.num_bits, params.memory_length, params.max_steps_in_episode) == (3, 20, 1000)
    assert env.reset(KEY, params)[0].shape == (5,)
    _, params = envs.make("CartPole-v1", max_steps_in_episode=7, length=1)
    assert params.max_steps_in_episode == 7
    assert type(params.length) is float
    # The default limit depends on a constructor argument, and is kept so.
    assert envs.spec("DeepSea-bsuite", size=10).horizon == 10
    assert envs.spec("DeepSea-bsuite", size=10, max_steps_in_episode=8).horizon == 8
    assert type(envs.spec("BernoulliBandit-misc").horizon) is int
    assert not envs.fixed_horizon(env)


def test_defaults_are_those_of_gymnax():
    for id in ("CartPole-v1", "DeepSea-bsuite", "FrozenLake-misc", "Seaquest-MinAtar"):
        assert envs.make(id)[1] == gymnax.make(id)[1]


def test_options_are_frozen_configurations_that_can_be_written_down():
    for id, option in (("ActiveTMaze-v0", "length"), ("MemoryChain-bsuite", "memory_length")):
        options = envs.options(id, **{option: 20})
        assert isinstance(options, envs.EnvOptions)
        fields = dataclasses.asdict(options)
        assert fields["id"] == id
        assert envs.options(**fields) == options
        assert hash(options) == hash(envs.options(**fields))
        assert getattr(options.make()[1], option) == 20
        with pytest.raises(AttributeError):
            options.id = "other"  # pyright: ignore[reportAttributeAccessIssue]


T, A = "PassiveTMaze-v0", "ActiveTMaze-v0"
CHAIN, POLE = "MemoryChain-bsuite", "CartPole-v1"
BAD = [
    ("PasiveTMaze-v0", {}, ["'PasiveTMaze-v0'", "'PassiveTMaze-v0'?", "jaxmem list environments"]),
    ("zzz", {}, ["'zzz'", "jaxmem list environments"]),
    (3, {}, ["3", "jaxmem list environments"]),
    (["a"], {}, ["['a']", "jaxmem list environments"]),
    (T, {"lenght": 5}, ["'lenght'", T, "known are length, penalty"]),
    (T, {"oracle_distance": 1}, ["'oracle_distance'", "known are length"]),
    (T, {"length": 0}, ["env.length is 0", "an integer from 1 to 1000000"]),
    (T, {"length": 10_000_000}, ["env.length is 10000000", "1000000"]),
    (T, {"length": 2.5}, ["env.length is 2.5", "an integer"]),
    (T, {"length": True}, ["env.length is True", "an integer"]),
    (T, {"penalty": 0.1}, ["env.penalty is 0.1", "a number <= 0, or none"]),
    (T, {"penalty": float("nan")}, ["env.penalty is nan", "a number <= 0"]),
    (T, {"goal_reward": "1"}, ["env.goal_reward is '1'", "a number"]),
    (T, {"distract_reward": None}, ["env.distract_reward is none", "a number"]),
    (T, {"time_step": 1}, ["env.time_step is 1", "true or false"]),
    (T, {"expose_goal": True}, ["env.expose_goal is True", "unless env.expose_position is True"]),
    (A, {"oracle_distance": 0}, ["env.oracle_distance is 0", "an integer from 1"]),
    (POLE, {"foo": 1}, ["'foo'", POLE, "known are max_steps_in_episode, gravity"]),
    (POLE, {"gravity": "low"}, ["env.gravity is 'low'", "a number"]),
    (POLE, {"max_steps_in_episode": 0}, ["env.max_steps_in_episode is 0", "an integer >= 1"]),
    (CHAIN, {"num_bits": 0}, ["env.num_bits is 0", "an integer >= 1"]),
    (CHAIN, {"memory_length": 2.0}, ["env.memory_length is 2.0", "an integer"]),
    ("FrozenLake-misc", {"is_slippery": 1}, ["env.is_slippery is 1", "true or false"]),
    ("FrozenLake-misc", {"map_name": "9x9"}, ["'FrozenLake-misc' could not be made", "map_name"]),
]


@pytest.mark.parametrize(("id", "options", "parts"), BAD)
def test_bad_input_is_told_in_one_line(id, options, parts):
    with pytest.raises(ConfigError) as error:
        envs.make(id, **options)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.usefixtures("own_registry")
def test_a_user_can_register_options_and_environments():
    own = len(registry._factories)
    envs.register("Mine-v0", envs.PassiveTMazeOptions)
    envs.register("Chain-v0", gymnax.environments.bsuite.memory_chain.MemoryChain)
    assert envs.registered_envs[own : own + 2] == ["Mine-v0", "Chain-v0"]
    assert envs.make("Mine-v0", length=3)[1].length == 3
    env, params = envs.make("Chain-v0", num_bits=2, memory_length=4)
    assert (env.num_bits, params.memory_length) == (2, 4)
    assert envs.spec("Chain-v0").source.endswith("MemoryChain")


@pytest.mark.usefixtures("own_registry")
def test_bad_registrations_are_refused():
    with pytest.raises(ConfigError, match="'PassiveTMaze-v0' is registered already"):
        envs.register("PassiveTMaze-v0", envs.PassiveTMazeOptions)
    with pytest.raises(ConfigError, match="environment id is '': allowed is a non-empty name"):
        envs.register("", envs.PassiveTMazeOptions)
    with pytest.raises(ConfigError, match="is 3: allowed is a callable"):
        envs.register("Mine-v0", 3)  # pyright: ignore[reportArgumentType]
    envs.register("Broken-v0", lambda size: size)
    with pytest.raises(ConfigError, match=r"'Broken-v0' could not be made: .*size"):
        envs.make("Broken-v0")


def test_an_environment_without_horizon_is_refused():
    class Endless:
        name = "Endless"

    with pytest.raises(ConfigError, match="'Endless' states no horizon"):
        envs.horizon(Endless(), object())


def test_importing_and_configuring_starts_no_backend():
    code = (
        "import jaxmem.envs as envs\n"
        "print(envs.spec('ActiveTMaze-v0', length=7).horizon)\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge._backends\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "10\n"


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        envs.nothing  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
