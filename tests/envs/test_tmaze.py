"""T-Maze rules that no recording shows, and its laws as an environment."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import envs
from jaxmem.config import ConfigError

RIGHT, UP, LEFT, DOWN = range(4)
KEY = jax.random.key(0)


def play(env, params, goal_y, actions):
    """Observations (reset first), rewards, dones and successes of one episode."""
    step = jax.jit(env.step_env)
    obs, state = env.reset_to(envs.TMazeLayout(goal_y), params)
    seen, rewards, dones, successes = [obs], [], [], []
    for action in actions:
        obs, state, reward, done, info = step(KEY, state, action, params)
        seen.append(obs)
        rewards.append(float(reward))
        dones.append(bool(done))
        successes.append(float(info["success"]))
        assert not env.is_truncated(state, params)
    assert dones == [False] * (len(actions) - 1) + [True]
    return np.array(seen).tolist(), rewards, successes


def test_without_penalty_only_the_last_step_pays():
    env, params = envs.make("PassiveTMaze-v0", length=2, penalty=0, goal_reward=3)
    assert play(env, params, 1, [LEFT, RIGHT, UP])[1] == [0, 0, 0]
    assert play(env, params, 1, [RIGHT, RIGHT, UP])[1] == [0, 0, 3]


def test_success_is_told_on_the_last_step_only():
    env, params = envs.make("ActiveTMaze-v0", length=1)
    # The goal cell is entered early, left and entered again.
    assert play(env, params, 1, [RIGHT, UP, DOWN, UP])[2] == [0, 0, 0, 1]
    assert play(env, params, -1, [RIGHT, UP, UP, UP])[2] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("actions", "told"),
    [
        ([LEFT, RIGHT, RIGHT, UP], (1, 1, 1)),
        ([LEFT, RIGHT, RIGHT, DOWN], (0, 1, 0)),
        ([RIGHT, UP, DOWN, UP], (1, 0, 0)),
        ([RIGHT, RIGHT, RIGHT, DOWN], (0, 0, 0)),
    ],
)
def test_an_active_maze_tells_who_saw_the_oracle_and_who_used_it(actions, told):
    env, params = envs.make("ActiveTMaze-v0", length=1)
    assert envs.episode_metrics(env) == ("success", "oracle", "recalled")
    _, state = env.reset_to(envs.TMazeLayout(1), params)
    for step, action in enumerate(actions):
        _, state, _, _, info = env.step_env(KEY, state, action, params)
        said = tuple(float(info[name]) for name in envs.episode_metrics(env))
        assert said == (told if step == 3 else (0, 0, 0))


def test_a_passive_maze_tells_success_alone():
    env, _ = envs.make("PassiveTMaze-v0", length=1)
    assert envs.episode_metrics(env) == ("success",)


def test_exposed_position_shows_the_cue_at_the_first_visit_only():
    env, params = envs.make("ActiveTMaze-v0", length=1, expose_position=True)
    obs, _, _ = play(env, params, -1, [LEFT, LEFT, RIGHT, RIGHT])
    assert obs == [[1, 0, 0], [0, 0, -1], [0, 0, 0], [1, 0, 0], [2, 0, 0]]


def test_exposed_goal_shows_the_cue_from_the_first_visit_on():
    options = {"length": 1, "expose_position": True, "expose_goal": True}
    env, params = envs.make("ActiveTMaze-v0", **options)
    obs, _, _ = play(env, params, -1, [LEFT, RIGHT, RIGHT, DOWN])
    assert obs == [[1, 0, 0], [0, 0, -1], [1, 0, -1], [2, 0, -1], [2, -1, -1]]
    env, params = envs.make("PassiveTMaze-v0", **options)
    obs, _, _ = play(env, params, 1, [RIGHT, DOWN])
    assert obs == [[0, 0, 1], [1, 0, 1], [1, -1, 1]]


def test_time_step_is_the_last_number():
    env, params = envs.make("PassiveTMaze-v0", length=1, time_step=True)
    assert play(env, params, 1, [RIGHT, UP])[0] == [[0, 1, 0], [1, 0, 1], [1, 1, 2]]
    env, params = envs.make("PassiveTMaze-v0", length=1, time_step=True, expose_position=True)
    assert play(env, params, 1, [RIGHT, UP])[0] == [[0, 0, 1, 0], [1, 0, 0, 1], [1, 1, 0, 2]]


def test_a_far_oracle_gives_time_to_fetch_the_cue():
    env, params = envs.make("ActiveTMaze-v0", length=2, oracle_distance=3)
    assert envs.horizon(env, params) == 9
    obs, rewards, successes = play(env, params, 1, [LEFT] * 3 + [RIGHT] * 5 + [UP])
    assert obs == [[0, 0]] * 3 + [[0, 1]] + [[0, 0]] * 4 + [[1, 0], [1, 1]]
    assert rewards == [0] * 8 + [1]
    assert successes[-1] == 1
    # One step of delay costs a penalty on each step from the oracle on.
    assert play(env, params, 1, [UP] + [LEFT] * 3 + [RIGHT] * 5)[1] == [0] * 3 + [-0.5] * 5 + [0]


def test_distract_reward_is_paid_at_the_oracle_but_not_at_the_end():
    env, params = envs.make("ActiveTMaze-v0", length=1, distract_reward=0.25, penalty=-0.5)
    # Behind from the second step on: x < t - o.
    assert play(env, params, 1, [LEFT, LEFT, LEFT, LEFT])[1] == [0.25, -0.25, -0.25, 0]


def test_walls_stop_the_player():
    env, params = envs.make("PassiveTMaze-v0", length=3, expose_position=True)
    obs, _, _ = play(env, params, 1, [UP, LEFT, RIGHT, DOWN])
    assert [o[:2] for o in obs] == [[0, 0]] * 3 + [[1, 0]] * 2
    env, params = envs.make("ActiveTMaze-v0", length=1, oracle_distance=2, expose_position=True)
    obs, _, _ = play(env, params, 1, [RIGHT, RIGHT, UP, LEFT, RIGHT, UP])
    assert [o[:2] for o in obs] == [[2, 0], [3, 0], [3, 0], [3, 1], [3, 1], [3, 1], [3, 1]]


@pytest.mark.parametrize("flags", [{}, {"expose_position": True, "time_step": True}])
def test_observations_lie_in_the_space(flags):
    env, params = envs.make("ActiveTMaze-v0", length=2, **flags)
    space = env.observation_space(params)
    for obs in play(env, params, 1, [LEFT, RIGHT, RIGHT, RIGHT, UP])[0]:
        assert space.contains(jnp.array(obs))
    obs, state = env.reset(KEY, params)
    assert obs.shape == space.shape
    assert obs.dtype == space.dtype == jnp.float32
    assert env.state_space(params).contains(state)
    assert env.action_space(params).n == env.num_actions == 4


def rollout(env, params, key, steps):
    obs, state = env.reset(key, params)

    def body(carry, key):
        state, first = carry
        action_key, step_key = jax.random.split(key)
        action = jax.random.randint(action_key, (), 0, 4)
        obs, state, *rest = env.step(step_key, state, action, params)
        return (state, first), (obs, state, *rest)

    _, outs = jax.lax.scan(body, (state, obs), jax.random.split(key, steps))
    return obs, outs


def test_episodes_follow_each_other_through_step():
    env, params = envs.make("ActiveTMaze-v0", length=2)
    keys = jax.random.split(KEY, 64)
    outs = jax.jit(jax.vmap(lambda key: rollout(env, params, key, 10)[1]))(keys)
    obs, state, _, terminated, truncated, info = jax.tree.map(np.asarray, outs)
    last = np.array([4, 9])
    np.testing.assert_array_equal(np.flatnonzero(terminated[0]), last)
    assert (terminated == terminated[0]).all()
    assert not truncated.any()
    # What `step` returns after the end is the next episode; the end itself is in the info.
    assert (obs[:, last] == 0).all()
    assert (state.time[:, last] == 0).all()
    assert (state.x[:, last] == 1).all()
    assert not state.oracle_visited[:, last].any()
    assert info["final_observation"][:, last, 1].any()
    going_on = ~terminated
    np.testing.assert_array_equal(info["final_observation"][going_on], obs[going_on])
    np.testing.assert_array_equal(info["discount"], 1.0 - terminated)
    assert set(np.unique(state.goal_y[:, 4])) == {-1, 1}


def test_same_key_and_actions_give_the_same_trajectory():
    env, params = envs.make("PassiveTMaze-v0", length=2)
    keys = jax.random.split(KEY, 3)
    alone = jax.jit(lambda key: rollout(env, params, key, 4))
    together = jax.jit(jax.vmap(lambda key: rollout(env, params, key, 4)))(keys)
    together = jax.tree.map(np.asarray, together)
    with jax.disable_jit():
        plain = rollout(env, params, keys[1], 4)
    for i in range(3):
        jax.tree.map(lambda a, b, i=i: np.testing.assert_array_equal(a, b[i]), alone(keys[i]), together)
    jax.tree.map(np.testing.assert_array_equal, plain, alone(keys[1]))


def test_lengths_can_differ_under_vmap():
    env, _ = envs.make("PassiveTMaze-v0")
    lengths = [1, 2, 4]
    made = [envs.make("PassiveTMaze-v0", length=length)[1] for length in lengths]
    params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *made)

    def ends(params):
        _, state = env.reset_to(envs.TMazeLayout(1), params)

        def body(state, _):
            _, state, reward, done, _ = env.step_env(KEY, state, LEFT, params)
            return state, (reward, done)

        return jax.lax.scan(body, state, length=5)[1]

    rewards, dones = jax.jit(jax.vmap(ends))(params)
    assert dones.argmax(axis=1).tolist() == [2 - 1, 3 - 1, 5 - 1]
    np.testing.assert_allclose(rewards[:, 0], [-1, -0.5, -0.25])


def test_dtypes_are_constant():
    env, params = envs.make("ActiveTMaze-v0", time_step=True)
    obs, state = env.reset(KEY, params)
    given = env.reset_to(envs.TMazeLayout(jnp.int8(-1)), params)
    stepped = env.step(KEY, state, 0, params)
    kinds = jax.tree.map(lambda x: (x.dtype, x.shape, x.weak_type), (obs, state))
    assert kinds == jax.tree.map(lambda x: (x.dtype, x.shape, x.weak_type), given)
    assert kinds == jax.tree.map(lambda x: (x.dtype, x.shape, x.weak_type), stepped[:2])
    assert {f.dtype.name for f in jax.tree.leaves(state)} == {"int32", "bool"}
    assert stepped[2].dtype == jnp.float32
    assert stepped[5]["success"].dtype == stepped[5]["discount"].dtype == jnp.float32


def test_mazes_with_the_same_flags_share_compiled_functions():
    short, _ = envs.make("PassiveTMaze-v0", length=3)
    long, _ = envs.make("ActiveTMaze-v0", length=300)
    assert short == long
    assert hash(short) == hash(long)
    assert short != envs.TMaze(time_step=True)


def test_the_class_refuses_an_exposed_goal_alone():
    with pytest.raises(ConfigError, match="expose_goal is True: allowed is False unless"):
        envs.TMaze(expose_goal=True)


@pytest.mark.parametrize(
    ("id", "options", "horizon", "memory", "credit"),
    [
        ("PassiveTMaze-v0", {}, 11, 11, 1),
        ("PassiveTMaze-v0", {"length": 50, "penalty": 0}, 51, 51, 51),
        ("PassiveTMaze-v0", {"expose_position": True, "expose_goal": True}, 11, 1, 1),
        ("ActiveTMaze-v0", {}, 13, 12, 13),
        ("ActiveTMaze-v0", {"length": 50, "oracle_distance": 3}, 57, 54, 57),
    ],
)
def test_spec_states_the_lengths(id, options, horizon, memory, credit):
    spec = envs.spec(id, **options)
    assert (spec.horizon, spec.memory_length, spec.credit_length) == (horizon, memory, credit)
    assert spec.id == id
    assert "2307.03864" in spec.source
    env, params = envs.make(id, **options)
    assert envs.horizon(env, params) == horizon
    assert params.max_steps_in_episode == horizon
    assert envs.fixed_horizon(env)
