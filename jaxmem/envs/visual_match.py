"""Visual Match: see a colour, pick apples, go to the door of that colour."""

import dataclasses
import itertools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces

from jaxmem.config import ConfigError
from jaxmem.envs.layouts import check_integers, is_traced
from jaxmem.envs.rooms import EXPLORE, REWARD, Rooms, RoomsParams, RoomsState, show
from jaxmem.envs.rooms_board import APPLE_BOARD, CELLS, HUES, Board, place
from jaxmem.envs.rooms_layout import cell_of, check_cell, choose

_CUE_BOARDS = {
    "passive": Board(
        (
            "           ",
            "    ppp    ",
            "    p+p    ",
            "    ppp    ",
            "           ",
            "           ",
            "           ",
        ),
        solid="p",
    ),
    "active": Board(
        (
            "  ppppppp  ",
            "  p     p  ",
            "  p     p  ",
            "  pp   pp  ",
            "  p+++++p  ",
            "  p+++++p  ",
            "  ppppppp  ",
        ),
        solid="p",
    ),
}
_DOOR_BOARD = Board(
    (
        "###########",
        "# b  c  e #",
        "#         #",
        "#         #",
        "####   ####",
        "   # + #   ",
        "   #####   ",
    )
)
_DOORS = _DOOR_BOARD.cells("bce")
_LAST_START = _DOOR_BOARD.cells("+")[0]
_HUE_ORDERS = np.array(list(itertools.permutations(range(3))), np.int32)


@struct.dataclass
class VisualMatchLayout:
    """What is random in an episode: integers of any dtype, and the apples.

    Attributes:
        player_rc: [2], the player's first row and column.
        cue_rc: [2], the coloured cell's.
        target: scalar, 0, 1 or 2: the right door, from the left.
        hue: [3], the doors' colours, from the left: 0 red, 1 green, 2 blue, each once.
        apple_mask: bool [7, 11], the apples at first.
    """

    player_rc: Any
    cue_rc: Any
    target: Any
    hue: Any
    apple_mask: Any


@struct.dataclass
class VisualMatchState(RoomsState):
    """`RoomsState`, and

    Attributes:
        cue_cell: int32, the coloured cell.
        target: int32, the right door, from the left.
        hue: int32 [3], the doors' colours.
        doors_gone: bool, whether a door was touched.
    """

    cue_cell: jax.Array
    target: jax.Array
    hue: jax.Array
    doors_gone: jax.Array


@dataclasses.dataclass(frozen=True)
class VisualMatch(Rooms):
    """Visual Match (Ni et al. 2023, arXiv:2307.03864; Hung et al. 2019, arXiv:1810.06721).

    Three phases on a board of 7 rows and 11 columns, of `params.max_frames` steps each; every episode takes their sum.

    1. Explore. One cell of the wall has the colour of the right door. In the mode `passive` the player is shut in next
       to it and sees it all the time; in `active` it has to look for it, in a room with 26 such cells.
    2. Apples, as in `KeyToDoor`.
    3. Reward. Three doors, red, green and blue, of which the start shows none. The first one that the player stands on
       decides: the right one pays `final_reward`, and all three are gone. The frames are played out.

    A phase's last step counts in full, but its picture is that of the next phase's beginning. A second phase of 0 steps
    is left out.

    Hue:
        The original draws the order of the doors' colours once for each environment object, from a generator without a
        seed, so that training and evaluation agree in one run of six. Here `hue_order="fixed"` has red, green, blue
        from the left in every episode; with `"episode"`, the harder task, each episode draws an order.

    Observation, uint8 [5, 5, 3]:
        RGB, one pixel a cell, centred on the player; what is off the board looks like floor. `crop=False`: the whole
        board, [7, 11, 3].

    Action:
        0 north, 1 south, 2 west, 3 east. A move into a wall or off the board leaves the player where it is.

    Reward, float32:
        `apple_reward` for an apple, as in `KeyToDoor`; `final_reward` for the right door.

    End:
        `terminated` on the last step exactly; never `truncated`.

    Info:
        * `success`, float32: 1.0 on the last step if the right door was taken.
        * `apples`, float32: apples eaten so far.
        * `discount`, float32: 0.0 on the last step, else 1.0.

    State, params, layout:
        `VisualMatchState`, `RoomsParams`, `VisualMatchLayout`. The key of a reset decides the layout (and an apple
        reward that is fixed in an episode); the key of a step matters only with `fix_apple_reward=False`.
    """

    episode_metrics: ClassVar[tuple[str, ...]] = ("success", "apples")

    mode: str = "passive"
    hue_order: str = "fixed"

    @property
    def default_params(self) -> RoomsParams:
        """15 steps, 60 and 15."""
        return RoomsParams(max_frames=(15, 60, 15))

    @property
    def name(self) -> str:
        """Name of the environment."""
        return "VisualMatch"

    def _boards(self) -> tuple[Board, Board, Board]:
        return _CUE_BOARDS[self.mode], APPLE_BOARD, _DOOR_BOARD

    def _draw_layout(self, words: jax.Array, apple_mask: jax.Array) -> VisualMatchLayout:
        first = _CUE_BOARDS[self.mode]
        order = words[3] % len(_HUE_ORDERS) if self.hue_order == "episode" else 0
        return VisualMatchLayout(
            player_rc=choose(words[0], first.cells("+")),
            cue_rc=choose(words[1], first.cells("p")),
            target=words[2] % len(_DOORS),
            hue=jnp.asarray(_HUE_ORDERS)[order],
            apple_mask=apple_mask,
        )

    def _all_layouts(self, apple_mask: np.ndarray) -> list[VisualMatchLayout]:
        first = _CUE_BOARDS[self.mode]
        orders = _HUE_ORDERS if self.hue_order == "episode" else _HUE_ORDERS[:1]
        return [
            VisualMatchLayout(np.array(place(player)), np.array(place(cue)), target, np.array(order), apple_mask)
            for player, cue, target, order in itertools.product(
                first.cells("+"), first.cells("p"), range(len(_DOORS)), orders
            )
        ]

    def _check_layout(self, layout: VisualMatchLayout) -> None:
        first = _CUE_BOARDS[self.mode]
        check_cell("player_rc", layout.player_rc, first.cells("+"))
        check_cell("cue_rc", layout.cue_rc, first.cells("p"))
        check_integers("target", layout.target, (), 0, len(_DOORS) - 1)
        check_integers("hue", layout.hue, (len(_DOORS),), 0, len(HUES) - 1)
        if not is_traced(layout.hue) and len(np.unique(layout.hue)) < len(_DOORS):
            hue = np.asarray(layout.hue).tolist()
            raise ConfigError(f"layout.hue is {hue}: allowed is 0, 1 and 2, each once, in any order")

    def _begin(self, layout: VisualMatchLayout, common: dict[str, jax.Array]) -> VisualMatchState:
        return VisualMatchState(
            **common,
            cue_cell=cell_of(layout.cue_rc),
            target=jnp.asarray(layout.target, jnp.int32),
            hue=jnp.asarray(layout.hue, jnp.int32),
            doors_gone=jnp.bool_(False),
        )

    def _last_start(self, state: VisualMatchState) -> jax.Array:
        return jnp.int32(_LAST_START)

    def _is_blocked(self, state: VisualMatchState, phase: jax.Array, cell: jax.Array) -> jax.Array:
        return jnp.bool_(False)

    def _interact(self, state: VisualMatchState, phase: jax.Array) -> tuple[VisualMatchState, jax.Array]:
        touched = (phase == REWARD) & ~state.doors_gone & (np.array(_DOORS) == state.cell)
        pays = touched[state.target]
        gone = state.doors_gone | jnp.any(touched)
        return dataclasses.replace(state, doors_gone=gone, solved=state.solved | pays), pays

    def _things(self, state: VisualMatchState, phase: jax.Array) -> list[tuple[jax.Array, Any]]:
        colours = jnp.asarray(np.array(HUES, np.uint8))[state.hue]
        doors = show((phase == REWARD) & ~state.doors_gone, np.array(_DOORS))
        cue = show(phase == EXPLORE, state.cue_cell)
        return [(cue, colours[state.target]), *((doors[i], colours[i]) for i in range(len(_DOORS)))]

    def _more_state_space(self) -> dict[str, spaces.Box]:
        return {
            "cue_cell": spaces.Box(0, CELLS - 1, (), jnp.int32),
            "target": spaces.Box(0, len(_DOORS) - 1, (), jnp.int32),
            "hue": spaces.Box(0, len(HUES) - 1, (len(_DOORS),), jnp.int32),
            "doors_gone": spaces.Box(0, 1, (), jnp.bool_),
        }
