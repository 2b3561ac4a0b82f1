"""Batches with a share of episodes that did well."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import small_config

from jaxmem import agents, replay
from jaxmem.config import ConfigError
from jaxmem.replay import BalanceOptions, Episodes, Replay

STEPS, CAPACITY, DRAWS = 3, 40, 4000


def holding(returns: list[float]) -> Replay:
    """A ring that is not full, of episodes with these returns, whose action is their number."""
    count = len(returns)
    reward = jnp.zeros((STEPS, count)).at[1].set(jnp.asarray(returns))
    episodes = Episodes(
        obs=jnp.zeros((STEPS + 1, count, 1)),
        action=jnp.broadcast_to(jnp.arange(count), (STEPS, count)),
        log_prob=jnp.zeros((STEPS, count)),
        deviated=jnp.zeros((STEPS, count), bool),
        reward=reward,
        length=jnp.full((count,), STEPS, jnp.int32),
        terminated=jnp.ones((count,), bool),
    )
    return replay.add(replay.init(episodes, CAPACITY), episodes)


def drawn(state: Replay, **options: float) -> np.ndarray:
    """Numbers of the episodes of one large batch."""
    favoured = replay.favoured(state, BalanceOptions(**options))
    return np.asarray(replay.sample_balanced(state, favoured, jax.random.key(0), DRAWS).action[0])


def test_the_share_is_drawn_alike_from_what_did_well_and_the_rest_alike_from_all():
    returns = [0.0] * 18 + [1.0, 2.0]
    numbers = drawn(holding(returns), share=0.5)
    counts = np.bincount(numbers, minlength=20) / DRAWS
    # Half of the draws are split among two, the other half among twenty: within five standard deviations.
    expected = np.full(20, 0.5 / 20) + 0.25 * (np.asarray(returns) > 0)
    np.testing.assert_allclose(counts, expected, atol=5 * np.sqrt(0.25 / DRAWS))
    # Not in expectation alone: every batch has its share.
    assert (numbers[: DRAWS // 2] >= 18).all()
    assert (numbers[DRAWS // 2 :] < 18).any()


@pytest.mark.parametrize(
    ("returns", "options", "best"),
    [
        # The upper tenth of all, the bound itself excluded.
        (list(range(-30, 0)), {"quantile": 0.9}, {27, 28, 29}),
        (list(range(30)), {"quantile": 0.0}, set(range(1, 30))),
        # Successes are the common case: those that did best of all are left.
        ([0.0, 1.0, 1.0, 1.0, 2.0], {"quantile": 0.5}, {4}),
        ([0.0, 1.0, 1.0, 1.0, 2.0], {"above": 0.5}, {1, 2, 3, 4}),
        # Rows of the ring that hold nothing have a return of 0, and are no episodes.
        ([-3.0, -2.0, -1.0], {"above": -1.5}, {2}),
    ],
)
def test_the_bound_decides_what_did_well(returns, options, best):
    assert set(drawn(holding(returns), share=1.0, **options)) == best


@pytest.mark.parametrize("options", [{"quantile": 0.5}, {"above": 1.0}])
def test_where_nothing_did_better_all_are_drawn_alike(options):
    counts = np.bincount(drawn(holding([1.0] * 10), share=1.0, **options), minlength=10) / DRAWS
    np.testing.assert_allclose(counts, 0.1, atol=5 * np.sqrt(0.09 / DRAWS))


def test_a_small_share_is_one_episode_at_least():
    state = holding([0.0] * 30 + [1.0])
    favoured = replay.favoured(state, BalanceOptions(share=0.01))
    keys = jax.random.split(jax.random.key(1), 50)
    batches = jax.vmap(lambda key: replay.sample_balanced(state, favoured, key, 4).action[0])(keys)
    assert (batches[:, 0] == 30).all()
    assert (batches[:, 1:] != 30).any()


def test_agents_without_a_replay_refuse_it():
    config = small_config(agent=agents.options("vtrace"))
    with pytest.raises(ConfigError, match=r"^balance.share is 0.5: vtrace has no replay, allowed is 0$"):
        replace(config, balance=BalanceOptions(share=0.5))
