"""Scripted policies: of every environment, by name, and around wrappers."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces

from jaxmem import envs
from jaxmem.config import ConfigError

KEY = jax.random.key(0)
ROWS = 64


def played(env, params, name):
    """Observations and actions [rows, T, ...], and returns and successes [rows], of whole episodes of one length."""
    policy = envs.scripted_policy(env, params, name)

    def one(key):
        for_reset, for_init, for_steps = jax.random.split(key, 3)
        obs, state = env.reset_env(for_reset, params)

        def step(carry, key):
            memory, obs, state = carry
            for_act, for_step = jax.random.split(key)
            memory, action = policy.act(for_act, memory, obs, state)
            after, state, reward, _, info = env.step_env(for_step, state, action, params)
            return (memory, after, state), (obs, action, reward, info.get("success", 0.0))

        carry = (policy.init(for_init, obs, state), obs, state)
        keys = jax.random.split(for_steps, envs.horizon(env, params))
        _, (obs, action, reward, success) = jax.lax.scan(step, carry, keys)
        return obs, action, reward.sum(), success[-1]

    return jax.tree.map(np.asarray, jax.jit(jax.vmap(one))(jax.random.split(KEY, ROWS)))


@pytest.mark.parametrize(
    ("id", "options"),
    [
        ("PassiveTMaze-v0", {"length": 6}),
        ("PassiveTMaze-v0", {"length": 6, "penalty": 0}),
        ("ActiveTMaze-v0", {"length": 6}),
        ("ActiveTMaze-v0", {"length": 1, "oracle_distance": 4, "expose_position": True, "expose_goal": True}),
        ("TMaze-v0", {"length": 6, "oracle_distance": 2, "cue_every": 3}),
    ],
)
def test_the_oracle_of_a_t_maze_gets_the_best_return_by_the_way_of_the_cue(id, options):
    env, params = envs.make(id, **options)
    _, action, returns, success = played(env, params, "oracle")
    assert success.mean() == 1
    assert returns.tolist() == [1] * ROWS
    distance = int(params.oracle_distance)
    assert np.all(action[:, :distance] == 2)
    assert np.all(action[:, distance:-1] == 0)
    assert set(action[:, -1].tolist()) == {1, 3}


def test_mazes_of_different_lengths_have_one_oracle():
    env, params = envs.make("ActiveTMaze-v0")

    @jax.vmap
    def action(length):
        maze = params.replace(length=length)
        policy = envs.scripted_policy(env, maze, "oracle")
        obs, state = env.reset_to(envs.TMazeLayout(1), maze)
        state = state.replace(x=jnp.int32(5), oracle_visited=jnp.array(True))
        return policy.act(KEY, policy.init(KEY, obs, state), obs, state)[1]

    assert action(jnp.array([4, 5])).tolist() == [1, 0]


def test_chance_is_uniform_over_integers_and_boxes():
    env, params = envs.make("PassiveTMaze-v0", length=99)
    actions = played(env, params, "random")[1]
    counts = np.bincount(actions.ravel(), minlength=4)
    assert np.all(abs(counts - actions.size / 4) < 6 * np.sqrt(actions.size * 3 / 16))
    env, params = envs.make("Pendulum-v1")
    assert list(envs.scripted_policies(env, params)) == ["random"]
    forces = played(env, params, "random")[1]
    low, high = (float(bound) for bound in (env.action_space(params).low, env.action_space(params).high))
    assert np.all((low <= forces) & (forces <= high))
    counts = np.histogram(forces, 4, (low, high))[0]
    assert np.all(abs(counts - forces.size / 4) < 6 * np.sqrt(forces.size * 3 / 16))


WRAPPERS = {
    "Occluded": lambda env: envs.Occluded(env, (0,)),
    "Noisy": lambda env: envs.Noisy(env, 0.5),
    "Delayed": lambda env: envs.Delayed(env, 2),
    "Flickering": lambda env: envs.Flickering(env, 1.0),
    "two": lambda env: envs.Noisy(envs.Delayed(env, 3), 0.5),
    "two others": lambda env: envs.Delayed(envs.Occluded(env, (1,)), 1),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("id", ["ActiveTMaze-v0", "ActionAssociativeRetrieval-v0"])
def test_a_wrapped_task_has_the_policies_of_the_one_inside(wrap, id):
    env, params = envs.make(id, length=4)
    wrapped = wrap(env)
    assert list(envs.scripted_policies(wrapped, params)) == ["random", "oracle"]
    assert played(wrapped, params, "oracle")[3].mean() == 1


def test_the_observation_of_a_policy_is_what_is_seen():
    class Looking(type(envs.make("PassiveTMaze-v0")[0])):
        def scripted_policies(self, params):
            return {
                "looks": envs.ScriptedPolicy(
                    init=lambda key, obs, state: obs, act=lambda key, carry, obs, state: (carry, obs + carry + state.x)
                )
            }

    wrapped = envs.Delayed(Looking(), 1)
    obs, state = wrapped.reset_to(envs.TMazeLayout(1))
    policy = envs.scripted_policy(wrapped, wrapped.default_params, "looks")
    carry, action = policy.act(KEY, policy.init(KEY, obs, state), obs, state)
    assert carry.tolist() == [0, 1]
    assert action.tolist() == [0, 2]


def test_who_chooses_single_actions_does_not_play_where_they_are_repeated():
    maze, params = envs.make("PassiveTMaze-v0", length=4)
    for env in (envs.Repeated(maze, 2), envs.Delayed(envs.Repeated(maze, 2), 1)):
        assert list(envs.scripted_policies(env, params)) == ["random"]


def test_a_policy_that_is_not_there_is_told_in_one_line():
    env, params = envs.make("RateTMaze-v0")
    with pytest.raises(ConfigError) as error:
        envs.scripted_policy(env, params, "orcale")
    message = "unknown policy of 'RateTMaze' 'orcale' (did you mean 'oracle'?): known are random, oracle"
    assert str(error.value) == message


def test_actions_without_bounds_cannot_be_drawn():
    class Boundless:
        name = "Boundless"

        def action_space(self, params):
            return spaces.Box(-jnp.inf, 1.0, (2,), jnp.float32)

    with pytest.raises(ConfigError, match=r"^environment 'Boundless' has actions without bounds: to draw them allowed"):
        envs.scripted_policies(Boundless(), None)


def test_importing_them_imports_no_gymnax():
    code = "import sys\nimport jaxmem.envs.policies\nassert 'gymnax' not in sys.modules\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
