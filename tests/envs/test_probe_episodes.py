"""All probes but the card tasks: episodes played by hand, to the last number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probe_play import play

from jaxmem import envs
from jaxmem.envs.probes.heaven_hell import EAST, NORTH, SOUTH, WEST

KEY = jax.random.key(0)


# Memory Length


def test_memory_length_asks_for_one_of_its_bits():
    env, params = envs.make("MemoryLength-v0", length=4, num_bits=3)
    layout = envs.MemoryLengthLayout([1, 0, 1], 1)
    obs, rewards, info = play(env, params, layout, [1, 1, 1, 0])
    assert np.array_equal(obs, [[1, 0, 1, -1, 1], [0.75, 0, 0, 0, 0], [0.5, 0, 0, 0, 0], [0.25, 1, 0, 0, 0], [0] * 5])
    assert rewards == [0, 0, 0, 1]
    assert info["success"] == 1
    _, rewards, info = play(env, params, layout, [0, 0, 0, 1])
    assert rewards == [0, 0, 0, -1]
    assert info["success"] == 0


def test_memory_length_of_one_shows_everything_at_once():
    env, params = envs.make("MemoryLength-v0", length=1, num_bits=2)
    obs, rewards, info = play(env, params, envs.MemoryLengthLayout([0, 1], 1), [1])
    assert np.array_equal(obs, [[1, 1, -1, 1], [0] * 4])
    assert (rewards, info["success"]) == ([1], 1)


# Umbrella Length


def test_umbrella_is_decided_by_the_first_action():
    env, params = envs.make("UmbrellaLength-v0", length=4, distractors=3)
    for need in (0, 1):
        layout = envs.UmbrellaLengthLayout(need, 1 - need, seed=7)
        obs, coins, info = play(env, params, layout, [need, 1, 0, 1 - need])
        left = [1, 0.75, 0.5, 0.25, 0]
        assert np.array_equal([o[:3] for o in obs], [[need, 1 - need, 1]] + [[need, need, t] for t in left[1:]])
        assert coins[-1] == 1
        assert set(coins[:-1]) <= {-1, 1}
        assert info["success"] == 1
        # Neither coins nor distractors depend on actions.
        other, rewards, info = play(env, params, layout, [1 - need, need, need, need])
        assert np.array_equal([o[3:] for o in obs], [o[3:] for o in other])
        assert rewards == [*coins[:-1], -1]
        assert info["success"] == 0


def test_umbrella_of_one_step_and_without_distractors():
    env, params = envs.make("UmbrellaLength-v0", length=1, distractors=0)
    obs, rewards, info = play(env, params, envs.UmbrellaLengthLayout(1), [1])
    assert np.array_equal(obs, [[1, 0, 1], [1, 1, 0]])
    assert (rewards, info["success"]) == ([1], 1)


def test_umbrella_noise_is_fair_and_new_at_every_step():
    env, params = envs.make("UmbrellaLength-v0", length=9, distractors=4)

    def episode(key):
        _, state = env.reset_env(key, params)

        def body(state, _):
            obs, state, reward, _, _ = env.step_env(KEY, state, 0, params)
            return state, (obs[3:], reward)

        return jax.lax.scan(body, state, length=8)[1]

    bits, coins = jax.tree.map(np.asarray, jax.jit(jax.vmap(episode))(jax.random.split(KEY, 512)))
    assert set(np.unique(bits)) == {0, 1}
    assert set(np.unique(coins)) == {-1, 1}
    # Five standard deviations, for each bit and each step.
    assert abs(bits.mean(axis=(0, 1)) - 0.5).max() < 5 * 0.5 / 512**0.5 / 8**0.5
    assert abs(coins.mean(axis=0)).max() < 5 / 512**0.5
    flips = (np.diff(bits, axis=1) != 0).mean()
    assert abs(flips - 0.5) < 0.05


# Delayed Catch

LEFT, STAY, RIGHT = range(3)
BALL, PADDLE = -1, 1


def board(ball, paddle, rows=3, columns=3):
    cells = np.zeros((rows, columns))
    cells[ball] = BALL
    cells[-1, paddle] = PADDLE
    return cells


def test_catches_are_paid_for_in_the_last_step():
    env, params = envs.make("DelayedCatch-v0", rows=3, columns=3, drops=2)
    layout = envs.DelayedCatchLayout([0, 2])
    # The action with the ball in the bottom row does nothing.
    obs, rewards, info = play(env, params, layout, [STAY, LEFT, RIGHT, RIGHT, RIGHT, LEFT])
    first = [board((0, 0), 1), board((1, 0), 1), board((2, 0), 0)]
    second = [board((0, 2), 1), board((1, 2), 2), board((2, 2), 2)]
    assert np.array_equal(obs, [*first, *second, second[-1]])
    assert rewards == [0, 0, 0, 0, 0, 2]
    assert info == {"success": 1, "catches": 2, "discount": 0}

    obs, rewards, info = play(env, params, layout, [LEFT, RIGHT, LEFT, RIGHT, STAY, STAY])
    assert np.array_equal(obs[2], board((2, 0), 1))
    assert rewards == [0, 0, 0, 0, 0, 1]
    assert info == {"success": 0, "catches": 1, "discount": 0}

    assert play(env, params, layout, [STAY] * 6)[1:] == ([0] * 6, {"success": 0, "catches": 0, "discount": 0})


def test_catch_on_a_board_of_even_width_whose_ends_can_just_be_reached():
    env, params = envs.make("DelayedCatch-v0", rows=3, columns=4, drops=2)
    obs, rewards, _ = play(env, params, envs.DelayedCatchLayout([0, 3]), [LEFT, LEFT, STAY, RIGHT, RIGHT, STAY])
    assert [np.argmax(o[-1]) for o in obs] == [2, 1, 0, 2, 3, 3, 3]
    assert rewards[-1] == 2


def test_a_player_who_sees_one_board_at_a_time_catches_everything():
    env, params = envs.make("DelayedCatch-v0")
    assert envs.horizon(env, params) == 280

    def episode(key):
        obs, state = env.reset_env(key, params)

        def body(carry, _):
            obs, state = carry
            ball, paddle = jnp.argmin(obs.min(axis=0)), jnp.argmax(obs[-1])
            caught = obs.min() == 0
            action = jnp.where(caught, STAY, 1 + jnp.sign(ball - paddle))
            obs, state, reward, done, info = env.step_env(KEY, state, action, params)
            return (obs, state), (reward, done, info["success"], info["catches"])

        return jax.lax.scan(body, (obs, state), length=280)[1]

    reward, done, success, catches = jax.jit(jax.vmap(episode))(jax.random.split(KEY, 32))
    assert np.array_equal(reward, np.tile([0] * 279 + [40], (32, 1)))
    assert np.array_equal(done, reward == 40)
    assert np.array_equal(success, done)
    assert np.array_equal(catches[0], [t // 7 + (t % 7 == 6) for t in range(1, 281)])


# Heaven and Hell

MAP = [
    [6, 5, 4, 3, 7, 8, 9],
    [None, None, None, 2, None, None, None],
    [None, None, None, 1, None, None, None],
    [None, None, None, 0, None, None, None],
    [None, None, None, 10, 11, 12, 13],
]
TO_PRIEST = [SOUTH, EAST, EAST, EAST]
TO_JUNCTION = [WEST, WEST, WEST, NORTH, NORTH, NORTH, NORTH]


def neighbours(cell):
    """Where north, south, east and west lead on the map."""
    [(row, column)] = [(r, c) for r in range(5) for c in range(7) if MAP[r][c] == cell]
    found = []
    for r, c in ((row - 1, column), (row + 1, column), (row, column + 1), (row, column - 1)):
        inside = 0 <= r < 5 and 0 <= c < 7 and MAP[r][c] is not None
        found.append(MAP[r][c] if inside else cell)
    return found


def distance(start, end):
    reached = {start}
    for steps in range(14):
        if end in reached:
            return steps
        reached |= {there for cell in reached for there in neighbours(cell)}
    raise AssertionError


def test_heaven_and_hell_has_the_cells_of_the_map():
    env, params = envs.make("HeavenHell-v0")
    _, state = env.reset_to(envs.HeavenHellLayout(0), params)

    def move(cell, action):
        return env.step_env(KEY, state.replace(cell=cell), action, params)[1].cell

    cells, actions = np.divmod(np.arange(14 * 4), 4)
    there = jax.vmap(move)(cells, actions).reshape(14, 4)
    assert np.array_equal(there, [neighbours(cell) for cell in range(14)])


@pytest.mark.parametrize(("heaven", "way", "end"), [(0, WEST, [4, 5, 6]), (1, EAST, [7, 8, 9])])
def test_heaven_is_fourteen_moves_away(heaven, way, end):
    env, params = envs.make("HeavenHell-v0")
    obs, rewards, info = play(env, params, envs.HeavenHellLayout(heaven), TO_PRIEST + TO_JUNCTION + [way] * 3)
    kinds = [0, 10, 11, 12, 13 + heaven, 12, 11, 10, 0, 1, 2, 3, *end]
    assert np.array_equal(obs, np.eye(15)[kinds])
    assert rewards == [0] * 13 + [1]
    assert info["success"] == 1
    assert len(rewards) == distance(0, 13) + distance(13, end[-1])
    # Without asking, the other way.
    _, rewards, info = play(env, params, envs.HeavenHellLayout(1 - heaven), [NORTH] * 3 + [way] * 3)
    assert rewards == [0] * 5 + [-1]
    assert info["success"] == 0


def test_heaven_and_hell_is_over_after_its_limit():
    env, params = envs.make("HeavenHell-v0")
    _, rewards, info = play(env, params, envs.HeavenHellLayout(0), [EAST] * 20)
    assert rewards == [0] * 20
    assert info == {"success": 0, "discount": 0}
    # The last step of all can still reach heaven.
    env, params = envs.make("HeavenHell-v0", limit=14)
    _, rewards, info = play(env, params, envs.HeavenHellLayout(0), TO_PRIEST + TO_JUNCTION + [WEST] * 3)
    assert rewards[-1] == info["success"] == 1
