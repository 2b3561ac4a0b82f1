"""Boards of the rooms and the tables that follow from them: where moves lead and what the player sees."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

ROWS, COLUMNS = 7, 11
CELLS = ROWS * COLUMNS
# A cell that no view shows; what is there is not painted.
NOWHERE = -1

# North, south, west, east.
_STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))
_REACH = 2

FLOOR = (204, 204, 204)
WALL = (25, 25, 25)
PLAYER = (228, 148, 109)
KEY = (159, 81, 44)
DOOR = (134, 206, 235)
APPLE = (140, 178, 0)
INDICATOR = (255, 255, 255)
HUES = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


@dataclass(frozen=True)
class Board:
    """A room as text, 7 rows of 11 characters; characters of `solid` are walls, all others can be walked on."""

    text: tuple[str, ...]
    solid: str = "#"

    def cells(self, marks: str) -> tuple[int, ...]:
        """Cells, row * 11 + column, whose character is one of `marks`."""
        return tuple(i for i, mark in enumerate("".join(self.text)) if mark in marks)


# Apples grow at the sites `a`, of which a random part has one.
APPLE_BOARD = Board(
    (
        "###########",
        "#a a a a a#",
        "# a a a a #",
        "#a a a a a#",
        "# a a a a #",
        "#a a + a a#",
        "###########",
    )
)
APPLE_SITES = APPLE_BOARD.cells("a")
# The bit that stands for "no site" in a word with one bit a site.
_NO_SITE = 31


class Tables(NamedTuple):
    """What boards look like and how one moves on them; view arrays have V cells.

    Attributes:
        moves: int32 [boards * 77, 4], the cell that an action leads to.
        pictures: uint8 [boards * 77, V, 3], floor, walls and the player, seen from a cell.
        cells: int32 [77, V], the cells that are seen from a cell; -2 is off the board.
        sites: uint32 [77, V], the apple site at each of them; 31 for none, and for the player's own cell.
        shape: (rows, columns) of the view.
    """

    moves: np.ndarray
    pictures: np.ndarray
    cells: np.ndarray
    sites: np.ndarray
    shape: tuple[int, int]


@functools.cache
def tables(boards: tuple[Board, ...], crop: bool) -> Tables:
    """Tables of `boards`; `crop` shows 5x5 cells around the player, else the whole board."""
    rows, columns = np.divmod(np.arange(CELLS), COLUMNS)
    if crop:
        reach = np.arange(-_REACH, _REACH + 1)
        seen_rows = rows[:, None, None] + reach[:, None] + 0 * reach
        seen_columns = columns[:, None, None] + 0 * reach[:, None] + reach
        shape = (len(reach), len(reach))
    else:
        seen_rows, seen_columns = np.broadcast_arrays(rows.reshape(1, ROWS, COLUMNS), columns.reshape(1, ROWS, COLUMNS))
        seen_rows, seen_columns = (np.repeat(axis, CELLS, axis=0) for axis in (seen_rows, seen_columns))
        shape = (ROWS, COLUMNS)
    inside = (seen_rows >= 0) & (seen_rows < ROWS) & (seen_columns >= 0) & (seen_columns < COLUMNS)
    cells = np.where(inside, seen_rows * COLUMNS + seen_columns, -2).reshape(CELLS, -1)
    own = cells == np.arange(CELLS)[:, None]
    site_of = np.full(CELLS, _NO_SITE, np.uint32)
    site_of[list(APPLE_SITES)] = np.arange(len(APPLE_SITES))
    sites = np.where((cells >= 0) & ~own, site_of[cells], _NO_SITE).astype(np.uint32)
    pictures, moves = [], []
    for board in boards:
        wall = np.zeros(CELLS, bool)
        wall[list(board.cells(board.solid))] = True
        picture = np.where(wall[cells] & (cells >= 0), 1, 0)[..., None]
        picture = np.where(picture, np.array(WALL, np.uint8), np.array(FLOOR, np.uint8))
        pictures.append(np.where(own[..., None], np.array(PLAYER, np.uint8), picture))
        moves.append(_moves(wall))
    return Tables(
        moves=np.concatenate(moves).astype(np.int32),
        pictures=np.concatenate(pictures),
        cells=cells.astype(np.int32),
        sites=sites,
        shape=shape,
    )


def _moves(wall: np.ndarray) -> np.ndarray:
    """Int [77, 4]: where each action leads; a wall and the board's edge leave the player where it is."""
    here = np.arange(CELLS)
    rows, columns = np.divmod(here, COLUMNS)
    led = []
    for down, right in _STEPS:
        to_row, to_column = rows + down, columns + right
        inside = (to_row >= 0) & (to_row < ROWS) & (to_column >= 0) & (to_column < COLUMNS)
        to = np.where(inside, to_row * COLUMNS + to_column, here)
        led.append(np.where(wall[to], here, to))
    return np.stack(led, axis=-1)


def place(cell: int) -> tuple[int, int]:
    """Row and column of a cell."""
    return divmod(cell, COLUMNS)


def places(cells: Iterable[int]) -> str:
    """Cells in words, for messages."""
    return ", ".join(str(place(cell)) for cell in cells)
