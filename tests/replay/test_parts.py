"""Parts of stored episodes: drawn evenly, whole inside, and true about what comes before and after."""

from typing import Any

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxmem import replay
from jaxmem.networks import episode_inputs
from jaxmem.replay import Episodes

HORIZON, CAPACITY, DRAWN = 9, 4, 4000


def episodes(lengths: Any, terminated: Any, continuous: bool) -> Episodes:
    """Episodes whose step t of row b is the number 100 b + t, and whose padding is zero but for observations."""
    lengths = np.asarray(lengths)
    rows = len(lengths)
    numbers = 100.0 * np.arange(rows) + np.arange(HORIZON + 1)[:, None]
    mask = np.arange(HORIZON)[:, None] < lengths
    reward = np.where(mask, numbers[:-1], 0)
    action = np.repeat(reward[..., None], 2, axis=-1) if continuous else reward.astype(np.int32)
    return Episodes(
        obs=jnp.asarray(numbers[..., None], jnp.float32),
        action=jnp.asarray(action, jnp.float32 if continuous else jnp.int32),
        log_prob=jnp.zeros((HORIZON, rows)),
        deviated=jnp.zeros((HORIZON, rows), bool),
        reward=jnp.asarray(reward, jnp.float32),
        length=jnp.asarray(lengths, jnp.int32),
        terminated=jnp.asarray(terminated),
    )


def draw(stored: Episodes, steps: int, count: int) -> Episodes:
    ring = replay.add(replay.init(stored, CAPACITY), stored)
    return replay.sample_parts(ring, replay.part_ends(ring, steps), jax.random.key(0), count, steps)


draw_compiled = jax.jit(draw, static_argnums=(1, 2))


@pytest.mark.parametrize("continuous", [False, True])
@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(
    lengths=st.lists(st.integers(1, HORIZON), min_size=3, max_size=3),
    terminated=st.lists(st.booleans(), min_size=3, max_size=3),
    steps=st.sampled_from([1, 4, HORIZON]),
)
def test_a_part_is_what_the_episode_was(continuous, lengths, terminated, steps):
    parts = draw_compiled(episodes(lengths, terminated, continuous), steps, 60)
    row, begin = np.divmod(np.asarray(parts.obs[0, :, 0]).astype(int), 100)
    length = np.asarray(parts.length)
    np.testing.assert_array_equal(length, np.minimum(np.asarray(lengths)[row] - begin, steps))
    reaches_end = begin + length == np.asarray(lengths)[row]
    np.testing.assert_array_equal(parts.terminated, reaches_end & np.asarray(terminated)[row])
    assert (length == np.minimum(np.asarray(lengths)[row], steps)).all(), "a part is as long as the episode allows"
    number = 100 * row + begin + np.arange(steps + 1)[:, None]
    mask = np.asarray(parts.mask)
    np.testing.assert_array_equal(np.asarray(parts.reward)[mask], number[:-1][mask])
    np.testing.assert_array_equal(np.asarray(parts.obs[..., 0])[1:][mask], number[1:][mask])
    # Padding pays nothing.
    assert (np.asarray(parts.reward)[~mask] == 0).all()

    inputs, start = episode_inputs(parts)
    none = 0 if continuous else -1
    action = inputs.prev_action[..., 0] if continuous else inputs.prev_action
    np.testing.assert_array_equal(action[0], np.where(begin > 0, number[0] - 1, none))
    np.testing.assert_array_equal(inputs.prev_reward[0], np.where(begin > 0, number[0] - 1, 0))
    assert np.asarray(start)[0].all()
    assert not np.asarray(start)[1:].any()


def test_every_beginning_is_drawn_alike_and_what_is_not_stored_never():
    lengths = [9, 2, 5]
    parts = draw(episodes(lengths, [True] * 3, False), 4, DRAWN)
    numbers, counts = np.unique(np.asarray(parts.obs[0, :, 0]), return_counts=True)
    assert numbers.tolist() == [*range(6), 100, 200, 201]
    expected = DRAWN / 9
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()


def test_of_given_rows_each_gives_a_random_part():
    stored = episodes([9, 2, 5], [True] * 3, False)
    ring = replay.add(replay.init(stored, CAPACITY), stored)
    rows = jnp.repeat(jnp.arange(3), 500)
    parts = replay.random_parts(ring, rows, jax.random.key(1), 4)
    row, begin = np.divmod(np.asarray(parts.obs[0, :, 0]).astype(int), 100)
    np.testing.assert_array_equal(row, rows)
    assert [sorted(set(begin[row == i])) for i in range(3)] == [[0, 1, 2, 3, 4, 5], [0], [0, 1]]
