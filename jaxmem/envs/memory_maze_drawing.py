"""What the player of a Memory Maze sees, pixel by pixel.

Everything that costs something is done once a column. What is left for a pixel are a few products, comparisons and
choices among colours, which are words of 32 bits until the last moment. Both parts are bodies of loops, of two and four
turns: that keeps XLA from fusing them, which would do the work of a column again for each of its pixels and bytes.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.envs.memory_maze_rays import Camera, Hits, cast
from jaxmem.envs.memory_maze_textures import FLOOR, FRAME, GRAIN, OBJECTS, SKY, WALLS, packed, patterns

# In cells, which are 2 m wide in the original.
EYE = 0.45
WALL_HEIGHT = 0.75
BALL = 0.3
# Half of the angle of view is 40 degrees; the camera looks down a little, which shifts the picture.
SPREAD = float(np.tan(np.radians(40)))
_DOWN = 0.1
_PARTS = 2
_CHUNKS = 4
# Adding it to a small float32 rounds it: the number stands in the lowest bits then.
_ROUND = np.float32(2**23)
# Depths, in cells, at which patterns are half as clear.
_WALL_FADE, _FLOOR_FADE = 3.0, 4.0


class Scene(NamedTuple):
    """What is in a maze.

    Attributes:
        rows: uint32 [size + 2], see `cast`.
        columns: uint32 [size + 2].
        areas: uint32 scalar, three bits for each of 3 x 3 areas: the kind of its walls.
        objects: int32 [n, 2], x and y of the objects' cells.
        target: int32 scalar, the object whose colour frames the picture.
    """

    rows: jax.Array
    columns: jax.Array
    areas: jax.Array
    objects: jax.Array
    target: jax.Array


class _Columns(NamedTuple):
    """One entry a column: the wall's depth, its colours and its pattern up, and where the ray leads; then the balls."""

    depth: jax.Array
    light: jax.Array
    dark: jax.Array
    pattern: jax.Array
    ray_x: jax.Array
    ray_y: jax.Array
    balls: list[tuple[jax.Array, jax.Array, jax.Array]]


def picture(camera: Camera, scene: Scene, pixels: int) -> jax.Array:
    """The view of one camera, uint8 [pixels, pixels, 3].

    Args:
        camera: in a free cell, not within a wall.
        scene: the maze.
        pixels: width and height, a multiple of 4.
    """
    slopes, rows, edge = _grid(pixels)
    columns = jax.lax.map(lambda part: _columns(camera, scene, part), jnp.asarray(slopes.reshape(_PARTS, -1)))
    columns = jax.tree.map(lambda x: x.reshape(-1), columns)
    frame = jnp.asarray(packed(FRAME))[scene.target]

    def colours(row: tuple[jax.Array, ...]) -> jax.Array:
        up, reach, even, odd, sky, at_edge = row
        # The floor's tiles are the cells.
        tile_x = _bits(camera.x - 0.5 + reach * columns.ray_x)
        tile_y = _bits(camera.y - 0.5 + reach * columns.ray_y)
        colour = jnp.where(((tile_x ^ tile_y) & 1) == 1, odd, even)
        height = up * columns.depth
        colour = jnp.where(height > WALL_HEIGHT - EYE, sky, colour)
        grain = GRAIN / WALL_HEIGHT
        drawn = columns.pattern >> (_bits(height * grain + (EYE * grain - 0.5)) & 31)
        wall = jnp.where((drawn & 1) == 1, columns.dark, columns.light)
        colour = jnp.where((height > -EYE) & (height <= WALL_HEIGHT - EYE), wall, colour)
        for middle, extent, ball in columns.balls:
            colour = jnp.where(jnp.abs(up - middle) < extent, ball, colour)
        return jnp.where(at_edge | edge, frame, colour)

    table = (rows, *_rows(rows), edge)
    words = jax.lax.map(colours, tuple(jnp.asarray(row.reshape(_CHUNKS, -1, 1)) for row in table))
    return jax.lax.bitcast_convert_type(words.reshape(pixels, pixels), jnp.uint8)[..., :3]


def _grid(pixels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes of columns to the right and of rows up, float32 [pixels], and which of either belong to the frame."""
    place = (np.arange(pixels) + 0.5) / pixels * 2 - 1
    # As wide as the original's: 2 pixels of 64.
    width = max(1, int(2 * np.sqrt(pixels // 64)))
    edge = np.minimum(np.arange(pixels), np.arange(pixels)[::-1]) < width
    return (place * SPREAD).astype(np.float32), (-place * SPREAD - _DOWN).astype(np.float32), edge


def _bits(value: jax.Array) -> jax.Array:
    """The nearest whole number, uint32; its lowest 22 bits are right for numbers of either sign."""
    return jax.lax.bitcast_convert_type(value + _ROUND, jnp.uint32)


def _columns(camera: Camera, scene: Scene, slopes: jax.Array) -> _Columns:
    hits = cast(camera, slopes, scene.rows, scene.columns)
    light, dark, pattern = _walls(hits, scene)
    ray_x = camera.cos + slopes * camera.sin
    ray_y = camera.sin - slopes * camera.cos
    return _Columns(hits.depth, light, dark, pattern, ray_x, ray_y, _balls(camera, scene.objects, slopes, hits.depth))


def _walls(hits: Hits, scene: Scene) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Colours of the wall and of its pattern, packed, and the pattern's bits up, uint32, for each ray."""
    kind = wall_kind(scene.areas, hits.column, hits.row, scene.rows.shape[0] - 2)
    across = ((hits.along - jnp.floor(hits.along)) * GRAIN).astype(jnp.int32)
    pattern = jnp.asarray(patterns().reshape(-1))[kind * GRAIN + across]
    colour = jnp.zeros_like(pattern)
    for number, word in enumerate(packed(WALLS)):
        colour = jnp.where(kind == number, word, colour)
    shade = jnp.where(hits.upright, 1.0, 0.8) * (0.55 + 0.45 / (1 + 0.15 * hits.depth))
    # Afar a pattern would flicker.
    contrast = 0.45 / (1 + (hits.depth / _WALL_FADE) ** 2)
    return _shaded(colour, shade), _shaded(colour, shade * (1 - contrast)), pattern


def wall_kind(areas: jax.Array, x: jax.Array, y: jax.Array, size: int) -> jax.Array:
    """Kind of the walls at cells from -1 to `size`, int32: the maze with its border has 3 x 3 areas of equal size."""
    third = 3 / (size + 2)
    area = jnp.floor((x + 1) * third).astype(jnp.int32) + 3 * jnp.floor((y + 1) * third).astype(jnp.int32)
    return ((areas >> (3 * jnp.clip(area, 0, 8)).astype(jnp.uint32)) & 7).astype(jnp.int32)


def _balls(
    camera: Camera, objects: jax.Array, slopes: jax.Array, depth: jax.Array
) -> list[tuple[jax.Array, jax.Array, jax.Array]]:
    """For each object, the farthest first: which rows of a column show it, by middle and extent, and its colour.

    An object is a half ball that lies on the floor. The plane through the camera and a column cuts a half disc from it,
    which begins where it meets the floor and ends at the tangent from the eye. A hidden one has a negative extent.
    """
    count = objects.shape[0]
    across = objects[:, 0] + 0.5 - camera.x
    up = objects[:, 1] + 0.5 - camera.y
    colours = jnp.asarray(packed(OBJECTS[:count]))
    placed = (across * camera.cos + up * camera.sin, across * camera.sin - up * camera.cos, colours)
    ahead, right, colours = _sorted(across**2 + up**2, placed)
    norm = 1 + slopes**2
    length = jnp.sqrt(norm)
    balls = []
    for k in range(count):
        squared = BALL**2 - (right[k] - slopes * ahead[k]) ** 2 / norm
        radius = jnp.sqrt(jnp.maximum(squared, 0.0))
        distance = (ahead[k] + right[k] * slopes) / length
        tangent = EYE * distance + radius * jnp.sqrt(distance**2 + EYE**2 - radius**2)
        top = -(EYE**2 - radius**2) / jnp.maximum(tangent, 1e-3) * length
        bottom = -EYE / jnp.maximum(distance - radius, 1e-3) * length
        # The camera is higher than the balls, and may stand above one.
        visible = (squared > 0) & (tangent > 1e-3) & (distance < depth * length)
        extent = jnp.where(visible, (top - bottom) / 2, -1.0)
        colour = _shaded(jnp.broadcast_to(colours[k], radius.shape), 0.7 + 0.45 / BALL * radius)
        balls.append(((top + bottom) / 2, extent, colour))
    return balls


def _sorted(key: jax.Array, values: tuple[jax.Array, ...]) -> list[jax.Array]:
    """Arrays [n] in the order of a falling key; comparing all with all is cheaper than sorting so few."""
    index = np.arange(key.shape[0])
    before = (key > key[:, None]) | ((key == key[:, None]) & (index < index[:, None]))
    chosen = jnp.sum(before, axis=1) == index[:, None]
    return [jnp.sum(jnp.where(chosen, value, 0), axis=1, dtype=value.dtype) for value in values]


def _rows(slopes: np.ndarray) -> tuple[np.ndarray, ...]:
    """For each row, depth at which it meets the floor, packed colours of the floor's tiles, and of the sky."""
    below = slopes < 0
    reach = np.where(below, EYE / np.maximum(-slopes, 1e-3), 0).astype(np.float32)
    far = np.where(below, reach, 100.0)[:, None]
    mean = FLOOR.mean(axis=0)
    shade = 0.7 + 0.3 / (1 + 0.2 * far)
    tiles = [packed((mean + (tile - mean) / (1 + (far / _FLOOR_FADE) ** 2)) * shade) for tile in FLOOR]
    height = np.clip(slopes / SPREAD, 0, 1)[:, None]
    return reach, *tiles, packed(SKY[0] * (1 - height) + SKY[1] * height)


def _shaded(words: jax.Array, factor: jax.Array) -> jax.Array:
    """Packed colours times a factor."""
    result = jnp.zeros_like(words)
    for shift in (0, 8, 16):
        channel = ((words >> shift) & 255).astype(jnp.float32) * factor
        result |= jnp.minimum(channel, 255.0).astype(jnp.uint32) << shift
    return result
