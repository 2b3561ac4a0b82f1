"""Scripted policies of the Memory Maze: how far they come, and that the explorer uses what it has seen, and no more."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from maze_cases import distances, drawn, layout, walls_of

from jaxmem import envs
from jaxmem.envs import memory_maze_layout as layouts
from jaxmem.envs import memory_maze_paths as paths
from jaxmem.envs.memory_maze_policies import look
from jaxmem.envs.policies import scripted_policy

KEY = jax.random.key(1)
EPISODES, STEPS = 24, 300


@functools.cache
def player(name):
    """A jitted function of layouts: actions, rewards, and what the policy carried, stacked over time."""
    env, params = envs.make("MemoryMaze-v0")
    policy = scripted_policy(env, params, name)

    def play(layout):
        obs, state = env.reset_to(layout, params)
        carry = policy.init(KEY, obs, state)

        def step(held, key):
            obs, state, carry = held
            carry, action = policy.act(key, carry, obs, state)
            _, state, reward, *_ = env.step_env(key, state, action, params)
            # No policy reads the picture.
            return (obs, state, carry), (action, reward, carry)

        return jax.lax.scan(step, (obs, state, carry), jax.random.split(KEY, STEPS))[1]

    return jax.jit(jax.vmap(play))


def test_the_oracle_reaches_more_targets_than_the_explorer_and_both_get_there():
    oracle = np.asarray(player("oracle")(drawn(EPISODES))[1]).sum(axis=1)
    explorer = np.asarray(player("explorer")(drawn(EPISODES))[1]).sum(axis=1)
    assert oracle.min() >= 3
    assert explorer.min() >= 1
    # 8.7 and 7.7 are expected.
    assert oracle.mean() > 7
    assert explorer.mean() > 5
    assert oracle.mean() > explorer.mean()


def test_places_that_were_not_seen_do_not_matter_to_the_explorer():
    mazes = drawn(EPISODES)
    actions, _, known = map(np.asarray, player("explorer")(mazes))
    rng = np.random.default_rng(0)
    moved = np.array(mazes.objects)
    for k in range(EPISODES):
        free = np.argwhere(~np.asarray(mazes.walls[k]))[:, ::-1]
        moved[k] = rng.permutation(free)[:3]
    others, _, _ = map(np.asarray, player("explorer")(mazes.replace(objects=moved)))
    compared = 0
    for k in range(EPISODES):
        places = np.concatenate([np.asarray(mazes.objects[k]), moved[k]])
        seen = (known[k][:, places[:, 1] + 1] >> (places[:, 0] + 1)) & 1
        unseen = ~np.cumsum(seen.any(axis=1)).astype(bool)
        assert np.array_equal(actions[k][unseen], others[k][unseen])
        compared += unseen.sum()
    assert compared > 2 * EPISODES
    assert not np.array_equal(actions, others)


def test_what_lies_behind_a_wall_or_behind_the_player_is_not_known():
    env, params = envs.make("MemoryMaze-v0")

    @jax.jit
    def seen(layout):
        state = env.reset_to(layout, params)[1]
        return layouts.walls_of(look(state))

    wall = walls_of("\n".join(["........."] * 4 + ["########."] + ["........."] * 4))
    known = np.asarray(seen(layout(walls=wall, position=(4.5, 1.5), heading=np.pi / 2)))
    assert known[3, 3:6].all()
    assert known[2, 4]
    assert not known[2, [0, 1, 2, 6, 7, 8]].any()
    # The wall that is looked at is known, what is behind it and what is beside the angle of view is not.
    assert known[4, 3:6].all()
    assert not known[5:].any()
    assert not known[0, [0, 1, 2, 3, 5, 6, 7, 8]].any()
    assert not known[1, [0, 1, 7, 8]].any()
    # Its own cell and the four around it.
    assert known[1, 3:6].all()
    assert known[0, 4]


def test_shortest_ways_are_those_of_a_plain_search():
    maze = jax.tree.map(lambda x: x[0], drawn(EPISODES))
    walls = np.asarray(maze.walls)
    rows = layouts.words(maze.walls)
    goal = jnp.asarray(maze.objects[0])
    free = np.argwhere(~walls)[:, ::-1]
    ways = jax.jit(jax.vmap(lambda cell: paths.way(cell, paths.cell_word(goal, 11), ~rows)))(jnp.asarray(free))
    expected = distances(walls, tuple(goal.tolist()))
    for number, cell in enumerate(map(tuple, free.tolist())):
        assert bool(ways.found[number])
        assert int(ways.length[number]) == expected[cell]
        nearer = [expected.get((cell[0] + x, cell[1] + y), 99) < expected[cell] for x, y in paths.STEPS]
        assert ways.onward[number].tolist() == nearer


def test_there_may_be_no_way():
    rows = layouts.words(jnp.asarray(walls_of("\n".join(["........."] * 4 + ["#########"] + ["........."] * 4))))
    start, goal = jnp.array([0, 0]), jnp.array([0, 8])
    assert not paths.way(start, paths.cell_word(goal, 11), ~rows).found
    assert not paths.way(start, jnp.zeros((11,), jnp.uint32), ~rows).found
    assert paths.way(start, paths.cell_word(start, 11), ~rows).length == 0
