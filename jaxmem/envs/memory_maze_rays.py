"""Where the columns of a first-person picture hit a maze of square cells: exact, without a gather.

A ray crosses the lines of the grid at depths that are known beforehand, so that nothing has to walk from cell to cell:
of all crossings, on whose far side there is a wall, the nearest counts. Whether there is one is a bit of a word.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

FAR = 1e6


class Camera(NamedTuple):
    """Where a picture is taken from, float32; in cells, x to the right of the map and y up.

    Attributes:
        x: scalar.
        y: scalar.
        cos: scalar, x of the direction of view.
        sin: scalar, y of the direction of view.
    """

    x: jax.Array
    y: jax.Array
    cos: jax.Array
    sin: jax.Array


class Hits(NamedTuple):
    """What the rays hit first; one entry a ray, whatever the shape of the slopes.

    Attributes:
        depth: float32, distance along the direction of view (not along the ray), in cells.
        along: float32, the hit point's coordinate along the wall, in cells.
        column: float32, x of the cell whose wall is hit, a whole number; -1 and `size` are the border.
        row: float32, y of that cell.
        upright: bool, whether the wall runs along y.
    """

    depth: jax.Array
    along: jax.Array
    column: jax.Array
    row: jax.Array
    upright: jax.Array


def cast(camera: Camera, slopes: jax.Array, rows: jax.Array, columns: jax.Array) -> Hits:
    """The first wall that each ray hits.

    Args:
        camera: in a free cell.
        slopes: float32 [...], how far each ray leads to the right for one cell ahead.
        rows: uint32 [size + 2], the walls of each row, the border's rows included: bit x + 1 is the wall at x.
        columns: uint32 [size + 2], the same by columns: bit y + 1.
    """
    ray_x = camera.cos + slopes * camera.sin
    ray_y = camera.sin - slopes * camera.cos
    depth_x, cell_x = _nearest(camera.x, camera.y, ray_x, ray_y, columns)
    depth_y, cell_y = _nearest(camera.y, camera.x, ray_y, ray_x, rows)
    upright = depth_x < depth_y
    depth = jnp.minimum(depth_x, depth_y)
    x, y = camera.x + depth * ray_x, camera.y + depth * ray_y
    return Hits(
        depth=depth,
        along=jnp.where(upright, y, x),
        column=jnp.where(upright, cell_x, jnp.floor(x)),
        row=jnp.where(upright, jnp.floor(y), cell_y),
        upright=upright,
    )


def _nearest(
    start: jax.Array, beside: jax.Array, ray: jax.Array, ray_beside: jax.Array, words: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Depth of the nearest wall on the grid's lines across one axis, and that wall's cell on this axis.

    Args:
        start: coordinate of the camera on this axis.
        beside: coordinate on the other one.
        ray: [...], what a ray gains on this axis for a depth of 1.
        ray_beside: [...], on the other one.
        words: uint32 [size + 2], walls by cells of this axis; bit 1 + the cell on the other one.
    """
    ahead = ray > 0
    # Rays along the lines hit none of them.
    inverse = 1 / jnp.where(jnp.abs(ray) < 1 / FAR, 1 / FAR, ray)
    lines = np.arange(words.shape[0] - 1, dtype=np.float32).reshape(-1, *(1,) * ray.ndim)
    depths = (lines - start) * inverse
    # One more, for the bit of the border.
    bits = (beside + 1 + depths * ray_beside).astype(jnp.int32).astype(jnp.uint32)
    # Behind line k lies cell k, or cell k - 1 for those who come from above; words begin with cell -1.
    behind = jnp.where(ahead, words[1:].reshape(lines.shape), words[:-1].reshape(lines.shape))
    hit = ((behind >> bits) & 1 == 1) & (depths > 0)
    depth = jnp.min(jnp.where(hit, depths, FAR), axis=0)
    line = jnp.round(start + depth * ray)
    return depth, jnp.where(ahead, line, line - 1)
