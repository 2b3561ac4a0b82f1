"""Key-to-Door: take a key, pick apples, open a door with the key."""

import dataclasses
import itertools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces

from jaxmem.config import ConfigError
from jaxmem.envs.rooms import EXPLORE, REWARD, Rooms, RoomsParams, RoomsState, show
from jaxmem.envs.rooms_board import APPLE_BOARD, CELLS, DOOR, INDICATOR, KEY, Board, place, places
from jaxmem.envs.rooms_layout import cell_of, check_cell, choose

_KEY_BOARD = Board(
    (
        "  #######  ",
        "  #kkkkk#  ",
        "  #kkkkk#  ",
        "  ##   ##  ",
        "  #+++++#  ",
        "  #+++++#  ",
        "  #######  ",
    )
)
_DOOR_BOARDS: dict[str, Board] = {
    "sr": Board(
        (
            "           ",
            "   ##d##   ",
            "   #   #   ",
            "   # + #   ",
            "   #   #   ",
            "   #####   ",
            "           ",
        )
    ),
    "cca": Board(
        (
            "  #######  ",
            "  #+++++#  ",
            "  #+++++#  ",
            "  ##   ##  ",
            "  #ddddd#  ",
            "  #ddddd#  ",
            "  #######  ",
        )
    ),
}
# Over the wall above the key's strip, where every cell of the strip sees it.
_INDICATOR_CELL = 5


@struct.dataclass
class KeyToDoorLayout:
    """What is random in an episode: integers of any dtype, and the apples.

    Attributes:
        player_rc: [2], the player's first row and column.
        key_rc: [2], the key's.
        apple_mask: bool [7, 11], the apples at first.
        door_rc: [2], the door's; None is the door of the grid `sr`.
        last_rc: [2], the player's first cell in the last room; None is that of the grid `sr`.
    """

    player_rc: Any
    key_rc: Any
    apple_mask: Any
    door_rc: Any = None
    last_rc: Any = None


@struct.dataclass
class KeyToDoorState(RoomsState):
    """`RoomsState`, and

    Attributes:
        key_cell: int32, where the key lies or lay.
        door_cell: int32, where the door is.
        last_start: int32, where the player begins in the last room.
        has_key: bool, whether the key was taken.
        took_key: bool, whether that was on this very step.
    """

    key_cell: jax.Array
    door_cell: jax.Array
    last_start: jax.Array
    has_key: jax.Array
    took_key: jax.Array


@dataclasses.dataclass(frozen=True)
class KeyToDoor(Rooms):
    """Key-to-Door (Ni et al. 2023, arXiv:2307.03864; Raposo et al. 2021, arXiv:2102.12425; Hung et al. 2019).

    Three phases on a board of 7 rows and 11 columns, of `params.max_frames` steps each; every episode takes their sum.

    1. Explore. The key lies on one of 10 cells, the player starts on one of 10 others. Standing on the key takes it;
       on that step alone a white cell shows over the wall. Nothing pays.
    2. Apples. From row 5, column 5. `num_apples` of the 22 sites have an apple; standing on one eats it and pays
       `apple_reward`. An apple eaten on frame f is on the picture again from frame f + respawn_every + 1 and can be
       eaten from the frame after, also by a player who waits there.
    3. Reward. The door blocks who has no key. Who has it can walk on and through; the first step on the door pays
       `final_reward`. The frames are played out.

    A phase's last step counts in full, but its picture is that of the next phase's beginning. A second phase of 0 steps
    is left out.

    Observation, uint8 [5, 5, 3]:
        RGB, one pixel a cell, centred on the player; what is off the board looks like floor. The door is painted over
        the player. `crop=False`: the whole board, [7, 11, 3].

    Action:
        0 north, 1 south, 2 west, 3 east. A move into a wall, off the board or into the shut door leaves the player
        where it is.

    Reward, float32:
        `apple_reward` for an apple, `final_reward` for the door. A range of apple rewards is drawn from uniformly, once
        an episode (`fix_apple_reward`) or for each apple; the original draws one of its two ends.

    Grid:
        * `sr`: a single room with the door above it.
        * `cca`: as the first room; the door is on one of 10 cells and the player starts on one of 10 others. The
          original has 15, 30 and 15 frames there, here `max_frames` says so.

    End:
        `terminated` on the last step exactly; never `truncated`.

    Info:
        * `success`, float32: 1.0 on the last step if the door was opened.
        * `apples`, float32: apples eaten so far. `key`, float32: 1.0 once the key was taken.
        * `discount`, float32: 0.0 on the last step, else 1.0.

    State, params, layout:
        `KeyToDoorState`, `RoomsParams`, `KeyToDoorLayout`. The key of a reset decides the layout (and an apple reward
        that is fixed in an episode); the key of a step matters only with `fix_apple_reward=False`.
    """

    episode_metrics: ClassVar[tuple[str, ...]] = ("success", "apples", "key")

    grid: str = "sr"

    @property
    def default_params(self) -> RoomsParams:
        """15 steps, 60 and 10."""
        return RoomsParams(max_frames=(15, 60, 10))

    @property
    def name(self) -> str:
        """Name of the environment."""
        return "KeyToDoor"

    def _boards(self) -> tuple[Board, Board, Board]:
        return _KEY_BOARD, APPLE_BOARD, _DOOR_BOARDS[self.grid]

    def _draw_layout(self, words: jax.Array, apple_mask: jax.Array) -> KeyToDoorLayout:
        last = _DOOR_BOARDS[self.grid]
        return KeyToDoorLayout(
            player_rc=choose(words[0], _KEY_BOARD.cells("+")),
            key_rc=choose(words[1], _KEY_BOARD.cells("k")),
            apple_mask=apple_mask,
            door_rc=choose(words[2], last.cells("d")),
            last_rc=choose(words[3], last.cells("+")),
        )

    def _all_layouts(self, apple_mask: np.ndarray) -> list[KeyToDoorLayout]:
        last = _DOOR_BOARDS[self.grid]
        cells = (_KEY_BOARD.cells("+"), _KEY_BOARD.cells("k"), last.cells("d"), last.cells("+"))
        return [
            KeyToDoorLayout(player, key, apple_mask, door, start)
            for player, key, door, start in itertools.product(*([np.array(place(c)) for c in some] for some in cells))
        ]

    def _check_layout(self, layout: KeyToDoorLayout) -> None:
        check_cell("player_rc", layout.player_rc, _KEY_BOARD.cells("+"))
        check_cell("key_rc", layout.key_rc, _KEY_BOARD.cells("k"))
        last = _DOOR_BOARDS[self.grid]
        check_cell("door_rc", self._given(layout, "door_rc", "d"), last.cells("d"))
        check_cell("last_rc", self._given(layout, "last_rc", "+"), last.cells("+"))

    def _given(self, layout: KeyToDoorLayout, name: str, mark: str) -> Any:
        """A row and column of the layout, by default the only one with this mark in the last room."""
        cells = _DOOR_BOARDS[self.grid].cells(mark)
        rc = getattr(layout, name)
        if rc is not None:
            return rc
        if len(cells) != 1:
            raise ConfigError(f"layout.{name} is none: allowed in the grid {self.grid} are {places(cells)}")
        return np.array(place(cells[0]))

    def _begin(self, layout: KeyToDoorLayout, common: dict[str, jax.Array]) -> KeyToDoorState:
        return KeyToDoorState(
            **common,
            key_cell=cell_of(layout.key_rc),
            door_cell=cell_of(self._given(layout, "door_rc", "d")),
            last_start=cell_of(self._given(layout, "last_rc", "+")),
            has_key=jnp.bool_(False),
            took_key=jnp.bool_(False),
        )

    def _last_start(self, state: KeyToDoorState) -> jax.Array:
        return state.last_start

    def _is_blocked(self, state: KeyToDoorState, phase: jax.Array, cell: jax.Array) -> jax.Array:
        return (phase == REWARD) & (cell == state.door_cell) & ~state.has_key

    def _interact(self, state: KeyToDoorState, phase: jax.Array) -> tuple[KeyToDoorState, jax.Array]:
        took = (phase == EXPLORE) & (state.cell == state.key_cell) & ~state.has_key
        pays = (phase == REWARD) & (state.cell == state.door_cell) & ~state.solved
        return dataclasses.replace(state, has_key=state.has_key | took, took_key=took, solved=state.solved | pays), pays

    def _things(self, state: KeyToDoorState, phase: jax.Array) -> list[tuple[jax.Array, Any]]:
        exploring = phase == EXPLORE
        key = show(exploring & ~state.has_key, state.key_cell)
        door = show(phase == REWARD, state.door_cell)
        return [(key, KEY), (show(exploring & state.took_key, _INDICATOR_CELL), INDICATOR), (door, DOOR)]

    def _more_info(self, state: KeyToDoorState) -> dict[str, jax.Array]:
        return {"key": state.has_key.astype(jnp.float32)}

    def _more_state_space(self) -> dict[str, spaces.Box]:
        cells = {name: spaces.Box(0, CELLS - 1, (), jnp.int32) for name in ("key_cell", "door_cell", "last_start")}
        return cells | {name: spaces.Box(0, 1, (), jnp.bool_) for name in ("has_key", "took_key")}
