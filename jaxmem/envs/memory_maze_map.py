"""The Memory Maze from above."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.envs.memory_maze_drawing import BALL, wall_kind
from jaxmem.envs.memory_maze_layout import walls_of
from jaxmem.envs.memory_maze_textures import OBJECTS, WALLS

# Pixels a cell.
SCALE = 12
_FREE, _PLAYER, _RING = (236, 236, 232), (20, 20, 20), (20, 20, 20)
_DIM = 0.8
_GAP = 12


def top_down(
    rows: jax.Array,
    areas: jax.Array,
    objects: jax.Array,
    target: jax.Array,
    position: jax.Array,
    heading: jax.Array,
) -> jax.Array:
    """A map with walls, objects, a ring around the target and the player: uint8 [H, H, 3], H = 12 (size + 2).

    Args:
        rows: uint32 [size + 2], walls, see `memory_maze_layout.words`.
        areas: uint32 scalar, see `Scene`.
        objects: int32 [n, 2], x and y.
        target: int32 scalar.
        position: float32 [2], x and y.
        heading: float32 scalar, radians; the player is drawn as an arrow in that direction.
    """
    size = rows.shape[0] - 2
    edge = np.arange(-1, size + 1)
    kind = wall_kind(areas, jnp.asarray(edge, jnp.float32), jnp.asarray(edge, jnp.float32)[:, None], size)
    walls = jnp.pad(walls_of(rows), 1, constant_values=True)[..., None]
    cells = jnp.where(walls, jnp.asarray(WALLS * _DIM)[kind], jnp.array(_FREE, jnp.float32))
    picture = jnp.repeat(jnp.repeat(cells, SCALE, axis=0), SCALE, axis=1)
    place = (np.arange(SCALE * (size + 2)) + 0.5) / SCALE - 1
    x, y = np.meshgrid(place, place)
    for number in range(objects.shape[0]):
        distance = jnp.hypot(x - objects[number, 0] - 0.5, y - objects[number, 1] - 0.5)[..., None]
        picture = jnp.where((distance < BALL + 0.12) & (target == number), jnp.array(_RING, jnp.float32), picture)
        picture = jnp.where(distance < BALL, jnp.asarray(OBJECTS[number]), picture)
    away_x, away_y = x - position[0], y - position[1]
    ahead = away_x * jnp.cos(heading) + away_y * jnp.sin(heading)
    aside = jnp.abs(away_x * jnp.sin(heading) - away_y * jnp.cos(heading))
    arrow = (ahead > -0.3) & (aside < (0.4 - ahead) * 0.45)
    picture = jnp.where(arrow[..., None], jnp.array(_PLAYER, jnp.float32), picture)
    return picture[::-1].astype(jnp.uint8)


def beside(view: np.ndarray, seen_from_above: np.ndarray) -> np.ndarray:
    """The player's view, enlarged by a whole number, to the left of the map; uint8 [H, W, 3].

    Args:
        view: uint8 [pixels, pixels, 3].
        seen_from_above: uint8 [height, height, 3].
    """
    factor = max(1, round(len(seen_from_above) / len(view)))
    pictures = [view.repeat(factor, axis=0).repeat(factor, axis=1), seen_from_above]
    height = max(map(len, pictures))
    result = np.full((height, sum(picture.shape[1] for picture in pictures) + _GAP, 3), 255, np.uint8)
    left = 0
    for picture in pictures:
        top = (height - len(picture)) // 2
        result[top : top + len(picture), left : left + picture.shape[1]] = picture
        left += picture.shape[1] + _GAP
    return result
