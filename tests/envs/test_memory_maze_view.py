"""What the player of the Memory Maze sees, and what maps show."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from maze_cases import depth, drawn, layout, walls_of

from jaxmem import envs
from jaxmem.envs import memory_maze_layout as layouts
from jaxmem.envs.memory_maze_drawing import SPREAD
from jaxmem.envs.memory_maze_rays import Camera, cast
from jaxmem.envs.memory_maze_textures import FRAME, OBJECTS, packed, patterns

KEY = jax.random.key(0)
# A room with a wall across, open at its right end.
ROOM = """
.........
.........
.........
.........
########.
.........
.........
.........
.........
"""


@functools.cache
def viewer(pixels=64):
    """A jitted function of a layout: the picture, the map and the state."""
    env, params = envs.make("MemoryMaze-v0", pixels=pixels)

    def view(layout):
        obs, state = env.reset_to(layout, params)
        return obs, env.top_down(state, params), state

    return jax.jit(view)


def view(**changes):
    return [np.asarray(part) for part in viewer()(layout(**({"walls": walls_of(ROOM)} | changes)))[:2]]


def is_colour(pictures, number):
    """Which pixels have an object's hue, however bright."""
    found = pictures.astype(float) + 1e-3
    wanted = OBJECTS[number] / np.linalg.norm(OBJECTS[number])
    return (found / np.linalg.norm(found, axis=-1, keepdims=True)) @ wanted > 0.999


def test_rays_agree_with_a_walk_from_line_to_line():
    number = 12
    mazes = drawn(number, size=11)
    offset = jax.random.uniform(KEY, (number, 2), minval=-0.39, maxval=0.39)
    x, y = (mazes.position + offset).T
    slopes = jnp.linspace(-SPREAD, SPREAD, 64)

    def hits(walls, x, y, heading):
        camera = Camera(x, y, jnp.cos(heading), jnp.sin(heading))
        return cast(camera, slopes, layouts.words(walls), layouts.words(walls.T))

    found = jax.tree.map(np.asarray, jax.jit(jax.vmap(hits))(mazes.walls, x, y, mazes.heading))
    for k in range(number):
        walls = np.asarray(mazes.walls[k])
        place = (float(x[k]), float(y[k]), float(mazes.heading[k]))
        expected = [depth(walls, *place, float(slope)) for slope in slopes]
        np.testing.assert_allclose(found.depth[k], expected, atol=1e-4)
        # What is hit is a wall, or the border.
        row, column = found.row[k].astype(int) + 1, found.column[k].astype(int) + 1
        assert np.pad(walls, 1, constant_values=True)[row, column].all()


def test_rays_along_the_axes():
    words = [layouts.words(jnp.asarray(walls)) for walls in (walls_of(ROOM), walls_of(ROOM).T)]
    for cos, sin, expected in ((1, 0, 8.5), (-1, 0, 0.5), (0, 1, 3.5), (0, -1, 0.5)):
        camera = Camera(*(jnp.float32(value) for value in (0.5, 0.5, cos, sin)))
        hits = cast(camera, jnp.zeros((1,)), *words)
        np.testing.assert_allclose(hits.depth, expected, atol=1e-5)
        assert hits.upright.item() == (cos != 0)


def test_the_frame_has_the_colour_of_the_target():
    for target in range(3):
        picture, _ = view(target=target)
        sides = (picture[:2], picture[-2:], picture[:, [0, 1, -2, -1]])
        frame = np.concatenate([side.reshape(-1, 3) for side in sides])
        assert np.array_equal(np.unique(frame, axis=0), np.round(FRAME[target])[None])
        assert not np.array_equal(picture[2, 2:-2], frame[:60])


def test_an_object_ahead_is_seen_in_the_middle_and_grows_with_nearness():
    sizes = []
    for x in (0.5, 1.5, 2.5, 3.5):
        picture, _ = view(position=(x, 0.5))
        seen = is_colour(picture[2:-2, 2:-2], 0)
        rows, columns = np.nonzero(seen)
        assert abs(columns.mean() - 29.5) < 0.6
        assert rows.min() > 25
        sizes.append(seen.sum())
    assert sizes == sorted(sizes)
    assert sizes[0] > 10


def test_objects_to_the_left_are_on_the_left():
    picture, _ = view(position=(2.5, 0.5), objects=[(5, 2), (0, 5), (0, 8)])
    assert np.nonzero(is_colour(picture[2:-2, 2:-2], 0))[1].max() < 30


def test_walls_and_nearer_objects_hide_objects():
    hidden, _ = view(heading=np.pi / 2, objects=[(0, 6), (8, 0), (8, 1)], target=1)
    assert not is_colour(hidden[2:-2, 2:-2], 0).any()
    open_walls = np.zeros((9, 9), bool)
    shown, _ = view(walls=open_walls, heading=np.pi / 2, objects=[(0, 6), (8, 0), (8, 1)], target=1)
    assert is_colour(shown[2:-2, 2:-2], 0).sum() > 3
    # Of one behind another the top is seen, since the eye is higher; the one in front is whole.
    places = {"near": (2, 0), "far": (3, 0), "away": (0, 8)}
    counts = {}
    for first, second in (("near", "far"), ("far", "near"), ("near", "away"), ("away", "far")):
        objects = [places[first], places[second], (8, 8)]
        picture, _ = view(walls=open_walls, objects=objects, target=2)
        counts[first, second] = [is_colour(picture[2:-2, 2:-2], number).sum() for number in (0, 1)]
    assert counts["near", "far"][0] == counts["near", "away"][0] > 30
    assert 0 < counts["near", "far"][1] < counts["away", "far"][1]
    assert counts["far", "near"][0] < counts["far", "near"][1]


def test_areas_look_different():
    pictures = [view(areas=np.full((3, 3), kind))[0] for kind in range(8)]
    assert len({picture.tobytes() for picture in pictures}) == 8
    assert len({row.tobytes() for row in patterns()}) == 8


def test_the_map_has_walls_objects_and_the_player():
    _, seen = view(position=(6.5, 6.5), target=1)
    assert seen.shape == (12 * 11, 12 * 11, 3)

    def pixel(x, y):
        return seen[::-1][12 * (y + 1) + 6, 12 * (x + 1) + 6]

    for number, (x, y) in enumerate([(4, 0), (4, 4), (4, 8)]):
        assert np.array_equal(pixel(x, y), OBJECTS[number].astype(np.uint8))
    assert np.array_equal(pixel(0, 0), pixel(8, 4))
    assert pixel(0, 0).min() > 200
    assert pixel(6, 6).max() < 30
    assert not np.array_equal(pixel(1, 4), pixel(0, 0))
    assert not np.array_equal(pixel(-1, 0), pixel(0, 0))


def test_render_puts_view_and_map_side_by_side():
    env, params = envs.make("MemoryMaze-v0")
    picture, seen, state = viewer()(layout())
    drawn = env.render(state, params)
    assert drawn.shape == (132, 128 + 12 + 132, 3)
    assert drawn.dtype == np.uint8
    assert np.array_equal(drawn[2:130:2, :128:2], picture)
    assert np.array_equal(drawn[:, -132:], seen)


def test_other_sizes_of_pictures():
    small = np.asarray(viewer(32)(layout())[0])
    assert small.shape == (32, 32, 3)
    large = view(walls=layout().walls)[0]
    # The same scene: means of four pixels, away from frames.
    means = large.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))[2:-2, 2:-2]
    assert np.abs(means - small[2:-2, 2:-2]).mean() < 8


def test_colours_are_packed_with_red_first():
    assert packed(np.array([[1, 2, 3]])).tolist() == [1 + 2 * 256 + 3 * 65536]
