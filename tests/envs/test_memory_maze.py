"""The Memory Maze: mazes, movement, touching, the end of an episode, what probes say."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from maze_cases import SNAKE, distances, layout, walls_of

from jaxmem import envs
from jaxmem.envs import memory_maze_layout as layouts
from jaxmem.envs.memory_maze import REACH

KEY = jax.random.key(0)
SIZES = {9: 3, 11: 4, 13: 5, 15: 6}
STEPS = 400


@functools.cache
def task(**options):
    return envs.make("MemoryMaze-v0", **options)


@functools.cache
def player(batched=True):
    """A jitted function (key, actions) -> the first state and, stacked over time, the states and rewards after it."""
    env, params = task()

    def play(key, actions):
        _, first = env.reset_env(key, params)

        def step(state, action):
            _, state, reward, done, info = env.step_env(KEY, state, action, params)
            return state, (state, reward, done, info["targets"])

        return first, *jax.lax.scan(step, first, actions)[1]

    return jax.jit(jax.vmap(play)) if batched else jax.jit(play)


@jax.jit
def begin(layout):
    """The first state in a given maze."""
    env, params = task()
    return env.reset_to(layout, params)[1]


@functools.cache
def played():
    keys = jax.random.split(KEY, 48)
    # More of going forward, so that much is touched.
    actions = jax.random.choice(KEY, jnp.array([0, 1, 1, 2, 3, 4, 5]), (48, STEPS))
    return keys, actions, jax.tree.map(np.asarray, player()(keys, actions))


@pytest.mark.parametrize("size", SIZES)
def test_mazes_are_connected_and_things_lie_in_free_cells(size):
    number = 300
    draw = jax.jit(jax.vmap(functools.partial(layouts.draw, size=size, objects=SIZES[size])))
    drawn = jax.tree.map(np.asarray, draw(jax.random.split(KEY, number)))
    assert drawn.walls.shape == (number, size, size)
    free_share = 1 - drawn.walls.mean()
    # labmaze's: 0.73, 0.70, 0.66, 0.64.
    assert 0.62 < free_share < 0.74
    assert len({walls.tobytes() for walls in drawn.walls}) > 0.95 * number
    for walls, objects, position in zip(drawn.walls, drawn.objects, drawn.position, strict=True):
        start = tuple(np.floor(position).astype(int).tolist())
        things = [start, *map(tuple, objects.tolist())]
        assert len(set(things)) == len(things)
        assert not any(walls[y, x] for x, y in things)
        assert len(distances(walls, start)) == (~walls).sum()
    assert set(drawn.target) == set(range(SIZES[size]))
    assert set(drawn.areas.ravel()) == set(range(8))
    assert 0 <= drawn.heading.min() < 0.2
    assert 6.1 < drawn.heading.max() < 2 * np.pi


def test_nobody_walks_into_a_wall():
    _, _, (first, states, *_) = played()
    bordered = np.stack([np.pad(np.asarray(layouts.walls_of(rows)), 1, constant_values=True) for rows in first.rows])
    moved = np.abs(np.diff(states.position, axis=1)).sum(axis=-1)
    assert moved.max() > 0.2
    episode = np.arange(len(bordered))[:, None]
    for side in ((-0.0999, -0.0999), (-0.0999, 0.0999), (0.0999, -0.0999), (0.0999, 0.0999)):
        x, y = np.moveaxis(np.floor(states.position + np.array(side)).astype(int), -1, 0)
        assert not bordered[episode, y + 1, x + 1].any()


def test_only_touching_the_current_target_pays_and_another_one_follows():
    _, _, (first, states, reward, done, targets) = played()
    joined = jax.tree.map(lambda one, rest: np.concatenate([one[:, None], rest], axis=1), first, states)
    target, position = joined.target, joined.position
    goal = np.take_along_axis(first.objects, target[:, :-1, None], axis=1) + 0.5
    begin, end = position[:, :-1], position[:, 1:]
    way = end - begin
    part = ((goal - begin) * way).sum(-1) / np.maximum((way**2).sum(-1), 1e-12)
    distance = np.linalg.norm(begin + np.clip(part, 0, 1)[..., None] * way - goal, axis=-1)
    sure = np.abs(distance - REACH) > 1e-4
    assert np.array_equal((reward == 1)[sure], (distance < REACH)[sure])
    assert reward.sum() >= 5
    assert np.array_equal(target[:, 1:] != target[:, :-1], reward == 1)
    assert np.array_equal(targets, np.cumsum(reward, axis=1))
    assert not done.any()
    # Others were touched without pay.
    others = np.linalg.norm(end[:, :, None] - first.objects[:, None] - 0.5, axis=-1) < REACH
    assert others.any(axis=-1).sum() > reward.sum()


def test_an_episode_is_the_same_alone_and_beside_others():
    keys, actions, (_, states, reward, *_) = played()
    best = int(reward.sum(axis=1).argmax())
    _, alone, alone_reward, *_ = player(batched=False)(keys[best], actions[best])
    assert np.array_equal(alone_reward, reward[best])
    np.testing.assert_allclose(alone.position, states.position[best], atol=1e-4)
    assert np.array_equal(alone.target, states.target[best])


def test_next_targets_are_all_others_as_often():
    env, _ = task(objects=6)
    seeds = jnp.arange(4000, dtype=jnp.uint32)
    state = begin(layout())
    draw = jax.vmap(lambda seed, reached: env._next_target(state.replace(seed=seed, reached=reached)))
    for reached in (0, 7):
        count = np.bincount(np.asarray(draw(seeds, jnp.full((4000,), reached))), minlength=6)
        assert count[0] == 0
        assert np.abs(count[1:] - 800).max() < 120


def test_motion_is_that_of_the_original():
    """Cells and degrees of each step, measured there in open space."""
    env, params = task()
    state = begin(layout(walls=np.zeros((9, 9), bool)))
    step = jax.jit(lambda state, action: env.step_env(KEY, state, action, params)[1])
    moved, turned = [], []
    for action in (1, 1, 1, 1, 0, 0, 2, 2, 2):
        after = step(state, action)
        moved.append(float(np.linalg.norm(after.position - state.position)))
        turned.append(np.degrees(float(after.heading - state.heading)))
        state = after
    np.testing.assert_allclose(moved[:6], [0.1121, 0.2186, 0.2429, 0.2483, 0.1376, 0.0312], atol=2e-3)
    np.testing.assert_allclose(turned[6:], [14.11, 18.32, 18.39], atol=0.1)


def test_the_time_limit_truncates_and_the_next_episode_begins():
    env, params = task(time_limit=3)
    _, state = env.reset(KEY, params)
    ends = []
    for number in range(3):
        key = jax.random.fold_in(KEY, number)
        obs, state, _, terminated, truncated, info = env.step(key, state, 1, params)
        ends.append((bool(terminated), bool(truncated)))
        assert np.array_equal(obs, info["final_observation"]) == (number < 2)
    assert ends == [(False, False), (False, False), (False, True)]
    # As gymnax does it, with the same keys.
    expected = env.reset(jax.random.split(key)[1], params)
    for own, its in zip(jax.tree.leaves((obs, state)), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(own, its, atol=1e-6)
    assert envs.fixed_horizon(env)
    assert envs.episode_metrics(env) == ("targets",)


def test_probes_agree_with_the_state():
    env, params = task()
    state = begin(layout(heading=np.pi / 2, target=1))
    found = jax.jit(env.probes)(state, params)
    assert np.array_equal(found["maze_layout"], ~walls_of(SNAKE))
    np.testing.assert_allclose(found["agent_pos"], (0.5, 0.5))
    np.testing.assert_allclose(found["agent_dir"], (0, 1), atol=1e-6)
    np.testing.assert_allclose(found["targets_pos"], [(4.5, 0.5), (4.5, 4.5), (4.5, 8.5)])
    # To the right, ahead.
    np.testing.assert_allclose(found["targets_vec"], [(4, 0), (4, 4), (4, 8)], atol=1e-5)
    np.testing.assert_allclose(found["target_vec"], (4, 4), atol=1e-5)
    np.testing.assert_allclose(found["target_pos"], (4.5, 4.5))
    np.testing.assert_allclose(found["target_color"] * 255, (99, 170, 88), atol=1e-3)
    assert found["target_index"] == 1
    ways = distances(walls_of(SNAKE), (0, 0))
    assert found["targets_distance"].tolist() == [ways[4, 0], ways[4, 4], ways[4, 8]] == [4, 16, 36]


def test_sizes_have_the_objects_and_steps_of_the_paper():
    for size, objects in SIZES.items():
        env, params = envs.make("MemoryMaze-v0", size=size)
        assert (env.objects, params.max_steps_in_episode) == (objects, 1000 * (objects - 2))
        assert envs.spec("MemoryMaze-v0", size=size).horizon == params.max_steps_in_episode
    assert task(objects=5, time_limit=7)[0].objects == 5
