"""What Key-to-Door and Visual Match share: three rooms in a row, apples in the second, a view of 5x5 cells."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces
from gymnax.environments.environment import Environment

from jaxmem.config import ConfigError
from jaxmem.envs.explore import explore
from jaxmem.envs.pomdp import FinitePOMDP
from jaxmem.envs.rooms_board import (
    APPLE,
    APPLE_BOARD,
    APPLE_SITES,
    CELLS,
    COLUMNS,
    NOWHERE,
    ROWS,
    Board,
    tables,
)
from jaxmem.envs.rooms_drawing import beside
from jaxmem.envs.rooms_layout import LAYOUT_WORDS, apple_subset, between, cell_of, check_apples

EXPLORE, APPLES, REWARD = range(3)
_APPLE_START = APPLE_BOARD.cells("+")[0]
_SITE_BITS = np.uint32(1) << np.arange(len(APPLE_SITES), dtype=np.uint32)
# A frame that no episode reaches.
_NEVER = np.iinfo(np.int32).max // 2


@struct.dataclass
class RoomsParams:
    """Numbers of the rooms; all may be arrays, so that one can `vmap` over them.

    Attributes:
        max_frames: steps in the first room (at least 1), among the apples (at least 0), in the last room (at least 1).
        num_apples: how many of the 22 sites have an apple at first.
        apple_reward: reward of an apple, drawn uniformly between the two numbers.
        final_reward: reward in the last room, paid at most once.
        respawn_every: steps for which an eaten apple is gone.
    """

    max_frames: tuple[int | jax.Array, int | jax.Array, int | jax.Array] = (15, 60, 15)
    num_apples: int | jax.Array = 10
    apple_reward: tuple[float | jax.Array, float | jax.Array] = (1.0, 1.0)
    final_reward: float | jax.Array = 5.0
    respawn_every: int | jax.Array = 20

    @property
    def max_steps_in_episode(self) -> int | jax.Array:
        """Steps of every episode, under the name that gymnax uses."""
        explore, apples, reward = self.max_frames
        return explore + apples + reward


@struct.dataclass
class RoomsState:
    """State of an episode, the part that both tasks have.

    Attributes:
        time: int32, steps taken.
        cell: int32, where the player is: row * 11 + column.
        ready_at: int32 [22], the frame of the second room on whose picture each site has its (next) apple.
        apple_reward: float32, what an apple pays in this episode; not used where each is drawn anew.
        apples: int32, apples eaten so far.
        solved: bool, whether the last room has paid.
    """

    time: jax.Array
    cell: jax.Array
    ready_at: jax.Array
    apple_reward: jax.Array
    apples: jax.Array
    solved: jax.Array


@dataclasses.dataclass(frozen=True)
class Rooms(Environment[Any, Any]):
    """Base of the tasks in three rooms (Hung et al. 2019, arXiv:1810.06721; settings of Ni et al. 2023).

    A subclass names its boards, draws layouts, says what blocks, pays and is painted; time, walls, apples and view
    are here. See `KeyToDoor` and `VisualMatch` for the whole contract.
    """

    fixed_horizon: ClassVar[bool] = True
    episode_metrics: ClassVar[tuple[str, ...]] = ("success", "apples")

    crop: bool = True
    fix_apple_reward: bool = True

    # What a subclass says.

    def _boards(self) -> tuple[Board, Board, Board]:
        """The three rooms."""
        raise NotImplementedError

    def _draw_layout(self, words: jax.Array, apple_mask: jax.Array) -> Any:
        """A random layout, from four random words: uint32 [4]."""
        raise NotImplementedError

    def _all_layouts(self, apple_mask: np.ndarray) -> list[Any]:
        """All layouts with these apples, each as likely."""
        raise NotImplementedError

    def _check_layout(self, layout: Any) -> None:
        """Raise `ConfigError` for a layout that cannot be, as far as it can be seen; apples are checked already."""
        raise NotImplementedError

    def _begin(self, layout: Any, common: dict[str, jax.Array]) -> Any:
        """The first state of an episode; `common` are the fields of `RoomsState`."""
        raise NotImplementedError

    def _last_start(self, state: Any) -> jax.Array:
        """The player's first cell in the last room."""
        raise NotImplementedError

    def _is_blocked(self, state: Any, phase: jax.Array, cell: jax.Array) -> jax.Array:
        """Whether something other than a wall keeps the player from `cell`."""
        raise NotImplementedError

    def _interact(self, state: Any, phase: jax.Array) -> tuple[Any, jax.Array]:
        """What the player's move does in the first and the last room: (state, whether the last room pays now)."""
        raise NotImplementedError

    def _things(self, state: Any, phase: jax.Array) -> list[tuple[jax.Array, Any]]:
        """What is painted over everything else, in order: cells (NOWHERE hides one) and colours, uint8 [3]."""
        raise NotImplementedError

    # Environment

    @property
    def default_params(self) -> RoomsParams:
        """The task's usual numbers."""
        raise NotImplementedError

    @property
    def num_actions(self) -> int:
        """Number of actions: 4."""
        return 4

    def as_pomdp(self, params: RoomsParams) -> FinitePOMDP:
        """The task without apples, with every state, outcome and probability written out.

        Raises:
            ConfigError: for a task with apples, whose fields and times have far too many combinations.
        """
        return explore(self, params)

    def layouts(self, params: RoomsParams) -> list[tuple[float, Any]]:
        """Every layout and how likely it is; raises `ConfigError` for a task with apples."""
        if int(params.num_apples):
            raise ConfigError(f"num_apples is {int(params.num_apples)}: allowed is 0 to write the task out")
        layouts = self._all_layouts(np.zeros((ROWS, COLUMNS), bool))
        return [(1 / len(layouts), layout) for layout in layouts]

    def horizon(self, params: RoomsParams) -> int:
        """Steps of every episode; `params` must be those of one task."""
        return int(params.max_steps_in_episode)

    def reset_env(self, key: jax.Array, params: RoomsParams) -> tuple[jax.Array, Any]:
        """Start an episode with a random layout."""
        words = jax.random.bits(key, (LAYOUT_WORDS + 2,), jnp.uint32)
        chosen = apple_subset(words[-1], params.num_apples)
        mask = jnp.zeros((CELLS,), bool).at[np.array(APPLE_SITES)].set(chosen).reshape(ROWS, COLUMNS)
        layout = self._draw_layout(words[:LAYOUT_WORDS], mask)
        return self._start(layout, chosen, between(params.apple_reward, words[-2]), params)

    def reset_to(self, layout: Any, params: RoomsParams | None = None) -> tuple[jax.Array, Any]:
        """Start an episode with a given layout: `(obs, state)`; also under `jit` and `vmap`.

        An apple pays the middle of a range that is fixed for an episode.

        Raises:
            ConfigError: a layout that cannot be. Within `jit` and `vmap` values cannot be seen, there only wrong
                shapes are found.
        """
        params = self.default_params if params is None else params
        check_apples(layout.apple_mask)
        self._check_layout(layout)
        chosen = jnp.asarray(layout.apple_mask, bool).reshape(-1)[np.array(APPLE_SITES)]
        low, high = params.apple_reward
        return self._start(layout, chosen, (jnp.float32(low) + high) / 2, params)

    def _start(
        self, layout: Any, apples: jax.Array, apple_reward: jax.Array, params: RoomsParams
    ) -> tuple[jax.Array, Any]:
        common = {
            "time": jnp.int32(0),
            "cell": cell_of(layout.player_rc),
            "ready_at": jnp.where(apples, jnp.int32(0), jnp.int32(_NEVER)),
            "apple_reward": jnp.asarray(apple_reward, jnp.float32),
            "apples": jnp.int32(0),
            "solved": jnp.bool_(False),
        }
        state = self._begin(layout, common)
        return self._observe(state, params), state

    def step_env(
        self,
        key: jax.Array,
        state: Any,
        action: int | float | jax.Array,
        params: RoomsParams,
    ) -> tuple[jax.Array, Any, jax.Array, jax.Array, dict[Any, Any]]:
        """Take one step without resetting; `key` is used if each apple's reward is drawn anew."""
        phase = self._phase(state.time, params)
        moves = jnp.asarray(tables(self._boards(), self.crop).moves)
        cell = moves[phase * CELLS + state.cell, jnp.asarray(action, jnp.int32)]
        cell = jnp.where(self._is_blocked(state, phase, cell), state.cell, cell)

        # Frames count from 1 in the second room; the picture before this step was that of the frame before.
        time = state.time + 1
        frame = time - params.max_frames[0]
        eaten = (phase == APPLES) & (np.array(APPLE_SITES) == cell) & (state.ready_at < frame)
        ate = jnp.any(eaten)
        state = dataclasses.replace(
            state,
            time=time,
            cell=cell,
            ready_at=jnp.where(eaten, frame + params.respawn_every + 1, state.ready_at),
            apples=state.apples + ate,
        )
        state, pays = self._interact(state, phase)
        each = state.apple_reward
        if not self.fix_apple_reward:
            each = between(params.apple_reward, jax.random.bits(key, (), jnp.uint32))
        reward = jnp.where(ate, each, 0.0) + jnp.where(pays, params.final_reward, 0.0)

        # A phase that is over shows its successor's first picture, and never its own last one.
        next_phase = self._phase(time, params)
        start = jnp.where(next_phase == APPLES, _APPLE_START, self._last_start(state))
        state = dataclasses.replace(state, cell=jnp.where(next_phase == phase, state.cell, start))
        done = self.is_terminated(state, params)
        info = {
            "success": (done & state.solved).astype(jnp.float32),
            "apples": state.apples.astype(jnp.float32),
            "discount": (~done).astype(jnp.float32),
        }
        return self._observe(state, params), state, reward.astype(jnp.float32), done, info | self._more_info(state)

    def _more_info(self, state: Any) -> dict[str, jax.Array]:
        """Further entries of `info`."""
        return {}

    def is_terminated(self, state: Any, params: RoomsParams) -> jax.Array:
        """Whether the last step was taken."""
        return state.time >= jnp.asarray(params.max_steps_in_episode, jnp.int32)

    def is_truncated(self, state: Any, params: RoomsParams) -> jax.Array:
        """Never: the horizon belongs to the task."""
        return jnp.zeros_like(state.solved)

    def _phase(self, time: jax.Array, params: RoomsParams) -> jax.Array:
        """Which room the picture after `time` steps shows, int32."""
        explore, apples, _ = params.max_frames
        return jnp.where(time < explore, EXPLORE, jnp.where(time < explore + apples, APPLES, REWARD))

    def _observe(self, state: Any, params: RoomsParams) -> jax.Array:
        seen = tables(self._boards(), self.crop)
        phase = self._phase(state.time, params)
        picture = jnp.asarray(seen.pictures)[phase * CELLS + state.cell]
        # One bit a site: shifting a word costs less than looking every cell of the view up.
        ripe = (phase == APPLES) & (state.ready_at <= state.time - params.max_frames[0])
        word = jnp.sum(jnp.where(ripe, _SITE_BITS, 0), dtype=jnp.uint32)
        apple = (word >> jnp.asarray(seen.sites)[state.cell]) & 1
        picture = jnp.where((apple == 1)[:, None], np.array(APPLE, np.uint8), picture)
        cells = jnp.asarray(seen.cells)[state.cell]
        for cell, colour in self._things(state, phase):
            picture = jnp.where((cells == cell)[:, None], jnp.asarray(colour, jnp.uint8), picture)
        return picture.reshape(*seen.shape, 3)

    def action_space(self, params: RoomsParams | None = None) -> spaces.Discrete:
        """Four moves."""
        return spaces.Discrete(self.num_actions)

    def observation_space(self, params: RoomsParams | None = None) -> spaces.Box:
        """An RGB picture, uint8: [5, 5, 3], or [7, 11, 3] without the crop."""
        shape = tables(self._boards(), self.crop).shape
        return spaces.Box(0, 255, (*shape, 3), jnp.uint8)

    def state_space(self, params: RoomsParams | None = None) -> spaces.Dict:
        """Bounds of the state's fields."""
        params = self.default_params if params is None else params
        steps, sites = params.max_steps_in_episode, len(APPLE_SITES)
        low, high = params.apple_reward
        return spaces.Dict(
            {
                "time": spaces.Box(0, steps, (), jnp.int32),
                "cell": spaces.Box(0, CELLS - 1, (), jnp.int32),
                "ready_at": spaces.Box(0, _NEVER, (sites,), jnp.int32),
                "apple_reward": spaces.Box(low, high, (), jnp.float32),
                "apples": spaces.Box(0, steps, (), jnp.int32),
                "solved": spaces.Box(0, 1, (), jnp.bool_),
            }
            | self._more_state_space()
        )

    def _more_state_space(self) -> dict[str, spaces.Box]:
        """Bounds of the fields that `RoomsState` has not."""
        raise NotImplementedError

    def render(self, state: Any, params: RoomsParams) -> np.ndarray:
        """Draw one state on the host: the whole board and, to its right, what the player sees; uint8 [H, W, 3]."""
        views = [dataclasses.replace(self, crop=crop)._observe(state, params) for crop in (False, True)]
        return beside(*(np.asarray(view) for view in views))


def show(visible: jax.Array, cell: Any) -> jax.Array:
    """`cell`, or NOWHERE."""
    return jnp.where(visible, cell, NOWHERE)
