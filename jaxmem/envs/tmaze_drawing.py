"""A picture of the T-Maze, in NumPy."""

import numpy as np

_WALL = (30, 30, 36)
_FLOOR = (226, 226, 226)
_ORACLE = (246, 204, 92)
_CUE = (176, 84, 196)
_RIGHT_GOAL = (98, 176, 104)
_WRONG_GOAL = (206, 104, 96)
_PLAYER = (48, 98, 190)

_ROW = 24
_WIDEST = 960
_MOST_COLUMNS = _WIDEST // 2


def draw(x: int, y: int, goal_y: int, junction: int) -> np.ndarray:
    """The maze from the oracle (left) to the junction, as uint8 [72, W, 3] with W <= 960.

    Yellow is the oracle, green the right goal cell, red the wrong one, blue the player. While the
    player is at the oracle, a violet half of its cell points to the right goal. A corridor too long
    for the width is squeezed: several cells share a column.
    """
    cells = junction + 1
    columns = min(cells, _MOST_COLUMNS)
    width = max(2, min(_ROW, _WIDEST // columns))
    picture = np.full((3 * _ROW, columns * width, 3), _WALL, np.uint8)

    def cell(at_x: int, at_y: int) -> np.ndarray:
        left = at_x * (columns - 1) // junction * width
        top = (1 - at_y) * _ROW
        return picture[top : top + _ROW, left : left + width]

    picture[_ROW : 2 * _ROW] = _FLOOR
    cell(0, 0)[:] = _ORACLE
    cell(junction, goal_y)[:] = _RIGHT_GOAL
    cell(junction, -goal_y)[:] = _WRONG_GOAL
    if x == 0:
        half = slice(0, _ROW // 2) if goal_y > 0 else slice(_ROW // 2, _ROW)
        cell(0, 0)[half] = _CUE
    across = width // 4
    cell(x, y)[_ROW // 4 : -(_ROW // 4), across : width - across] = _PLAYER
    return picture
