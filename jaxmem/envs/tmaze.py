"""The T-Maze: see a cue, walk a corridor, turn as the cue said."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces
from gymnax.environments.environment import Environment

from jaxmem.envs.explore import explore
from jaxmem.envs.policies import ScriptedPolicy, without_memory
from jaxmem.envs.pomdp import FinitePOMDP
from jaxmem.envs.tmaze_drawing import draw
from jaxmem.envs.tmaze_options import check_exposure

RIGHT, UP, LEFT, DOWN = range(4)


@struct.dataclass
class TMazeParams:
    """Numbers of a T-Maze; all may be arrays, so that one can `vmap` over mazes.

    Attributes:
        length: cells from the start to the junction, at least 1.
        oracle_distance: cells from the start back to the oracle; 0 in the passive maze.
        penalty: reward of a step that is behind the fastest walk, at most 0.
        goal_reward: reward for ending in the right goal cell.
        distract_reward: reward of each step but the last that ends at the oracle.
        cue_every: steps from one sight of the cue to the next, at least 2; 0 where it is seen at the oracle alone.
    """

    length: int | jax.Array = 10
    oracle_distance: int | jax.Array = 0
    penalty: float | jax.Array = -0.1
    goal_reward: float | jax.Array = 1.0
    distract_reward: float | jax.Array = 0.0
    cue_every: int | jax.Array = 0

    @property
    def max_steps_in_episode(self) -> int | jax.Array:
        """Steps of every episode, under the name that gymnax uses."""
        return self.length + 2 * self.oracle_distance + 1


@struct.dataclass
class TMazeState:
    """State of an episode.

    Attributes:
        x: int32, cells from the oracle.
        y: int32, 0 in the corridor, -1 or +1 in a goal cell.
        goal_y: int32, -1 or +1: the right goal cell.
        time: int32, steps taken.
        oracle_visited: bool, whether an observation was made at the oracle.
    """

    x: jax.Array
    y: jax.Array
    goal_y: jax.Array
    time: jax.Array
    oracle_visited: jax.Array


@struct.dataclass
class TMazeLayout:
    """What is random in an episode: `goal_y`, -1 or +1, an integer of any dtype."""

    goal_y: int | jax.Array


@dataclasses.dataclass(frozen=True)
class TMaze(Environment[Any, Any]):
    """T-Maze, passive and active (Ni et al. 2023, arXiv 2307.03864; after Bakker 2001).

    A corridor runs from the oracle at x = 0 to the junction at x = L + o, where L is
    `params.length` and o is `params.oracle_distance`; the goal cells lie at y = -1 and y = +1
    beside the junction. The player starts at x = o. The oracle's cue names the right goal cell,
    which is drawn uniformly at reset. Every episode takes T = L + 2o + 1 steps.

    * Passive, o = 0: the first observation is the cue, and there is no time to lose on the way.
    * Active, o >= 1: the player has to go back for the cue, or guess.

    Observation, float32:
        * By default [2]: `[0, cue]` in the corridor, the oracle included, `[1, y]` at the junction and in
          the goal cells. `cue` is `goal_y` in the first observation ever made at the oracle and 0 in all
          others; start, corridor and visited oracle look alike.
        * Where `params.cue_every` is some k > 0, `cue` is `goal_y` again in observations after t steps with
          x < L + o and T - t a positive multiple of k, from the first at the oracle on. With k >= 2 it is
          seen for the last time on the fastest walk when k steps are left, or at the oracle if fewer are
          left from there. It is never seen at the junction or in a goal cell.
        * `expose_position` [3]: `[x, y, cue]`.
        * `expose_position` and `expose_goal` [3]: the same, but the cue stays in every observation
          from the first at the oracle on, whatever `cue_every` is.
        * `time_step` appends the number of steps taken so far: [3] or [4].

    Action:
        0 right (x + 1), 1 up (y + 1), 2 left (x - 1), 3 down (y - 1). A move to what is no cell
        leaves the player where it is, so from a goal cell only the move back to the junction works.

    Reward, float32, with x after the move and t the number of steps taken including this one:
        * on step T: `goal_reward` if y == goal_y, else 0, and nothing else;
        * before: `penalty` if x < t - o, else 0; plus `distract_reward` if x == 0.

        With penalty -1/L the best return is 1 and the worst -1 (passive) or -(L + 1)/L (o = 1).
        With penalty 0 only the last step pays, as in Bakker's maze.

    End:
        `terminated` on step T exactly; never `truncated`.

    Info:
        * `success`, float32: 1.0 on step T if y == goal_y, else 0.0.
        * `oracle`, float32: 1.0 on step T if an observation was made at the oracle, else 0.0.
        * `recalled`, float32: 1.0 on step T with both, else 0.0. Its mean over that of `oracle` is the accuracy at the
          junction of those who have seen the cue; who has not can only guess.
        * `discount`, float32: 0.0 on step T, else 1.0.

        `active` says whether `oracle` and `recalled` are among `episode_metrics`, and whether there is a
        `decisive_action`: in the passive maze they say nothing.

    State, params, layout:
        `TMazeState`, `TMazeParams`, `TMazeLayout`. `step_env` is deterministic; the key of a reset
        decides `goal_y` and nothing else.

    Two mazes are equal whose flags are the same, but for `active`, so that compiled functions are shared among them.

    Raises:
        ConfigError: `expose_goal` without `expose_position`.
    """

    fixed_horizon: ClassVar[bool] = True

    expose_position: bool = False
    expose_goal: bool = False
    time_step: bool = False
    # Of what is computed nothing depends on it.
    active: bool = dataclasses.field(default=False, compare=False)

    def __post_init__(self) -> None:
        check_exposure(self.expose_position, self.expose_goal)

    @property
    def default_params(self) -> TMazeParams:
        """Params of the passive maze of length 10."""
        return TMazeParams()

    @property
    def name(self) -> str:
        """Name of the environment."""
        return "TMaze"

    @property
    def episode_metrics(self) -> tuple[str, ...]:
        """What of `info` says how an episode went."""
        return ("success", "oracle", "recalled") if self.active else ("success",)

    @property
    def decisive_action(self) -> int | None:
        """Left, where the oracle is to be visited: the first step towards it. It saves no step to go there later."""
        return LEFT if self.active else None

    @property
    def num_actions(self) -> int:
        """Number of actions: 4."""
        return 4

    def horizon(self, params: TMazeParams) -> int:
        """Steps of every episode, T = L + 2o + 1; `params` must be those of one maze."""
        return int(params.max_steps_in_episode)

    def reset_env(self, key: jax.Array, params: TMazeParams) -> tuple[jax.Array, TMazeState]:
        """Start an episode with a random goal."""
        bit = jax.random.bits(key, (), jnp.uint32) & 1
        return self.reset_to(TMazeLayout(goal_y=2 * bit.astype(jnp.int32) - 1), params)

    def reset_to(self, layout: TMazeLayout, params: TMazeParams | None = None) -> tuple[jax.Array, TMazeState]:
        """Start an episode with a given goal: `(obs, state)`; also under `jit` and `vmap`."""
        params = self.default_params if params is None else params
        start = _int32(params.oracle_distance)
        state = TMazeState(
            x=start,
            y=jnp.zeros_like(start),
            goal_y=_int32(layout.goal_y),
            time=jnp.zeros_like(start),
            oracle_visited=start == 0,
        )
        return self._observe(state, state.oracle_visited, params), state

    def step_env(
        self,
        key: jax.Array,
        state: TMazeState,
        action: int | float | jax.Array,
        params: TMazeParams,
    ) -> tuple[jax.Array, TMazeState, jax.Array, jax.Array, dict[Any, Any]]:
        """Take one step without resetting; `key` is not used."""
        distance = _int32(params.oracle_distance)
        action = jnp.asarray(action)
        right = _int32(action == RIGHT) - _int32(action == LEFT)
        up = _int32(action == UP) - _int32(action == DOWN)
        junction = _junction(params)
        in_corridor = state.y == 0
        x = jnp.where(in_corridor, jnp.clip(state.x + right, 0, junction), state.x)
        y = jnp.where(state.x == junction, jnp.clip(state.y + up, -1, 1), state.y)
        time = state.time + 1

        at_oracle = x == 0
        first_visit = at_oracle & ~state.oracle_visited
        state = TMazeState(x, y, state.goal_y, time, state.oracle_visited | at_oracle)

        done = self.is_terminated(state, params)
        right_goal = y == state.goal_y
        late = jnp.where(x < time - distance, params.penalty, 0.0)
        distracted = jnp.where(at_oracle, params.distract_reward, 0.0)
        reward = jnp.where(done, jnp.where(right_goal, params.goal_reward, 0.0), late + distracted).astype(jnp.float32)
        info = {
            "success": (done & right_goal).astype(jnp.float32),
            "oracle": (done & state.oracle_visited).astype(jnp.float32),
            "recalled": (done & state.oracle_visited & right_goal).astype(jnp.float32),
            "discount": (~done).astype(jnp.float32),
        }
        return self._observe(state, first_visit | _cue_returns(state, params), params), state, reward, done, info

    def layouts(self, params: TMazeParams) -> list[tuple[float, TMazeLayout]]:
        """Every layout and how likely it is."""
        return [(0.5, TMazeLayout(goal_y)) for goal_y in (-1, 1)]

    def as_pomdp(self, params: TMazeParams) -> FinitePOMDP:
        """The maze with every state, outcome and probability written out."""
        return explore(self, params)

    def cue(self, state: TMazeState) -> jax.Array:
        """What has to be remembered: the side of the right goal cell, int32, -1 or 1."""
        return state.goal_y

    def scripted_policies(self, params: TMazeParams) -> dict[str, ScriptedPolicy]:
        """`oracle`: goes to the oracle if it was not there yet, then by the shortest way to the right goal cell.

        It reads the goal in the state, but fetches the cue first, as a player has to. Without `distract_reward` no
        player gets more.
        """

        def act(key: jax.Array, obs: jax.Array, state: TMazeState) -> jax.Array:
            turn = jnp.where(state.goal_y > 0, UP, DOWN)
            onward = jnp.where(state.x < _junction(params), RIGHT, turn)
            return jnp.where(state.oracle_visited, onward, LEFT)

        return {"oracle": without_memory(act)}

    def is_terminated(self, state: TMazeState, params: TMazeParams) -> jax.Array:
        """Whether the last step was taken."""
        return state.time >= _int32(params.max_steps_in_episode)

    def is_truncated(self, state: TMazeState, params: TMazeParams) -> jax.Array:
        """Never: the horizon belongs to the task."""
        return jnp.zeros_like(state.oracle_visited)

    def _observe(self, state: TMazeState, shows_cue: jax.Array, params: TMazeParams) -> jax.Array:
        cue_is_seen = state.oracle_visited if self.expose_goal else shows_cue
        cue = jnp.where(cue_is_seen, state.goal_y, 0)
        if self.expose_position:
            numbers = [state.x, state.y, cue]
        else:
            # The cue is never seen in a goal cell and y is 0 in the corridor: they share a number.
            numbers = [_int32(state.x == _junction(params)), state.y + cue]
        if self.time_step:
            numbers.append(state.time)
        return jnp.stack(numbers).astype(jnp.float32)

    def action_space(self, params: TMazeParams | None = None) -> spaces.Discrete:
        """Four moves."""
        return spaces.Discrete(4)

    def observation_space(self, params: TMazeParams | None = None) -> spaces.Box:
        """Bounds of the observation, [2] to [4] float32."""
        params = self.default_params if params is None else params
        low, high = ([0, -1, -1], [_junction(params), 1, 1])
        if not self.expose_position:
            low, high = ([0, -1], [1, 1])
        if self.time_step:
            low, high = ([*low, 0], [*high, params.max_steps_in_episode])
        bounds = (jnp.array(low, jnp.float32), jnp.array(high, jnp.float32))
        return spaces.Box(*bounds, (len(low),), jnp.float32)

    def state_space(self, params: TMazeParams | None = None) -> spaces.Dict:
        """Bounds of the state's fields."""
        params = self.default_params if params is None else params
        return spaces.Dict(
            {
                "x": spaces.Box(0, _junction(params), (), jnp.int32),
                "y": spaces.Box(-1, 1, (), jnp.int32),
                "goal_y": spaces.Box(-1, 1, (), jnp.int32),
                "time": spaces.Box(0, params.max_steps_in_episode, (), jnp.int32),
                "oracle_visited": spaces.Box(0, 1, (), jnp.bool_),
            }
        )

    def render(self, state: TMazeState, params: TMazeParams) -> np.ndarray:
        """Draw one state on the host: uint8 [H, W, 3]; W is about 960 pixels at most."""
        junction = int(params.length) + int(params.oracle_distance)
        return draw(int(state.x), int(state.y), int(state.goal_y), junction)


def _int32(value: Any) -> jax.Array:
    return jnp.asarray(value, jnp.int32)


def _cue_returns(state: TMazeState, params: TMazeParams) -> jax.Array:
    every = _int32(params.cue_every)
    steps_left = _int32(params.max_steps_in_episode) - state.time
    # At least 1, since nothing may be divided by 0 where the cue never returns.
    due = (every > 0) & (steps_left > 0) & (steps_left % jnp.maximum(every, 1) == 0)
    return due & state.oracle_visited & (state.x < _junction(params))


def _junction(params: TMazeParams) -> jax.Array:
    return _int32(params.length) + _int32(params.oracle_distance)
