"""Maps are drawn where their cells look: against what moves a cell, or has its gradient."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import cores
from jaxmem.analysis.looking.maps import nearest, resized, upsampled
from jaxmem.cores.looking import MAPS, Placement
from jaxmem.networks.eye import Eye


def middle(mass: np.ndarray) -> tuple[float, float]:
    """Centre of mass of [H, W], in pixels."""
    down, across = np.indices(mass.shape)
    return float(np.sum(down * mass) / mass.sum()), float(np.sum(across * mass) / mass.sum())


def drawn(cell: tuple[int, int], grid: tuple[int, int], size: tuple[int, int], placement: Placement) -> tuple:
    """Centre of mass of a map that has all its weight on one cell."""
    hot = np.zeros(grid, np.float32)
    hot[cell] = 1
    return middle(upsampled(hot, *size, placement))


def bright_lines(size: tuple[int, int], through: tuple[int, int]) -> list[np.ndarray]:
    """Pictures with one bright pixel each, on the column and on the row through a pixel: float32 [., H, W] twice."""
    lines = np.zeros((size[0], *size), np.float32), np.zeros((size[1], *size), np.float32)
    down, across = np.arange(size[0]), np.arange(size[1])
    lines[0][down, down, through[1]] = lines[1][across, through[0], across] = 1
    return list(lines)


@pytest.mark.parametrize(
    ("eye", "size", "cell", "through"),
    [
        (Eye("strided", (), 0, True), (84, 84), (4, 6), (33, 48)),
        (Eye("strided", (), 0, True), (84, 100), (8, 2), (65, 16)),
        (Eye("resnet", (2, 2, 2), 0, True), (84, 84), (5, 6), (40, 48)),
        (Eye("resnet", (2, 2), 0, True), (42, 61), (5, 7), (20, 28)),
        (Eye("cnn", (3, 3), 3, True), (10, 10), (3, 6), (3, 6)),
        (Eye("pixels", (), 0, True), (10, 10), (3, 6), (3, 6)),
    ],
    ids=["strided", "strided, wide", "resnet", "resnet, wide", "cnn", "pixels"],
)
def test_a_cell_of_an_encoder_is_drawn_in_the_middle_of_what_moves_it(eye, size, cell, through):
    """Weights are alike and positive, so that each bright pixel moves all cells that see it, its own the most."""
    encoder: Any = eye.encoder(1, jnp.float32)
    shapes = jax.eval_shape(encoder.init, jax.random.key(0), jnp.zeros((1, *size, 1)))
    alike = jax.tree.map(lambda leaf: jnp.full(leaf.shape, (leaf.ndim > 1) / leaf.shape[0]), shapes)
    see = jax.jit(lambda pictures: encoder.apply(alike, pictures)[..., 0])
    found = []
    for pixels in bright_lines(size, through):
        seen = np.asarray(see(jnp.asarray(pixels)[..., None]))
        moved = seen[:, cell[0], cell[1]]
        found.append(np.sum(np.arange(len(moved)) * moved) / moved.sum())
    np.testing.assert_allclose(drawn(cell, seen.shape[1:], size, eye.placement), found, rtol=0, atol=0.3)


@pytest.mark.parametrize(
    ("size", "patch", "cell"),
    [((10, 10), 2, (1, 3)), ((84, 84), 14, (2, 3)), ((10, 15), 4, (1, 2))],
    ids=["small", "large", "filled up"],
)
def test_a_patch_is_drawn_where_bright_squares_change_its_weight_most(size, patch, cell):
    core: Any = cores.make("timesformer", 8, 9, patch=patch, frames=1, layers=1, heads=1, grid=(*size, 1))
    count = size[0] * size[1]
    init = jax.jit(partial(core.init, method="unroll"))
    params = init(jax.random.key(0), None, jnp.zeros((1, 1, count)), jnp.ones((1, 1), bool))

    @jax.jit
    def maps(pictures: jax.Array) -> jax.Array:
        apply: Any = core.apply
        start = jnp.ones((1, len(pictures)), bool)
        _, sown = apply(params, None, pictures[None], start, method="unroll", mutable=["intermediates"])
        return sown["intermediates"][MAPS][0][0, :, 0]

    found = []
    for axis, pixels in enumerate(bright_lines(size, (patch * cell[0], patch * cell[1]))):
        bright = np.concatenate([np.zeros_like(pixels[:1]), 9 * pixels])
        dark, *said = np.asarray(maps(jnp.asarray(bright.reshape(-1, count))))
        change = np.abs(np.stack(said) - dark).reshape(len(said), -1)
        most = np.unravel_index(change.argmax(axis=1), dark.shape)[axis]
        found.append(np.flatnonzero(most == cell[axis]).mean())
    placement = core.map_placement.on(Eye("pixels", (), 0, True).placement)
    np.testing.assert_allclose(drawn(cell, dark.shape, size, placement), found, rtol=0, atol=1e-4)


def test_placements_add_up():
    # Of a grid whose cells are three pixels wide, every second cell from the second on.
    assert Placement(2, 1).on(Placement(3, 1)) == Placement(6, 4)
    assert Eye("strided", (), 0, True).placement == Placement(8, 0.5)
    assert Eye("resnet", (1, 1, 1), 0, True).placement == Placement(8, 0)


def test_between_cells_is_a_line_and_beyond_them_is_what_they_have():
    row = resized(np.array([[1.0, 3.0, 0.0]]), 1, 14, Placement(4, 2))[0]
    expected = [1, 1, 1, 1.5, 2, 2.5, 3, 2.25, 1.5, 0.75, 0, 0, 0, 0]
    np.testing.assert_allclose(row, expected, rtol=0, atol=1e-6)
    # An even map has no border, and each map the sum 1.
    grown = upsampled(np.ones((2, 11, 11), np.float32), 84, 90, Placement(8, 0.5))
    np.testing.assert_allclose(grown, 1 / (84 * 90), rtol=1e-5)
    maps = np.random.default_rng(0).random((2, 11, 11)).astype(np.float32)
    # JAX counts from the first pixel's and the first cell's border.
    scale, shift = jnp.full(2, 8.0), jnp.full(2, 0.5 + 0.5 - 8 / 2)
    expected = [jax.image.scale_and_translate(one, (84, 84), (0, 1), scale, shift, "linear", False) for one in maps]
    np.testing.assert_allclose(resized(maps, 84, 84, Placement(8, 0.5)), expected, rtol=0, atol=1e-5)


def test_pixels_have_their_nearest_cell():
    cells = np.arange(6).reshape(2, 3)
    blocks = nearest(cells, 8, 11, Placement(4, 1.5))
    np.testing.assert_array_equal(blocks[:, 0], [0, 0, 0, 0, 3, 3, 3, 3])
    np.testing.assert_array_equal(blocks[0], [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(nearest(cells[None] > 3, 2, 3, Placement())[0], cells > 3)
