"""Card tasks: episodes played by hand, to the last number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probe_play import play

from jaxmem import envs

KEY = jax.random.key(0)


def pile(decks=1):
    suits = np.arange(52 * decks) % 4
    np.random.default_rng(3).shuffle(suits)
    return suits


def test_repeat_first_pays_every_right_answer():
    env, params = envs.make("RepeatFirst-v0")
    suits = pile()
    obs, rewards, info = play(env, params, envs.CardsLayout(suits), [int(suits[0])] * 51)
    assert np.array_equal(obs, np.column_stack([[1] + [0] * 51, np.eye(4)[suits]]))
    assert rewards == [np.float32(1 / 51)] * 51
    assert info["success"] == 1
    _, rewards, info = play(env, params, envs.CardsLayout(suits), [int(suits[0] + 1) % 4] * 51)
    assert rewards == [np.float32(-1 / 51)] * 51
    assert info["success"] == 0


def test_repeat_first_succeeds_without_a_mistake_only():
    env, params = envs.make("RepeatFirst-v0", decks=2)
    suits = pile(2)
    answers = [int(suits[0])] * 103
    answers[40] = (answers[40] + 2) % 4
    _, rewards, info = play(env, params, envs.CardsLayout(suits), answers)
    assert sum(rewards) == pytest.approx(1 - 2 / 103)
    assert info["success"] == 0


def test_autoencode_is_played_backwards():
    env, params = envs.make("Autoencode-v0")
    suits = pile()
    backwards = [int(suit) for suit in suits[::-1]]
    obs, rewards, info = play(env, params, envs.CardsLayout(suits), [0] * 51 + backwards)
    shown = np.vstack([np.eye(4)[suits], np.zeros((52, 4))])
    assert np.array_equal(obs, np.column_stack([[0] * 51 + [1] * 53, shown]))
    assert rewards == [0] * 51 + [np.float32(1 / 52)] * 52
    assert info["success"] == 1
    wrong = [(suit + 1) % 4 for suit in backwards]
    _, rewards, info = play(env, params, envs.CardsLayout(suits), [1] * 51 + wrong)
    assert rewards == [0] * 51 + [np.float32(-1 / 52)] * 52
    assert info["success"] == 0
    _, rewards, info = play(env, params, envs.CardsLayout(suits), backwards[1:] + backwards[:-1] + wrong[-1:])
    assert sum(rewards) == pytest.approx(1 - 2 / 52)
    assert info["success"] == 0


# Memory Cards


def shown(obs):
    """Index and value of the card that is face up."""
    card, kind = np.argwhere(obs[:, 2:])[0]
    return int(card), int(kind)


def test_memory_cards_without_a_mistake():
    env, params = envs.make("MemoryCards-v0")
    values = [3, 0, 4, 1, 0, 2, 3, 4, 2, 1]

    def partner(obs):
        card, value = shown(obs)
        assert value == values[card]
        return next(i for i in range(10) if i != card and values[i] == value)

    for seed in range(5):
        obs, rewards, info = play(env, params, envs.MemoryCardsLayout(values, seed), partner)
        assert rewards == [0] * 5
        assert info["success"] == 1
        assert all((o.sum(axis=1) == 1).all() for o in obs)
        assert [int(o[:, 1].sum()) for o in obs] == [0, 2, 4, 6, 8, 10]
        assert [int(o[:, 2:].sum()) for o in obs] == [1] * 5 + [0]


def test_memory_cards_punishes_the_card_itself_others_and_removed_ones():
    env, params = envs.make("MemoryCards-v0", pairs=2, limit=6)
    values, others = [0, 1, 1, 0], [3, 2, 1, 0]
    layout = envs.MemoryCardsLayout(values, 11)
    obs, rewards, info = play(env, params, layout, lambda obs: shown(obs)[0])
    assert rewards == [-1] * 6
    assert info["success"] == 0
    for o in obs:
        expected = np.tile([1, 0, 0, 0], (4, 1))
        card, _ = shown(o)
        expected[card] = np.eye(4)[2 + values[card]]
        assert np.array_equal(o, expected)

    def then_removed(obs):
        gone = np.flatnonzero(obs[:, 1])
        return int(gone[0]) if gone.size else others[shown(obs)[0]]

    obs, rewards, info = play(env, params, layout, then_removed)
    assert rewards == [0] + [-1] * 5
    assert info["success"] == 0
    assert {shown(o)[1] for o in obs[1:]} == {1 - shown(obs[0])[1]}


def test_memory_cards_that_are_left_are_equally_likely():
    env, params = envs.make("MemoryCards-v0", pairs=3)
    values = jnp.array([0, 1, 2, 2, 1, 0])

    def second(seed):
        _, state = env.reset_to(envs.MemoryCardsLayout(values, seed), params)
        first = state.shown
        _, state, *_ = env.step_env(KEY, state, 5 - first, params)
        return first, state.shown

    first, then = map(np.asarray, jax.jit(jax.vmap(second))(jnp.arange(6000, dtype=jnp.uint32)))
    # Five standard deviations of a count.
    assert abs(np.bincount(first, minlength=6) - 1000).max() < 5 * 30
    after = np.bincount(then[first == 0], minlength=6)
    assert after[0] == after[5] == 0
    assert abs(after[1:5] - after.sum() / 4).max() < 5 * 14
