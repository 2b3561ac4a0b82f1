"""The ring of whole episodes and the batch type."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import replay
from jaxmem.replay import Episodes

STEPS = 4


def batch(first: int, count: int) -> Episodes:
    """Episodes number `first`, `first + 1`, ..., whose every entry is their number."""
    number = jnp.arange(first, first + count)
    return Episodes(
        obs=jnp.broadcast_to(number[None, :, None], (STEPS + 1, count, 2)).astype(jnp.uint8),
        action=jnp.broadcast_to(number, (STEPS, count)).astype(jnp.int32),
        log_prob=jnp.zeros((STEPS, count)),
        deviated=jnp.zeros((STEPS, count), bool),
        reward=jnp.broadcast_to(number, (STEPS, count)).astype(jnp.float32),
        length=jnp.full((count,), STEPS, jnp.int32),
        terminated=number % 2 == 0,
    )


def stored(state: replay.Replay) -> list[int]:
    return [int(row[0]) for row in state.data.action[: int(state.size)]]


def test_the_oldest_episodes_are_overwritten():
    state = replay.init(batch(0, 1), 5)
    add = jax.jit(replay.add)
    for first in range(0, 8, 2):
        state = add(state, batch(first, 2))
    assert int(state.size) == 5
    assert sorted(stored(state)) == [3, 4, 5, 6, 7]


def test_samples_come_from_what_is_stored_and_stay_whole():
    state = replay.add(replay.init(batch(0, 1), 50), batch(1, 3))
    sample = replay.sample(state, jax.random.key(0), 200)
    numbers = np.asarray(sample.action[0])
    assert set(numbers) == {1, 2, 3}
    np.testing.assert_array_equal(sample.obs, np.broadcast_to(numbers[None, :, None], (STEPS + 1, 200, 2)))
    np.testing.assert_array_equal(sample.terminated, numbers % 2 == 0)
    assert sample.obs.dtype == jnp.uint8
    counts = np.bincount(numbers)[1:]
    assert counts.min() > 40


def test_bytes_are_those_of_the_arrays():
    state = replay.init(batch(0, 1), 10)
    assert replay.nbytes(state) == 10 * ((STEPS + 1) * 2 + STEPS * (3 * 4 + 1) + 4 + 1) + 2 * 4


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="replay capacity is 0"):
        replay.init(batch(0, 1), 0)
    with pytest.raises(ValueError, match="does not fit"):
        replay.add(replay.init(batch(0, 1), 2), batch(0, 3))


def test_masks_and_discounts_follow_length_and_end():
    episodes = Episodes(
        obs=jnp.zeros((5, 3, 1)),
        action=jnp.zeros((4, 3), jnp.int32),
        log_prob=jnp.zeros((4, 3)),
        deviated=jnp.zeros((4, 3), bool),
        reward=jnp.zeros((4, 3)),
        length=jnp.array([4, 2, 2]),
        terminated=jnp.array([True, True, False]),
    )
    np.testing.assert_array_equal(episodes.mask.T, [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]])
    np.testing.assert_array_equal(episodes.continues.T, [[1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]])
    discounts = episodes.discounts(0.5).T
    # Terminated: nothing after the last step. Cut by a time limit: its value goes on.
    np.testing.assert_array_equal(discounts, [[0.5, 0.5, 0.5, 0], [0.5, 0, 0, 0], [0.5, 0.5, 0, 0]])
