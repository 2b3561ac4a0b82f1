"""Pictures: the maze drawn, GIF and PNG written, wrong requests refused."""

import jax
import numpy as np
import pytest
from PIL import Image

from jaxmem import envs
from jaxmem.cli.main import main
from jaxmem.config import ConfigError
from jaxmem.envs import pictures

KEY = jax.random.key(0)


def frames(id="ActiveTMaze-v0", length=3):
    env, params = envs.make(id, length=length)
    return pictures.episode_frames(env, params, KEY)


def test_the_picture_shows_player_and_goals():
    env, params = envs.make("ActiveTMaze-v0", length=3)
    shown = {}
    for goal_y in (-1, 1):
        _, state = env.reset_to(envs.TMazeLayout(goal_y), params)
        picture = env.render(state, params)
        assert picture.shape == (72, 5 * 24, 3)
        assert picture.dtype == np.uint8
        shown[goal_y] = picture
        at_oracle = env.render(state.replace(x=np.int32(0)), params)
        # The cue is in the half of the oracle's cell on the goal's side.
        assert (at_oracle[25, 0] != at_oracle[46, 0]).any()
    # The two goals swap their colours, and nothing else differs.
    np.testing.assert_array_equal(shown[1], shown[-1][::-1])
    assert (shown[1] != shown[-1]).any()
    assert (shown[1][36, 36] != shown[1][36, 60]).any()


@pytest.mark.parametrize("length", [1, 50, 1500, 100_000])
def test_pictures_of_long_corridors_stay_narrow(length):
    env, params = envs.make("PassiveTMaze-v0", length=length)
    _, state = env.reset_to(envs.TMazeLayout(1), params)
    start = env.render(state, params)
    end = env.render(state.replace(x=np.int32(length), y=np.int32(1)), params)
    assert start.shape == end.shape
    assert start.shape[1] <= 960
    assert (start != end).any()


def test_an_episode_is_drawn_from_reset_to_end():
    assert len(frames()) == 3 + 2 + 1 + 1
    env, params = envs.make("PassiveTMaze-v0", length=2)
    drawn = pictures.episode_frames(env, params, KEY, lambda key, obs: 0)
    blue = [np.argwhere((frame == (48, 98, 190)).all(-1))[:, 1].mean() for frame in drawn]
    assert blue == [11.5, 35.5, 59.5, 59.5]


def test_a_scripted_policy_is_drawn(tmp_path, capsys):
    env, params = envs.make("RateTMaze-v0", length=3)
    oracle = envs.scripted_policy(env, params, "oracle")
    drawn = pictures.episode_frames(env, params, KEY, oracle)
    assert len(drawn) == 1 + 3 + 1
    # Blue stands where green was: in the right goal cell.
    blue, green = (
        (frame == colour).all(-1) for frame, colour in ((drawn[-1], (48, 98, 190)), (drawn[0], (98, 176, 104)))
    )
    assert (blue <= green).all()
    random = envs.scripted_policy(env, params, "random")
    for one, other in zip(
        pictures.episode_frames(env, params, KEY), pictures.episode_frames(env, params, KEY, random), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    path = tmp_path / "maze.png"
    assert main(["render", "RateTMaze-v0", "--length", "3", "--policy", "oracle", "--out", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    with Image.open(path) as image:
        assert image.size == (4 * 24, 5 * 72 + 4 * 4)


def test_files(tmp_path):
    drawn = frames()
    gif = pictures.save_episode(drawn, tmp_path / "new" / "episode.gif", fps=4)
    with Image.open(gif) as image:
        assert getattr(image, "n_frames", 1) > 1
        assert image.info["duration"] % 250 == 0
    png = pictures.save_episode(drawn, str(tmp_path / "episode.png"))
    with Image.open(png) as image:
        assert image.size == (120, len(drawn) * 72 + (len(drawn) - 1) * 4)


def test_a_film_strip_has_at_most_eight_frames():
    drawn = frames(length=30)
    strip = pictures.film_strip(drawn)
    assert strip.shape[0] == 8 * 72 + 7 * 4
    np.testing.assert_array_equal(strip[:72], drawn[0])
    np.testing.assert_array_equal(strip[-72:], drawn[-1])


def test_wrong_requests_are_told_in_one_line(tmp_path):
    drawn = [np.zeros((4, 4, 3), np.uint8)]
    with pytest.raises(ConfigError, match=r"a\.jpg': allowed is a name ending in \.gif or \.png$"):
        pictures.save_episode(drawn, tmp_path / "a.jpg")
    with pytest.raises(ConfigError, match=r"allowed is a name ending in \.gif$"):
        pictures.save_animation(drawn, tmp_path / "a.png")
    with pytest.raises(ConfigError, match=r"allowed is a name ending in \.png$"):
        pictures.save_picture(drawn[0], tmp_path / "a.gif")
    with pytest.raises(ConfigError, match="fps is 0: allowed is a number > 0"):
        pictures.save_animation(drawn, tmp_path / "a.gif", fps=0)
    for name in ("a.gif", "a.png"):
        with pytest.raises(ConfigError, match="frames is empty: allowed is at least one picture"):
            pictures.save_episode([], tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_environment_without_picture_is_refused():
    env, params = envs.make("CartPole-v1")
    with pytest.raises(ConfigError, match="'CartPole-v1' has no picture"):
        pictures.episode_frames(env, params, KEY)
