"""Objects of MinAtar's games are where their states say, and attention on them is told from attention elsewhere."""

import gymnax
import jax
import numpy as np
import pytest

from jaxmem import envs
from jaxmem.analysis.looking.objects import CHANNELS, attention_on, object_masks
from jaxmem.envs.minatar_options import sticky_games


@pytest.mark.parametrize("env_id", CHANNELS)
def test_every_channel_has_a_name(env_id):
    env, params = gymnax.make(env_id)
    obs, _ = env.reset(jax.random.key(0), params)
    masks = object_masks(env_id, np.asarray(obs)[None])
    assert len(masks) == obs.shape[-1]
    assert all(mask.shape == (1, 10, 10) and mask.dtype == bool for mask in masks.values())


@pytest.mark.parametrize("env_id", sticky_games())
def test_objects_of_sticky_games_are_those_of_the_games(env_id):
    env, params = envs.make(env_id)
    obs, _ = env.reset(jax.random.key(0), params)
    masks = object_masks(env_id, np.asarray(obs))
    assert tuple(masks) == CHANNELS[env_id.removeprefix("Sticky")]
    for channel, mask in enumerate(masks.values()):
        np.testing.assert_array_equal(mask, obs[..., channel] > 0)


def test_objects_are_where_the_states_say():
    env, params = gymnax.make("Breakout-MinAtar")
    step = jax.jit(env.step_env)
    obs, state = env.reset(jax.random.key(0), params)
    for index in range(6):
        obs, state, *_ = step(jax.random.key(index), state, index % 3, params)
        masks = object_masks("Breakout-MinAtar", np.asarray(obs))
        assert np.argwhere(masks["ball"]).tolist() == [[state.ball_y, state.ball_x]]
        assert np.argwhere(masks["paddle"]).tolist() == [[9, state.pos]]
        assert np.argwhere(masks["trail"]).tolist() == [[state.last_y, state.last_x]]
        np.testing.assert_array_equal(masks["brick"], state.brick_map.astype(bool))
    env, params = gymnax.make("SpaceInvaders-MinAtar")
    obs, state = env.reset(jax.random.key(0), params)
    masks = object_masks("SpaceInvaders-MinAtar", np.asarray(obs))
    going = "left" if state.alien_dir < 0 else "right"
    np.testing.assert_array_equal(masks[f"alien going {going}"], state.alien_map.astype(bool))
    env, params = gymnax.make("Asterix-MinAtar")
    obs, state = env.reset(jax.random.key(0), params)
    player = object_masks("Asterix-MinAtar", np.asarray(obs))["player"]
    assert np.argwhere(player).tolist() == [[state.player_y, state.player_x]]


def test_other_observations_name_nothing():
    assert object_masks("CartPole-v1", np.zeros((2, 10, 10, 4))) == {}
    # A game of this name whose observations were changed.
    assert object_masks("Breakout-MinAtar", np.zeros((2, 10, 10, 8))) == {}


def moving_ball(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A ball somewhere in each frame, a wall in the same cells of all: bool [T, 10, 10]."""
    rng = np.random.default_rng(0)
    ball = np.zeros((count, 10, 10), bool)
    ball[np.arange(count), rng.integers(0, 10, count), rng.integers(0, 10, count)] = True
    wall = np.zeros_like(ball)
    wall[:, 1:4] = True
    return ball, wall


def test_attention_that_follows_an_object_is_above_the_null():
    ball, wall = moving_ball()
    episode = np.repeat(np.arange(6), 10)
    hidden = ball.copy()
    hidden[10:] = False
    # Half on the ball, half on the wall.
    maps = 0.5 * ball + 0.5 * wall / 30
    found = attention_on(maps, {"ball": ball, "wall": wall, "hidden": hidden, "never": hidden & ~hidden}, episode)
    assert list(found) == ["ball", "wall", "hidden"]
    on_ball, on_wall = found["ball"], found["wall"]
    assert on_ball.area == 0.01
    assert on_wall.area == 0.3
    assert on_ball.mass.value > 0.5
    assert on_ball.mass.ratio > 5
    assert on_ball.mass.ratio_interval.low > 3
    assert on_ball.mass.p < 0.01
    # Much attention on what is always there is no sign of following it.
    assert on_wall.mass.value > 0.5
    assert on_wall.mass.ratio == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(on_wall.mass.ratio_interval, 1, rtol=0, atol=0.01)
    # Where it is not, nothing can be on it.
    assert found["hidden"].mass.frames == 10


def test_attention_that_does_not_follow_it_is_not():
    ball, _ = moving_ball()
    maps = np.random.default_rng(1).random(ball.shape)
    maps /= maps.sum((1, 2), keepdims=True)
    found = attention_on(maps, {"ball": ball}, np.repeat(np.arange(6), 10))["ball"].mass
    assert found.ratio_interval.low < 1 < found.ratio_interval.high
    assert found.p > 0.05
