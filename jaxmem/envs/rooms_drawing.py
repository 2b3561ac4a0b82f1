"""Pictures of the rooms, in NumPy."""

import numpy as np

_CELL = 16
_LINE = (150, 150, 150)
_GAP = (255, 255, 255)


def beside(board: np.ndarray, view: np.ndarray) -> np.ndarray:
    """The whole board and the player's view side by side, 16 pixels a cell, as uint8 [H, W, 3].

    Args:
        board: uint8 [7, 11, 3].
        view: uint8 [5, 5, 3].
    """
    left, right = _enlarge(board), _enlarge(view)
    picture = np.full((len(left), left.shape[1] + _CELL + right.shape[1], 3), _GAP, np.uint8)
    picture[:, : left.shape[1]] = left
    top = (len(left) - len(right)) // 2
    picture[top : top + len(right), -right.shape[1] :] = right
    return picture


def _enlarge(cells: np.ndarray) -> np.ndarray:
    """One square a cell, with lines between them."""
    picture = cells.repeat(_CELL, axis=0).repeat(_CELL, axis=1)
    picture[::_CELL] = _LINE
    picture[:, ::_CELL] = _LINE
    return picture
