"""Cells that are taken away: the right ones, and what a network that reads them does then."""

import jax.numpy as jnp
import numpy as np
import pytest
from looking_cases import Gaze, Reader, before_background, frames, planted
from scipy import ndimage, special

from jaxmem.analysis.looking.causal import chosen_cells, effects, of_other_frames, whole_cells
from jaxmem.analysis.looking.watch import Moments
from jaxmem.cores.looking import Placement

SIZE, COUNT = 6, 10


def test_the_most_and_the_least_attended_cells_are_chosen():
    maps = np.random.default_rng(0).random((5, 4, 5))
    cells = chosen_cells(maps, np.random.default_rng(1), share=0.14)
    assert all((taken.sum((1, 2)) == 3).all() for taken in cells.values())
    for index, one in enumerate(maps):
        order = np.sort(one, axis=None)
        np.testing.assert_array_equal(cells["most"][index], one >= order[-3])
        np.testing.assert_array_equal(cells["least"][index], one <= order[2])


def test_lots_are_drawn_among_equals():
    cells = chosen_cells(np.ones((4000, 2, 5)), np.random.default_rng(0))
    for taken in cells.values():
        np.testing.assert_allclose(taken.mean(axis=0), 0.1, rtol=0, atol=0.02)


def test_cells_that_take_part_are_of_equal_size():
    # Strided convolutions: borders have 5 or 7 pixels in place of 8.
    whole = whole_cells((11, 11), 84, 84, Placement(8, 0.5))
    assert whole[1:-1, 1:-1].all()
    assert whole.sum() == 81
    # Patches, filled up below.
    np.testing.assert_array_equal(whole_cells((4, 5), 10, 15, Placement(3, 1)), np.arange(20).reshape(4, 5) < 15)
    assert whole_cells((10, 10), 10, 10, Placement()).all()
    # Nine cells are enough to choose from, eight are not.
    assert whole_cells((5, 5), 36, 36, Placement(8, 0.5)).sum() == 9
    assert whole_cells((4, 6), 28, 44, Placement(8, 0.5)).all()


def test_cells_are_chosen_among_those_that_take_part():
    among = np.zeros((4, 6), bool)
    among[1:3, 1:5] = True
    maps = np.random.default_rng(0).random((300, 4, 6))
    maps[:, ~among] += np.where(np.arange(300) % 2, 1, -1)[:, None]
    cells = chosen_cells(maps, np.random.default_rng(1), 0.2, among)
    for taken in cells.values():
        assert (taken.sum((1, 2)) == 2).all()
        assert not taken[:, ~among].any()
    for index, one in enumerate(maps):
        order = np.sort(one[among])
        np.testing.assert_array_equal(cells["most"][index], among & (one >= order[-2]))
        np.testing.assert_array_equal(cells["least"][index], among & (one <= order[1]))
    np.testing.assert_allclose(cells["random"].mean(axis=0)[among], 1 / 4, rtol=0, atol=0.1)


def test_other_frames_are_of_other_episodes_where_there_are_any():
    cells, rng = np.arange(6)[:, None, None] * np.ones((1, 2, 2), int), np.random.default_rng(0)

    def drawn(episode: list[int]) -> list[set[int]]:
        lots = [of_other_frames(cells[: len(episode)], np.array(episode), rng) for _ in range(200)]
        assert all((one == one[:, :1, :1]).all() for one in lots)
        return [set(of_frame) for of_frame in np.stack(lots)[..., 0, 0].T.tolist()]

    assert drawn([3, 3, 5, 5, 5, 8]) == [{2, 3, 4, 5}] * 2 + [{0, 1, 5}] * 3 + [{0, 1, 2, 3, 4}]
    assert drawn([3, 3, 3]) == [{1, 2}, {0, 2}, {0, 1}]
    assert drawn([0, 1]) == [{1}, {0}]


@pytest.fixture(scope="module")
def effects_of_a_reader():
    """A network that reads the cell (2, 3), and attention that is on it; other cells are no matter."""
    net = planted(Gaze(2 * SIZE * SIZE + 1, 9, grid=(SIZE, SIZE, 2)), Reader((2 * 15,), 3), Reader((2 * 15 + 1,), 1))
    inputs = frames((COUNT, SIZE, SIZE, 2), jnp.float32)
    moments = Moments(net.initial_state(COUNT), inputs, jnp.zeros((COUNT,), bool))
    maps = np.random.default_rng(0).random((COUNT, SIZE, SIZE))
    maps[:, 2, 3] = 2
    # The last frame's attention is elsewhere.
    maps[-1, 2, 3] = 0.5
    cells = chosen_cells(maps, np.random.default_rng(1))
    done = []
    return inputs, cells, effects(net, {}, moments, cells, 1.0, done.append), done


def test_what_is_read_matters(effects_of_a_reader):
    _, cells, found, done = effects_of_a_reader
    assert done == [8, 10]
    assert set(found) == {(fill, choice) for fill in ("blur", "zero") for choice in cells}
    for fill in ("blur", "zero"):
        read = np.arange(COUNT) < COUNT - 1
        np.testing.assert_array_equal(found[fill, "most"].divergence > 0, read)
        np.testing.assert_array_equal(found[fill, "most"].value > 0, read)
        np.testing.assert_array_equal(found[fill, "least"].divergence, 0)
        hit = cells["random"][:, 2, 3]
        np.testing.assert_array_equal(found[fill, "random"].value > 0, hit)


def test_divergence_and_difference_are_those_of_the_definition(effects_of_a_reader):
    inputs, _, found, _ = effects_of_a_reader
    frame = np.asarray(inputs.obs, np.float64)

    def said(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits = np.stack([(k + 1) * pixels[:, 0] + pixels[:, 0] ** 2 for k in range(3)], axis=-1)
        return special.softmax(logits, axis=-1), pixels[:, 1] + pixels[:, 1] ** 2

    smooth = ndimage.gaussian_filter(frame, (0, 1, 1, 0))
    policy, value = said(frame[:, 2, 3])
    for fill, other in (("blur", smooth[:, 2, 3]), ("zero", np.zeros((COUNT, 2)))):
        changed, worth = said(other)
        divergence = np.sum(special.rel_entr(policy, changed), axis=-1)
        np.testing.assert_allclose(found[fill, "most"].divergence[:-1], divergence[:-1], rtol=1e-3)
        np.testing.assert_allclose(found[fill, "most"].value[:-1], np.abs(value - worth)[:-1], rtol=1e-4, atol=1e-6)


def test_with_a_background_cells_are_taken_from_what_is_before_it(effects_of_a_reader):
    inputs, cells, _, _ = effects_of_a_reader
    background = frames((1, SIZE, SIZE, 2), jnp.float32, 5).obs[0]
    # The first frame shows nothing else.
    seen = inputs._replace(obs=inputs.obs.at[0].set(background))
    plain = planted(Gaze(2 * SIZE * SIZE + 1, 9, grid=(SIZE, SIZE, 2)), Reader((2 * 15,), 3), Reader((2 * 15 + 1,), 1))
    net, params = before_background(plain, background)
    memory, start = jnp.zeros((COUNT, 1)), jnp.zeros((COUNT,), bool)
    found = effects(net, params, Moments(memory, seen, start), cells, 1.0)
    rest = seen._replace(obs=seen.obs - background)
    expected = effects(plain, {}, Moments(memory, rest, start), cells, 1.0)
    for name, effect in found.items():
        for measure, same in zip(effect, expected[name], strict=True):
            np.testing.assert_array_equal(measure[0], 0)
            np.testing.assert_allclose(measure, same, rtol=1e-3, atol=1e-5)
    assert found["zero", "most"].value[1:-1].min() > 1e-3
