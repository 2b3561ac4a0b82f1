"""Pictures of frames and of maps over them, against a computation pixel by pixel."""

from typing import Any

import numpy as np
from PIL import Image

from jaxmem.analysis.looking.overlay import colours, enlarged, grey, overlay, picture
from jaxmem.analysis.looking.strips import Layer, animation, attention_layers, highest, saliency_layers, strip
from jaxmem.envs.pictures import save_animation


def test_overlay_is_that_of_the_direct_computation():
    rng = np.random.default_rng(0)
    frame, maps = rng.random((5, 4)), rng.random((2, 5, 4))
    shades, tops = rng.random((2, 3)), np.array([0.5, 2.0])
    found = overlay(frame, maps, shades, tops)
    for y, x in np.ndindex(5, 4):
        for channel in range(3):
            light = 0.6 * frame[y, x]
            for n in range(2):
                light += 0.75 * min(maps[n, y, x] / tops[n], 1.0) * shades[n, channel]
            np.testing.assert_allclose(found[y, x, channel], min(light, 1.0), rtol=1e-5)
    # Where a map is nothing everywhere, the frame is left.
    np.testing.assert_allclose(
        overlay(frame, np.zeros((1, 5, 4)), shades[:1], np.zeros(1)), 0.6 * frame[..., None] + 0 * found
    )


def test_pictures_show_what_observations_mean():
    stack = np.zeros((2, 3, 4), np.uint8)
    stack[0, 1] = 10, 20, 30, 255
    assert picture(stack)[0, 1].tolist() == [1, 1, 1]
    colour = np.zeros((2, 3, 3), np.uint8)
    colour[1, 2] = 255, 0, 51
    np.testing.assert_allclose(picture(colour)[1, 2], [1, 0, 0.2])
    objects = np.zeros((2, 3, 4), np.float32)
    objects[0, 0, 2] = objects[1, 1, 1] = objects[1, 1, 3] = 1
    drawn = picture(objects)
    np.testing.assert_array_equal(drawn[0, 0], colours(4)[2])
    np.testing.assert_array_equal(drawn[1, 1], colours(4)[1])
    assert not drawn[0, 1].any()
    np.testing.assert_allclose(grey(np.array([[[1.0, 1, 1], [0, 1, 0]]])), [[1, 0.587]])
    assert len({tuple(colour) for colour in colours(8)}) == 8


def test_small_frames_are_enlarged_without_smoothing():
    small = np.random.default_rng(0).random((2, 3, 3))
    large = enlarged(small, 4)
    assert large.shape == (8, 12, 3)
    assert large.dtype == np.uint8
    np.testing.assert_array_equal(large[5, 9], np.round(255 * small[1, 2]))


def test_each_frame_has_its_scale_but_the_faintest():
    maps = np.array([[[0.0, 2]], [[0, 4]], [[0, 1e-9]]])
    assert Layer("a", maps, (1, 1, 1)).tops.tolist() == [2, 4, 0.004]


def test_strips_have_a_row_a_layer_and_a_column_a_frame(tmp_path):
    rng = np.random.default_rng(0)
    obs, maps = np.zeros((3, 10, 10, 4), np.float32), np.zeros((3, 2, 10, 10))
    # The first map is in one corner, the second in another.
    maps[:, 0, 0, 0] = maps[:, 1, 9, 9] = 1
    layers = attention_layers(maps, ["query 1", "query 2"])
    assert [layer.name for layer in layers] == ["query 1", "query 2", "mean of all"]
    assert len(attention_layers(maps[:, :1], ["one"])) == 1
    salient = saliency_layers(rng.random((3, 10, 10)), np.zeros((3, 10, 10)))
    sheet = strip(obs, [*layers, *salient], ["step 0", "step 1", "step 2"])
    across, down = 154, 154
    left, top = sheet.shape[1] - 3 * across, sheet.shape[0] - 6 * down
    assert left > 40
    assert top > 10

    def place(row: int, column: int, y: int, x: int) -> list[int]:
        """The middle of a frame's pixel."""
        return sheet[top + row * down + 15 * y + 7, left + column * across + 15 * x + 7].tolist()

    shades = np.round(255 * 0.75 * colours(2)).astype(int).tolist()
    for column in range(3):
        assert place(0, column, 0, 0) == [0, 0, 0]
        assert place(1, column, 0, 0) == shades[0]
        assert place(1, column, 9, 9) == [0, 0, 0]
        assert place(2, column, 9, 9) == shades[1]
        assert place(2, column, 0, 0) == [0, 0, 0]
        assert place(3, column, 9, 9) == place(3, column, 0, 0) == [191, 191, 191]
        assert place(5, column, 4, 4) == [0, 0, 0]
    frames = animation(obs, layers)
    assert len(frames) == 3
    # Few levels; within them as in the strip.
    assert set(np.unique(frames[0])) <= set(range(0, 256, 17))
    assert (
        np.abs(frames[0][20:174, -154:].astype(int) - sheet[top + 3 * down : top + 4 * down, left : left + 154]).max()
        <= 8
    )
    assert all(frame.shape == frames[0].shape for frame in frames)
    # Frames that are equal would be joined.
    frames = [np.roll(frame, 5 * index, axis=1) for index, frame in enumerate(frames)]
    film: Any = Image.open(save_animation(frames, tmp_path / "look.gif"))
    assert film.n_frames == 3


def test_of_many_maps_the_highest_are_kept_with_the_mean():
    names = [f"map {number}" for number in range(6)]
    # Peaks of two frames: what is highest on average, not in one frame, counts.
    peaks = np.array([[3, 3], [9, 0], [1, 1], [5, 6], [0, 8], [7, 7]])
    maps = np.zeros((2, 6, 4, 5))
    maps[:, :, 1, 2] = peaks.T
    maps[:, 2] += 0.5
    layers = attention_layers(maps, names)
    assert [layer.name for layer in highest(layers)] == ["map 1", "map 3", "map 4", "map 5", "mean of all"]
    assert [layer.name for layer in highest(layers, 1)] == ["map 5", "mean of all"]
    for few in (attention_layers(maps[:, :1], names[:1]), attention_layers(maps[:, :4], names[:4])):
        assert highest(few) == few
