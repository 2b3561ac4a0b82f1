"""Delayed Catch: many balls to catch, all paid for at the very end."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces

from jaxmem.envs.layouts import check_integers
from jaxmem.envs.pomdp import Beginning, FinitePOMDP, Outcome
from jaxmem.envs.probes.base import NoParams, Probe, Step, int32
from jaxmem.envs.probes.options import check_board

LEFT, STAY, RIGHT = range(3)


@struct.dataclass
class DelayedCatchState:
    """State of an episode.

    Attributes:
        columns: int32 [drops], the column of each ball.
        paddle: int32, the paddle's column.
        catches: int32, balls caught so far.
        time: int32, steps taken.
    """

    columns: jax.Array
    paddle: jax.Array
    catches: jax.Array
    time: jax.Array


@struct.dataclass
class DelayedCatchLayout:
    """What is random in an episode: `columns` [drops], the column of each ball, integers of any dtype."""

    columns: Any


@dataclasses.dataclass(frozen=True)
class DelayedCatch(Probe[DelayedCatchState, NoParams, DelayedCatchLayout]):
    """Delayed Catch (Raposo et al. 2021, arXiv 2102.12425; colours as in public code).

    `drops` balls fall one after another on a board of `rows` x `columns` cells, each for exactly `rows` steps, so that
    an episode takes T = rows * drops steps. All catches are paid for on the last of them.

    A drop begins with the ball in row 0 and the paddle in the middle of the bottom row, column `columns // 2`. Each of
    its first `rows - 1` steps moves the paddle as told, then the ball one row down. The ball is then in the bottom row,
    caught if the paddle is there too, and in sight as such. The action of the last step does nothing: it brings the
    next ball, or ends the episode. The paddle can reach every column since `rows - 1 >= columns // 2`.

    Observation, float32 [rows, columns]:
        -1 where the ball is, +1 where the paddle is (also with the ball), else 0. The observation after the last step
        is that before it once more.

    Action:
        0 left, 1 stay, 2 right. A move off the board leaves the paddle where it is.

    Reward, float32:
        On step T the number of balls caught in the episode; before, 0.

    End:
        `terminated` on step T exactly; never `truncated`.

    Info:
        * `success`, float32: 1.0 on step T if every ball was caught, else 0.0.
        * `catches`, float32: balls caught so far.
        * `discount`, float32: 0.0 on step T, else 1.0.

    State, params, layout:
        `DelayedCatchState`, `NoParams`, `DelayedCatchLayout`. The key of a reset decides the layout: columns are
        uniform and independent. `step_env` is deterministic.

    Raises:
        ConfigError: a column that the paddle cannot reach in time.
    """

    episode_metrics: ClassVar[tuple[str, ...]] = ("success", "catches")

    rows: int = 7
    columns: int = 7
    drops: int = 40

    def __post_init__(self) -> None:
        check_board(self.rows, self.columns)

    @property
    def default_params(self) -> NoParams:
        """No params."""
        return NoParams()

    def step_env(
        self, key: jax.Array, state: DelayedCatchState, action: int | float | jax.Array, params: NoParams
    ) -> Step[DelayedCatchState]:
        """Take one step without resetting; `key` is not used."""
        action = jnp.asarray(action)
        drop, row = jnp.divmod(state.time, self.rows)
        falling = row < self.rows - 1
        shift = jnp.where(falling, int32(action == RIGHT) - int32(action == LEFT), 0)
        paddle = jnp.clip(state.paddle + shift, 0, self.columns - 1)
        caught = (row == self.rows - 2) & (paddle == state.columns[drop])
        catches = state.catches + caught

        time = state.time + 1
        done = time >= self._steps(params)
        state = DelayedCatchState(
            columns=state.columns,
            paddle=jnp.where(falling | done, paddle, self.columns // 2),
            catches=catches,
            time=time,
        )
        obs, state, reward, done, info = self._stepped(
            state, jnp.where(done, catches, 0), catches == self.drops, params
        )
        return obs, state, reward, done, info | {"catches": catches.astype(jnp.float32)}

    def as_pomdp(self, params: NoParams) -> FinitePOMDP:
        """The task with every state, outcome and probability written out; columns are drawn when their ball appears."""
        columns, steps, middle = range(self.columns), self._steps(params), self.columns // 2

        def seen(row: int, column: int, paddle: int) -> np.ndarray:
            board = np.zeros((self.rows, self.columns), np.float32)
            board[row, column] = -1
            board[-1, paddle] = 1
            return board

        def step(state: tuple[int, int, int, int], action: int) -> list[Outcome]:
            time, column, paddle, catches = state
            row, time = time % self.rows, time + 1
            if row < self.rows - 1:
                paddle = min(max(paddle + action - STAY, 0), self.columns - 1)
                catches += row == self.rows - 2 and paddle == column
                return [Outcome(1.0, (time, column, paddle, catches), seen(row + 1, column, paddle), 0)]
            if time == steps:
                return [Outcome(1.0, (time, column, paddle, catches), seen(row, column, paddle), catches, True)]
            return [Outcome(1 / len(columns), (time, new, middle, catches), seen(0, new, middle), 0) for new in columns]

        begin = [Beginning(1 / len(columns), (0, new, middle, 0), seen(0, new, middle)) for new in columns]
        return FinitePOMDP.from_rules(begin, step, 3, steps)

    def action_space(self, params: NoParams | None = None) -> spaces.Discrete:
        """Left, stay, right."""
        return spaces.Discrete(3)

    def observation_space(self, params: NoParams | None = None) -> spaces.Box:
        """Bounds of the observation."""
        return spaces.Box(-1.0, 1.0, (self.rows, self.columns), jnp.float32)

    def state_space(self, params: NoParams | None = None) -> spaces.Dict:
        """Bounds of the state's fields."""
        return spaces.Dict(
            {
                "columns": spaces.Box(0, self.columns - 1, (self.drops,), jnp.int32),
                "paddle": spaces.Box(0, self.columns - 1, (), jnp.int32),
                "catches": spaces.Box(0, self.drops, (), jnp.int32),
                "time": spaces.Box(0, self.rows * self.drops, (), jnp.int32),
            }
        )

    def _steps(self, params: NoParams) -> int:
        return self.rows * self.drops

    def _draw(self, key: jax.Array, params: NoParams) -> DelayedCatchLayout:
        return DelayedCatchLayout(jax.random.randint(key, (self.drops,), 0, self.columns))

    def _check(self, layout: DelayedCatchLayout) -> None:
        check_integers("columns", layout.columns, (self.drops,), 0, self.columns - 1)

    def _begin(self, layout: DelayedCatchLayout, params: NoParams) -> DelayedCatchState:
        return DelayedCatchState(int32(layout.columns), int32(self.columns // 2), int32(0), int32(0))

    def _observe(self, state: DelayedCatchState, params: NoParams) -> jax.Array:
        # After the last step there is no further ball: the last one stays.
        drop, row = jnp.divmod(jnp.minimum(state.time, self._steps(params) - 1), self.rows)
        row_of, column_of = jnp.arange(self.rows)[:, None], jnp.arange(self.columns)
        ball = (row_of == row) & (column_of == state.columns[drop])
        paddle = (row_of == self.rows - 1) & (column_of == state.paddle)
        return jnp.where(paddle, 1, jnp.where(ball, -1, 0)).astype(jnp.float32)
