"""Action Associative Retrieval: rules by hand, and that nothing that is seen tells the first action."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probe_play import play

from jaxmem import envs
from jaxmem.config import ConfigError

ID = "ActionAssociativeRetrieval-v0"
KEY = jax.random.key(0)
ROWS = 4096
BOUND = 6
NOTHING = 2


def task(length):
    return envs.make(ID, length=length)


def episode(actions, seed=0):
    env, params = task(len(actions))
    return play(env, params, envs.ActionAssociativeRetrievalLayout(seed), list(actions))


@pytest.mark.parametrize("actions", [*itertools.product(range(3), repeat=3)])
def test_the_last_action_has_to_be_the_first(actions):
    first, _, last = actions
    seen, rewards, info = episode(actions)
    kept = first == last != NOTHING
    acted = first != NOTHING
    assert rewards == [0, 0, 1 if kept else -1]
    assert np.array(seen)[:, :2].tolist() == [[0, 0], [acted, 0], [acted, 1], [0, 0]]
    assert info == {
        "success": kept,
        "discount": 0,
        "first_0": first == 0,
        "kept_0": kept and first == 0,
        "first_1": first == 1,
        "kept_1": kept and first == 1,
    }


def test_two_steps_are_enough():
    seen, rewards, _ = episode([1, 1])
    assert np.array(seen)[:, :2].tolist() == [[0, 0], [1, 1], [0, 0]]
    assert rewards == [0, 1]


def test_nothing_that_is_seen_tells_the_first_action():
    before_the_end = [
        np.array(episode([first, *between, first], seed=7)[0])[:-1]
        for first in (0, 1)
        for between in itertools.product(range(3), repeat=2)
    ]
    for seen in before_the_end[1:]:
        np.testing.assert_array_equal(seen, before_the_end[0])


def test_tasks_of_different_lengths_side_by_side():
    env, params = task(90)
    params = params.replace(length=jnp.array([2, 3, 6]))

    def rewards(params):
        _, state = env.reset_env(KEY, params)

        def step(state, _):
            obs, state, reward, done, _ = env.step_env(KEY, state, 1, params)
            return state, (obs[1], reward, done)

        return jax.lax.scan(step, state, length=6)[1]

    flag, reward, done = jax.jit(jax.vmap(rewards))(params)
    assert done.argmax(1).tolist() == [1, 2, 5]
    assert flag.argmax(1).tolist() == [0, 1, 4]
    assert reward[jnp.arange(3), jnp.array([1, 2, 5])].tolist() == [1, 1, 1]


def test_noise_is_uniform_and_independent_and_decided_by_the_key_of_the_reset():
    env, params = task(6)

    def run(key):
        obs, state = env.reset_env(key, params)

        def step(state, action):
            obs, state, *_ = env.step_env(KEY, state, action, params)
            return state, obs

        _, later = jax.lax.scan(step, state, jnp.array([0, 2, 2, 2, 2]))
        return jnp.concatenate([obs[None], later])

    run = jax.jit(jax.vmap(run))
    seen = run(jax.random.split(KEY, ROWS))
    np.testing.assert_array_equal(seen, run(jax.random.split(KEY, ROWS)))
    noise = np.asarray(seen[..., 2], int)
    for value in (-1, 0, 1):
        assert np.all(abs((noise == value).sum(0) - ROWS / 3) < BOUND * np.sqrt(ROWS * 2 / 9))
    products = noise.T @ noise
    assert np.all(abs(products[~np.eye(6, dtype=bool)]) < BOUND * np.sqrt(ROWS * 4 / 9))


def metrics(name, length):
    """Means of the episode metrics of a scripted policy."""
    env, params = task(length)
    policy = envs.scripted_policy(env, params, name)

    def run(key):
        for_reset, for_init, for_steps = jax.random.split(key, 3)
        obs, state = env.reset_env(for_reset, params)

        def step(carry, key):
            memory, obs, state = carry
            memory, action = policy.act(key, memory, obs, state)
            obs, state, _, done, info = env.step_env(key, state, action, params)
            fine = env.observation_space(params).contains(obs) & env.state_space(params).contains(state)
            return (memory, obs, state), (done, info, fine)

        carry = (policy.init(for_init, obs, state), obs, state)
        _, (done, info, fine) = jax.lax.scan(step, carry, jax.random.split(for_steps, length))
        return done, jax.tree.map(lambda x: x[-1], info), fine

    done, info, fine = jax.jit(jax.vmap(run))(jax.random.split(KEY, ROWS))
    assert fine.all()
    assert not done[:, :-1].any()
    assert done[:, -1].all()
    return {metric: float(info[metric].mean()) for metric in envs.episode_metrics(env)}


def test_the_oracle_repeats_either_action_and_chance_meets_no_criterion():
    oracle, random = metrics("oracle", 7), metrics("random", 7)
    assert oracle["success"] == 1
    assert abs(oracle["first_0"] - 1 / 2) < BOUND * np.sqrt(1 / 4 / ROWS)
    assert oracle["kept_0"] / oracle["first_0"] + oracle["kept_1"] / oracle["first_1"] == 2
    assert abs(random["success"] - 2 / 9) < BOUND * np.sqrt(2 / 9 * 7 / 9 / ROWS)
    assert random["kept_0"] / random["first_0"] + random["kept_1"] / random["first_1"] < 1


def test_what_it_asks():
    spec = envs.spec(ID)
    assert (spec.horizon, spec.memory_length, spec.credit_length) == (90, 90, 90)
    assert envs.fixed_horizon(task(5)[0])
    with pytest.raises(ConfigError, match=r"^env.length is 1: allowed is an integer from 2 to 1000000$"):
        task(1)
    env, params = task(3)
    with pytest.raises(ConfigError, match=r"^layout.seed is 0.5: allowed is an integer from 0 to 4294967295$"):
        env.reset_to(envs.ActionAssociativeRetrievalLayout(0.5), params)
