"""Colours and wall patterns of the Memory Maze, as NumPy tables."""

import numpy as np

# Of the objects, in their order; those of the original.
OBJECTS = np.array(
    [(170, 38, 30), (99, 170, 88), (39, 140, 217), (93, 105, 199), (220, 193, 59), (220, 128, 107)], np.float32
)
# The frame around the picture has the target's colour, darker by this factor.
FRAME = OBJECTS * (255 * 0.7 / 220)
# Of the walls; which area has which is drawn for each maze.
WALLS = np.array(
    [
        (92, 108, 214),
        (196, 70, 108),
        (96, 160, 84),
        (142, 92, 190),
        (208, 86, 62),
        (214, 184, 60),
        (84, 178, 184),
        (184, 178, 170),
    ],
    np.float32,
)
FLOOR = np.array([(34, 44, 66), (50, 62, 88)], np.float32)
SKY = np.array([(120, 164, 206), (54, 84, 122)], np.float32)

# Cells of a pattern across a wall, and up it.
GRAIN = 16
_BITS = np.uint32(1) << np.arange(GRAIN, dtype=np.uint32)


def patterns() -> np.ndarray:
    """Dark parts of the walls, uint32 [8, 16]: for each colour and place along a cell, bit k is the k-th step up."""
    across, up = np.meshgrid(np.arange(GRAIN), np.arange(GRAIN), indexing="ij")
    course = up // 4
    drawn = [
        # Bricks.
        (up % 4 == 0) | ((across + 4 * (course % 2)) % 8 == 0),
        # Panels.
        (across % 8 == 0) | (up == 5) | (up == 11),
        # Planks.
        (across % 4 == 0) | (up == 1),
        # Slanted stripes.
        (across + up) % 8 < 2,
        # Large bricks.
        (up % 8 == 0) | ((across + 8 * (up // 8)) % 16 < 1),
        # Diamonds.
        ((across + up) % 8 == 0) | ((across - up) % 8 == 0),
        # Bands.
        (up % 6 < 2),
        # Studs.
        (across % 8 > 4) & (up % 8 > 4),
    ]
    return np.stack([np.where(dark, _BITS, np.uint32(0)).sum(axis=1, dtype=np.uint32) for dark in drawn])


def packed(colours: np.ndarray) -> np.ndarray:
    """RGB from 0 to 255, [..., 3], as uint32 words [...], red in the lowest byte."""
    whole = np.clip(np.round(colours), 0, 255).astype(np.uint32)
    return whole[..., 0] | whole[..., 1] << 8 | whole[..., 2] << 16
