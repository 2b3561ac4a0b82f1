"""The T-Maze of RATE: a clue at the start, noise all the way, a flag where to turn."""

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
from jaxmem.envs.policies import ScriptedPolicy, without_memory
from jaxmem.envs.pomdp import Beginning, FinitePOMDP, Outcome
from jaxmem.envs.probes.base import Probe, Step, check_seed, int32, random_seed, seed_space
from jaxmem.envs.ternary import NOISES, ternary_noise
from jaxmem.envs.tmaze import DOWN, LEFT, RIGHT, UP
from jaxmem.envs.tmaze_drawing import draw

_MOST_STATES = 50_000


@struct.dataclass
class RateTMazeParams:
    """Numbers of the maze; all may be arrays, so that one can `vmap` over mazes.

    Attributes:
        length: cells from the start to the junction, 1 to 1,000,000; the most of them where they are drawn.
        shortest: the fewest of them, 1 to `length`; None where every episode has `length`.
    """

    length: int | jax.Array = 88
    shortest: int | jax.Array | None = None

    @property
    def max_steps_in_episode(self) -> int | jax.Array:
        """The most steps of an episode, under the name that gymnax uses."""
        return self.length + 2


@struct.dataclass
class RateTMazeState:
    """State of an episode.

    Attributes:
        x: int32, cells from the start.
        y: int32, 0 in the corridor, -1 or +1 in a goal cell.
        goal_y: int32, -1 or +1: the right goal cell.
        length: int32, cells from the start to the junction.
        seed: uint32, decides the noise.
        time: int32, steps taken.
    """

    x: jax.Array
    y: jax.Array
    goal_y: jax.Array
    length: jax.Array
    seed: jax.Array
    time: jax.Array


@struct.dataclass
class RateTMazeLayout:
    """What is random in an episode, integers of any dtype.

    Attributes:
        goal_y: -1 or +1, the right goal cell.
        length: cells from the start to the junction, 1 to `params.length`; None for the latter.
        seed: from 0 to 2^32 - 1; decides the noise.
    """

    goal_y: Any
    length: Any = None
    seed: Any = 0


@dataclasses.dataclass(frozen=True)
class RateTMaze(Probe[RateTMazeState, RateTMazeParams, RateTMazeLayout]):
    """The T-Maze of RATE (Cherepanov et al. 2023, arXiv 2306.09459), a passive one without penalty.

    A corridor runs from the start at x = 0 to the junction at x = L; the goal cells lie at y = -1 and y = +1 beside it.
    The clue in the first observation names the right one. L is `params.length`, or drawn uniformly from
    `params.shortest` to `params.length`, both included. The shortest way takes L + 1 steps.

    Observation, float32 [4], after t steps:
        * y: 0 in the corridor and at the junction, -1 or +1 in a goal cell;
        * clue: `goal_y` (+1: up) if t == 0, else 0;
        * flag: 1 if x == L and y == 0, else 0; with `flag_early` 1 if x == L - 1, else 0, as the paper's text has it.
          (In the released code the flag is shown the first time alone);
        * noise: -1, 0 or +1, uniform and independent of all else, drawn anew for each observation.

    Action:
        0 right (x + 1), 1 up (y + 1), 2 left (x - 1), 3 down (y - 1), as in `TMaze`. A move to what is no cell leaves
        the player where it is.

    Reward, float32:
        On entering a goal cell 1 if y == goal_y, else 0; before, 0.

    End:
        `terminated` on entering a goal cell, and on step L + 2 at the latest, which belongs to the task; never
        `truncated`.

    Info:
        * `success`, float32: 1.0 on the last step if y == goal_y, else 0.0.
        * `turned`, float32: 1.0 on the last step if it entered a goal cell, else 0.0. The mean of `success` over that
          of `turned` is the accuracy at the junction; who has forgotten the clue can only guess.
        * `discount`, float32: 0.0 on the last step, else 1.0.

    State, params, layout:
        `RateTMazeState`, `RateTMazeParams`, `RateTMazeLayout`. The key of a reset decides the layout, and the layout's
        seed all noise: `step_env` is deterministic.
    """

    fixed_horizon: ClassVar[bool] = False
    episode_metrics: ClassVar[tuple[str, ...]] = ("success", "turned")

    flag_early: bool = False

    @property
    def default_params(self) -> RateTMazeParams:
        """Params of corridors of 88 cells: at most 90 steps."""
        return RateTMazeParams()

    def reset_to(
        self, layout: RateTMazeLayout, params: RateTMazeParams | None = None
    ) -> tuple[jax.Array, RateTMazeState]:
        """Start an episode with a given layout: `(obs, state)`; also under `jit` and `vmap`.

        Raises:
            ConfigError: a layout that cannot be. Values that are traced cannot be seen and are taken as they are.
        """
        params = self.default_params if params is None else params
        if layout.length is not None and not is_traced(params.length):
            check_integers("length", layout.length, (), 1, int(params.length))
        return super().reset_to(layout, params)

    def step_env(
        self, key: jax.Array, state: RateTMazeState, action: int | float | jax.Array, params: RateTMazeParams
    ) -> Step[RateTMazeState]:
        """Take one step without resetting; `key` is not used."""
        action = jnp.asarray(action)
        right = int32(action == RIGHT) - int32(action == LEFT)
        up = int32(action == UP) - int32(action == DOWN)
        # Only from the junction can y change, and by no other move can x change there but by going back.
        state = dataclasses.replace(
            state,
            x=jnp.clip(state.x + right, 0, state.length),
            y=jnp.where(state.x == state.length, up, 0),
            time=state.time + 1,
        )
        success = state.y == state.goal_y
        obs, state, reward, done, info = self._stepped(state, int32(success), success, params)
        return obs, state, reward, done, info | {"turned": (state.y != 0).astype(jnp.float32)}

    def cue(self, state: RateTMazeState) -> jax.Array:
        """What has to be remembered: the side of the right goal cell, int32, -1 or 1."""
        return state.goal_y

    def scripted_policies(self, params: RateTMazeParams) -> dict[str, ScriptedPolicy]:
        """`oracle`: right to the junction, then into the right goal cell: always a success, in L + 1 steps."""

        def act(key: jax.Array, obs: jax.Array, state: RateTMazeState) -> jax.Array:
            return jnp.where(state.x < state.length, RIGHT, jnp.where(state.goal_y > 0, UP, DOWN))

        return {"oracle": without_memory(act)}

    def as_pomdp(self, params: RateTMazeParams) -> FinitePOMDP:
        """The maze with every state, outcome and probability written out; noise is drawn when it is shown.

        Raises:
            ConfigError: for more than 50,000 states; a corridor of L cells has (L + 1)(L + 4).
        """
        longest = int(params.length)
        lengths = range(longest if params.shortest is None else int(params.shortest), longest + 1)
        states = sum((length + 1) * (length + 4) for length in lengths)
        if states > _MOST_STATES:
            raise ConfigError(
                f"corridors of up to {longest} cells have {states} states: to write the task out allowed are at most "
                f"{_MOST_STATES}, as with length 200 and no shortest"
            )

        def seen(length: int, x: int, y: int, clue: int) -> list[np.ndarray]:
            shows_flag = y == 0 and x == length - self.flag_early
            return [np.array([y, clue, shows_flag, noise], np.float32) for noise in NOISES]

        def step(state: tuple[int, int, int, int], action: int) -> list[Outcome]:
            length, goal_y, x, time = state
            y = ((action == UP) - (action == DOWN)) if x == length else 0
            x = min(max(x + (action == RIGHT) - (action == LEFT), 0), length)
            time += 1
            done = y != 0 or time == length + 2
            return [
                Outcome(1 / len(NOISES), (length, goal_y, x, time), obs, float(y == goal_y), done)
                for obs in seen(length, x, y, 0)
            ]

        begin = [
            Beginning(1 / (2 * len(lengths) * len(NOISES)), (length, goal_y, 0, 0), obs)
            for length, goal_y in itertools.product(lengths, (-1, 1))
            for obs in seen(length, 0, 0, goal_y)
        ]
        return FinitePOMDP.from_rules(begin, step, 4, self.horizon(params))

    def is_terminated(self, state: RateTMazeState, params: RateTMazeParams) -> jax.Array:
        """Whether the player is in a goal cell, or the last step was taken."""
        return (state.y != 0) | (state.time >= state.length + 2)

    def action_space(self, params: RateTMazeParams | None = None) -> spaces.Discrete:
        """Four moves."""
        return spaces.Discrete(4)

    def observation_space(self, params: RateTMazeParams | None = None) -> spaces.Box:
        """Bounds of the observation."""
        bounds = (jnp.array([-1, -1, 0, -1], jnp.float32), jnp.array([1, 1, 1, 1], jnp.float32))
        return spaces.Box(*bounds, (4,), jnp.float32)

    def state_space(self, params: RateTMazeParams | None = None) -> spaces.Dict:
        """Bounds of the state's fields."""
        params = self.default_params if params is None else params
        return spaces.Dict(
            {
                "x": spaces.Box(0, params.length, (), jnp.int32),
                "y": spaces.Box(-1, 1, (), jnp.int32),
                "goal_y": spaces.Box(-1, 1, (), jnp.int32),
                "length": spaces.Box(1, params.length, (), jnp.int32),
                "seed": seed_space(),
                "time": spaces.Box(0, params.max_steps_in_episode, (), jnp.int32),
            }
        )

    def render(self, state: RateTMazeState, params: RateTMazeParams) -> np.ndarray:
        """Draw one state on the host, as `TMaze` is drawn: the clue while the player is at the start."""
        return draw(int(state.x), int(state.y), int(state.goal_y), int(state.length))

    def _steps(self, params: RateTMazeParams) -> int | jax.Array:
        return params.max_steps_in_episode

    def _draw(self, key: jax.Array, params: RateTMazeParams) -> RateTMazeLayout:
        for_goal, for_length, for_seed = jax.random.split(key, 3)
        goal_y = 2 * int32(jax.random.bits(for_goal, (), jnp.uint32) & 1) - 1
        if params.shortest is None:
            length = int32(params.length)
        else:
            length = jax.random.randint(for_length, (), params.shortest, int32(params.length) + 1)
        return RateTMazeLayout(goal_y, length, random_seed(for_seed))

    def _check(self, layout: RateTMazeLayout) -> None:
        check_integers("goal_y", layout.goal_y, (), -1, 1)
        if not is_traced(layout.goal_y) and not np.all(layout.goal_y):
            raise ConfigError("layout.goal_y is 0: allowed is -1 or 1")
        check_seed(layout.seed)

    def _begin(self, layout: RateTMazeLayout, params: RateTMazeParams) -> RateTMazeState:
        return RateTMazeState(
            x=int32(0),
            y=int32(0),
            goal_y=int32(layout.goal_y),
            length=int32(params.length if layout.length is None else layout.length),
            seed=jnp.asarray(layout.seed, jnp.uint32),
            time=int32(0),
        )

    def _observe(self, state: RateTMazeState, params: RateTMazeParams) -> jax.Array:
        clue = jnp.where(state.time == 0, state.goal_y, 0)
        shows_flag = (state.y == 0) & (state.x == state.length - self.flag_early)
        noise = ternary_noise(state.seed, state.time)
        return jnp.stack([state.y, clue, int32(shows_flag), noise]).astype(jnp.float32)
