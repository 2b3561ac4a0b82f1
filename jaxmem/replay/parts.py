"""Parts of stored episodes: so many steps from somewhere inside.

What an update learns on where whole episodes are too long for it, and need not be: the sampling of Ni et al. 2023
(arXiv:2307.03864, branch pybullet_jax), but for the first step of a part inside an episode. Theirs hides the action
before it, as at an episode's beginning; here memory sees it, as it does while acting.
"""

import jax
import jax.numpy as jnp

from jaxmem.replay.episodes import Before, Episodes, no_action
from jaxmem.replay.ring import Replay


def part_ends(replay: Replay, steps: int) -> jax.Array:
    """How many parts of `steps` steps the stored episodes have, added up row by row: int32 [capacity].

    An episode has one for each step that is followed by enough others; a shorter one has one, all of itself.
    """
    stored = jnp.arange(replay.capacity) < replay.size
    parts = jnp.maximum(replay.data.length - steps + 1, 1)
    return jnp.cumsum(jnp.where(stored, parts, 0))


def sample_parts(replay: Replay, ends: jax.Array, key: jax.Array, batch_size: int, steps: int) -> Episodes:
    """Draw `batch_size` parts of `steps` steps with replacement, all alike: long episodes give more of them.

    Args:
        replay: holds at least one episode.
        ends: what `part_ends` gave for it.
        key: randomness.
        batch_size: B.
        steps: at most the stored episodes' T.

    Returns:
        Parts [steps, B], padded where an episode is shorter.
    """
    drawn = jax.random.randint(key, (batch_size,), 0, ends[-1])
    rows = jnp.searchsorted(ends, drawn, side="right")
    return _take_parts(replay, rows, drawn - jnp.where(rows > 0, ends[rows - 1], 0), steps)


def random_parts(replay: Replay, rows: jax.Array, key: jax.Array, steps: int) -> Episodes:
    """Of the episodes in `rows`, int32 [B], a part each, from a random step on; see `sample_parts`."""
    parts = jnp.maximum(replay.data.length[rows] - steps + 1, 1)
    return _take_parts(replay, rows, jax.random.randint(key, rows.shape, 0, parts), steps)


def _take_parts(replay: Replay, rows: jax.Array, begin: jax.Array, steps: int) -> Episodes:
    data, later = replay.data, begin > 0
    times = begin + jnp.arange(steps + 1)[:, None]

    def cut(stored: jax.Array, times: jax.Array = times[:-1]) -> jax.Array:
        return stored[rows, times]

    def before(stored: jax.Array, none: jax.Array) -> jax.Array:
        last = stored[rows, jnp.maximum(begin - 1, 0)]
        return jnp.where(later.reshape(-1, *(1,) * (last.ndim - 1)), last, none)

    return Episodes(
        obs=cut(data.obs, times),
        action=cut(data.action),
        log_prob=cut(data.log_prob),
        deviated=cut(data.deviated),
        reward=cut(data.reward),
        length=jnp.minimum(data.length[rows] - begin, steps),
        terminated=data.terminated[rows] & (begin + steps >= data.length[rows]),
        before=Before(before(data.action, no_action((), data.action.dtype)), before(data.reward, jnp.zeros(()))),
    )
