"""Heaven and Hell: ask the priest which way is up, then go there."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces

from jaxmem.envs.explore import explore
from jaxmem.envs.layouts import check_integers
from jaxmem.envs.pomdp import FinitePOMDP
from jaxmem.envs.probes.base import Probe, Step, int32

NORTH, SOUTH, EAST, WEST = range(4)
START, WEST_END, EAST_END, PRIEST = 0, 6, 9, 13
CELLS = 14
# Neighbours: (cell, the way, the cell there).
_WAYS = (
    *((0, NORTH, 1), (1, NORTH, 2), (2, NORTH, 3)),
    *((3, WEST, 4), (4, WEST, 5), (5, WEST, 6)),
    *((3, EAST, 7), (7, EAST, 8), (8, EAST, 9)),
    *((0, SOUTH, 10), (10, EAST, 11), (11, EAST, 12), (12, EAST, 13)),
)
_BACK = {NORTH: SOUTH, SOUTH: NORTH, EAST: WEST, WEST: EAST}


def _moves() -> np.ndarray:
    """Where each move leads: int32 [14, 4]."""
    moves = np.tile(np.arange(CELLS, dtype=np.int32)[:, None], (1, 4))
    for cell, way, there in _WAYS:
        moves[cell, way], moves[there, _BACK[way]] = there, cell
    return moves


_MOVES = _moves()


@struct.dataclass
class HeavenHellParams:
    """`limit` is T, the most steps of an episode; it may be an array, so that one can `vmap` over limits."""

    limit: int | jax.Array = 20


@struct.dataclass
class HeavenHellState:
    """State of an episode.

    Attributes:
        cell: int32, where the player is.
        heaven: int32, where heaven is: 0 in the west, 1 in the east.
        time: int32, steps taken.
    """

    cell: jax.Array
    heaven: jax.Array
    time: jax.Array


@struct.dataclass
class HeavenHellLayout:
    """What is random in an episode: `heaven`, 0 in the west or 1 in the east, an integer of any dtype."""

    heaven: Any


@dataclasses.dataclass(frozen=True)
class HeavenHell(Probe[HeavenHellState, HeavenHellParams, HeavenHellLayout]):
    """Heaven and Hell (Bonet and Geffner 1998), the map of Esslinger et al. 2022 (arXiv 2206.01078).

    Fourteen cells; the player starts in cell 0. Heaven is cell 6 or 9, hell the other one; the priest in cell 13 knows
    which. North is up::

         6  5  4  3  7  8  9
                  2
                  1
                  0
                 10 11 12 13

    Either end is 6 moves away, but a guess is worth 0. By way of the priest heaven takes 14 moves: 4 to the priest, 7
    to the junction, 3 to heaven.

    Observation, float32 [15]:
        One-hot of the cell; the priest's cell has two: 13 if heaven is in the west, 14 if it is in the east.

    Action:
        0 north, 1 south, 2 east, 3 west. A move into a wall leaves the player where it is.

    Reward, float32:
        +1 on entering heaven, -1 on entering hell, else 0. (The public model that the paper used pays one action later,
        for any action in the end cell.)

    End:
        `terminated` on entering heaven or hell, or after T = `params.limit` steps: the limit is part of the task, and
        nothing comes after it. Never `truncated`.

    Info:
        * `success`, float32: 1.0 on the last step if it entered heaven, else 0.0.
        * `discount`, float32: 0.0 on the last step, else 1.0.

    State, params, layout:
        `HeavenHellState`, `HeavenHellParams`, `HeavenHellLayout`. The key of a reset decides where heaven is, nothing
        else. `step_env` is deterministic.
    """

    fixed_horizon: ClassVar[bool] = False

    @property
    def default_params(self) -> HeavenHellParams:
        """Params of at most 20 steps."""
        return HeavenHellParams()

    def step_env(
        self, key: jax.Array, state: HeavenHellState, action: int | float | jax.Array, params: HeavenHellParams
    ) -> Step[HeavenHellState]:
        """Take one step without resetting; `key` is not used."""
        state = dataclasses.replace(state, cell=jnp.asarray(_MOVES)[state.cell, int32(action)], time=state.time + 1)
        in_heaven = state.cell == jnp.where(state.heaven == 1, EAST_END, WEST_END)
        reward = jnp.where(in_heaven, 1, jnp.where(self._at_end(state), -1, 0))
        return self._stepped(state, reward, in_heaven, params)

    def layouts(self, params: HeavenHellParams) -> list[tuple[float, HeavenHellLayout]]:
        """Every layout and how likely it is."""
        return [(0.5, HeavenHellLayout(heaven)) for heaven in range(2)]

    def as_pomdp(self, params: HeavenHellParams) -> FinitePOMDP:
        """The task with every state, outcome and probability written out."""
        return explore(self, params)

    def is_terminated(self, state: HeavenHellState, params: HeavenHellParams) -> jax.Array:
        """Whether heaven or hell was entered, or the last step taken."""
        return self._at_end(state) | super().is_terminated(state, params)

    def action_space(self, params: HeavenHellParams | None = None) -> spaces.Discrete:
        """Four moves."""
        return spaces.Discrete(4)

    def observation_space(self, params: HeavenHellParams | None = None) -> spaces.Box:
        """Bounds of the observation."""
        return spaces.Box(0.0, 1.0, (CELLS + 1,), jnp.float32)

    def state_space(self, params: HeavenHellParams | None = None) -> spaces.Dict:
        """Bounds of the state's fields."""
        params = self.default_params if params is None else params
        return spaces.Dict(
            {
                "cell": spaces.Box(0, CELLS - 1, (), jnp.int32),
                "heaven": spaces.Box(0, 1, (), jnp.int32),
                "time": spaces.Box(0, params.limit, (), jnp.int32),
            }
        )

    def _steps(self, params: HeavenHellParams) -> int | jax.Array:
        return params.limit

    def _draw(self, key: jax.Array, params: HeavenHellParams) -> HeavenHellLayout:
        return HeavenHellLayout(jax.random.bits(key, (), jnp.uint32) & 1)

    def _check(self, layout: HeavenHellLayout) -> None:
        check_integers("heaven", layout.heaven, (), 0, 1)

    def _begin(self, layout: HeavenHellLayout, params: HeavenHellParams) -> HeavenHellState:
        return HeavenHellState(int32(START), int32(layout.heaven), int32(0))

    def _at_end(self, state: HeavenHellState) -> jax.Array:
        return (state.cell == WEST_END) | (state.cell == EAST_END)

    def _observe(self, state: HeavenHellState, params: HeavenHellParams) -> jax.Array:
        seen = state.cell + jnp.where(state.cell == PRIEST, state.heaven, 0)
        return jax.nn.one_hot(seen, CELLS + 1, dtype=jnp.float32)
