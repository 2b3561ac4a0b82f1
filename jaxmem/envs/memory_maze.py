"""The Memory Maze: find coloured objects again and again, in a maze seen in first person."""

import dataclasses
import functools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments import spaces
from gymnax.environments.environment import Environment

from jaxmem.envs import memory_maze_layout as layouts
from jaxmem.envs import memory_maze_map, memory_maze_policies
from jaxmem.envs.memory_maze_drawing import Scene, picture
from jaxmem.envs.memory_maze_layout import MemoryMazeLayout
from jaxmem.envs.memory_maze_motion import Motion, move
from jaxmem.envs.memory_maze_probes import probes
from jaxmem.envs.memory_maze_state import MemoryMazeParams, MemoryMazeState
from jaxmem.envs.policies import ScriptedPolicy

# In the original a ball of radius 0.2 m rolls on the floor and touches one of 0.6 m that is half in it; cells are 2 m.
REACH = float(np.sqrt(0.8**2 - 0.2**2) / 2)


@dataclasses.dataclass(frozen=True)
class MemoryMaze(Environment[Any, Any]):
    """Memory Maze (Pasukonis et al. 2022, arXiv 2210.13383), without MuJoCo.

    A random maze of `size` x `size` cells within a border has `objects` objects of different colours, which stay where
    they are. One is the target, drawn uniformly; the frame of the picture has its colour. Whoever touches it is
    paid, and another one becomes the target. Who remembers where the objects are walks straight there.

    Observation, uint8 [pixels, pixels, 3]:
        RGB in first person, 80 degrees wide and high, from 0.45 cells above the floor (a cell is 2 m), a little
        downwards. Walls are 0.75 cells high, their colours and patterns differ between the nine areas of a maze;
        objects are half balls of radius 0.3 cells in the middle of a cell; the frame, 2 of 64 pixels wide, has the
        target's colour.

    Action:
        0 nothing, 1 forward, 2 left, 3 right, 4 forward and left, 5 forward and right. Full speed is 0.25 cells or 18.4
        degrees a step. The first step from rest makes 0.112 cells, or 14.1 degrees; when the action ends the
        player rolls on for 0.18 cells in all, and turns 4.3 degrees on.

    Reward, float32:
        1 on a step that comes within 0.387 cells of the target's middle, else 0. Other objects do not matter, and
        one can walk over them.

    End:
        Never `terminated`; `truncated` after `params.max_steps_in_episode` steps.

    Info:
        * `targets`, float32: targets reached so far, the episode's return.
        * `discount`, float32: always 1.0.

        There is no success: the task has no end.

    What differs from the original:
        * Mazes are drawn by another algorithm (`memory_maze_generation`), with rooms, loops and a share of free cells
          like labmaze's. The player starts in any free cell without an object; there it starts in a room.
        * Walls stop the player without friction or spin: it slides along them at the speed that is left.
        * Motion was fitted to the original's, and has no noise. Turning ends a little sooner there.
        * The camera's tilt shifts the picture and leaves its verticals upright. Textures are others.

    State, params, layout:
        `MemoryMazeState`, `MemoryMazeParams`, `MemoryMazeLayout`. `step_env` is deterministic; the key of a reset
        decides the layout.

    Attributes:
        size: cells in a row.
        objects: how many objects there are, 2 to 6.
        pixels: width and height of the observation, a multiple of 4.
    """

    fixed_horizon: ClassVar[bool] = True
    episode_metrics: ClassVar[tuple[str, ...]] = ("targets",)

    size: int = 9
    objects: int = 3
    pixels: int = 64

    @property
    def default_params(self) -> MemoryMazeParams:
        """Params with a limit of 1000 steps."""
        return MemoryMazeParams()

    @property
    def name(self) -> str:
        """Name of the environment."""
        return "MemoryMaze"

    @property
    def num_actions(self) -> int:
        """Number of actions: 6."""
        return 6

    def horizon(self, params: MemoryMazeParams) -> int:
        """Steps of every episode."""
        return int(params.max_steps_in_episode)

    def reset_env(self, key: jax.Array, params: MemoryMazeParams) -> tuple[jax.Array, MemoryMazeState]:
        """Start an episode in a random maze."""
        return self._start(layouts.draw(key, self.size, self.objects))

    def reset_to(
        self, layout: MemoryMazeLayout, params: MemoryMazeParams | None = None
    ) -> tuple[jax.Array, MemoryMazeState]:
        """Start an episode in a given maze: `(obs, state)`; also under `jit` and `vmap`.

        Raises:
            ConfigError: a layout that cannot be. Within `jit` and `vmap` values cannot be seen, there only wrong
                shapes are found.
        """
        layouts.check(layout, self.size, self.objects)
        return self._start(layout)

    def _start(self, layout: MemoryMazeLayout) -> tuple[jax.Array, MemoryMazeState]:
        walls = jnp.asarray(layout.walls, bool)
        areas = jnp.asarray(layout.areas, jnp.uint32).reshape(-1) << np.arange(0, 27, 3, dtype=np.uint32)
        heading = jnp.asarray(layout.heading, jnp.float32)
        turn = 2 * np.float32(np.pi)
        state = MemoryMazeState(
            time=jnp.int32(0),
            position=jnp.asarray(layout.position, jnp.float32),
            heading=heading - turn * jnp.round(heading / turn),
            rolling=jnp.float32(0),
            turning=jnp.float32(0),
            target=jnp.asarray(layout.target, jnp.int32),
            reached=jnp.int32(0),
            rows=layouts.words(walls),
            columns=layouts.words(walls.T),
            objects=jnp.asarray(layout.objects, jnp.int32),
            areas=jnp.sum(areas, dtype=jnp.uint32),
            seed=jnp.asarray(layout.seed).astype(jnp.uint32),
        )
        return self._observe(state), state

    def step_env(
        self,
        key: jax.Array,
        state: MemoryMazeState,
        action: int | float | jax.Array,
        params: MemoryMazeParams,
    ) -> tuple[jax.Array, MemoryMazeState, jax.Array, jax.Array, dict[Any, Any]]:
        """Take one step without resetting; `key` is not used."""
        before = Motion(state.position, state.heading, state.rolling, state.turning)
        after = move(before, jnp.asarray(action, jnp.int32), state.rows)
        touched = _distance(before.position, after.position, state.objects[state.target] + 0.5) < REACH
        state = MemoryMazeState(
            time=state.time + 1,
            position=after.position,
            heading=after.heading,
            rolling=after.rolling,
            turning=after.turning,
            target=jnp.where(touched, self._next_target(state), state.target),
            reached=state.reached + touched,
            rows=state.rows,
            columns=state.columns,
            objects=state.objects,
            areas=state.areas,
            seed=state.seed,
        )
        info = {"targets": state.reached.astype(jnp.float32), "discount": jnp.float32(1.0)}
        return self._observe(state), state, touched.astype(jnp.float32), self.is_terminated(state, params), info

    @functools.partial(jax.jit, static_argnames=("self",))
    def step(
        self,
        key: jax.Array,
        state: MemoryMazeState,
        action: int | float | jax.Array,
        params: MemoryMazeParams | None = None,
    ) -> tuple[jax.Array, MemoryMazeState, jax.Array, jax.Array, jax.Array, dict[Any, Any]]:
        """Take one step and start anew after the last one.

        As gymnax's, with the same keys, but the picture is drawn of the state that is chosen, not chosen of two: who
        does not read `final_observation` pays for one.
        """
        params = self.default_params if params is None else params
        step_key, reset_key = jax.random.split(key)
        final, stepped, reward, terminated, info = self.step_env(step_key, state, action, params)
        truncated = self.is_truncated(stepped, params)
        done = terminated | truncated
        _, fresh = self.reset_env(reset_key, params)
        state = jax.tree.map(functools.partial(jnp.where, done), fresh, stepped)
        info |= {"terminated": terminated, "truncated": truncated, "final_observation": final}
        return self._observe(state), state, reward, terminated, truncated, info

    def _next_target(self, state: MemoryMazeState) -> jax.Array:
        """Another object, each as likely, decided by the seed and how many were reached."""
        word = state.seed ^ ((state.reached + 1).astype(jnp.uint32) * np.uint32(0x9E3779B9))
        for factor in (0x85EBCA6B, 0xC2B2AE35):
            word = (word ^ (word >> 16)) * np.uint32(factor)
        word ^= word >> 16
        return (state.target + 1 + (word % (self.objects - 1)).astype(jnp.int32)) % self.objects

    def is_terminated(self, state: MemoryMazeState, params: MemoryMazeParams) -> jax.Array:
        """Never: the task has no end."""
        return jnp.zeros_like(state.time, bool)

    def is_truncated(self, state: MemoryMazeState, params: MemoryMazeParams) -> jax.Array:
        """Whether the time limit was reached."""
        return state.time >= jnp.asarray(params.max_steps_in_episode, jnp.int32)

    def _observe(self, state: MemoryMazeState) -> jax.Array:
        scene = Scene(state.rows, state.columns, state.areas, state.objects, state.target)
        return picture(state.camera(), scene, self.pixels)

    def action_space(self, params: MemoryMazeParams | None = None) -> spaces.Discrete:
        """Six actions."""
        return spaces.Discrete(self.num_actions)

    def observation_space(self, params: MemoryMazeParams | None = None) -> spaces.Box:
        """An RGB picture, uint8 [pixels, pixels, 3]."""
        return spaces.Box(0, 255, (self.pixels, self.pixels, 3), jnp.uint8)

    def state_space(self, params: MemoryMazeParams | None = None) -> spaces.Dict:
        """Bounds of the state's fields."""
        params = self.default_params if params is None else params
        steps, words = params.max_steps_in_episode, (self.size + 2,)
        most = 2**32 - 1
        return spaces.Dict(
            {
                "time": spaces.Box(0, steps, (), jnp.int32),
                "position": spaces.Box(0, self.size, (2,), jnp.float32),
                "heading": spaces.Box(-np.pi, np.pi, (), jnp.float32),
                "rolling": spaces.Box(0, 1, (), jnp.float32),
                "turning": spaces.Box(-1, 1, (), jnp.float32),
                "target": spaces.Box(0, self.objects - 1, (), jnp.int32),
                "reached": spaces.Box(0, steps, (), jnp.int32),
                "rows": spaces.Box(0, most, words, jnp.uint32),
                "columns": spaces.Box(0, most, words, jnp.uint32),
                "objects": spaces.Box(0, self.size - 1, (self.objects, 2), jnp.int32),
                "areas": spaces.Box(0, most, (), jnp.uint32),
                "seed": spaces.Box(0, most, (), jnp.uint32),
            }
        )

    def top_down(self, state: MemoryMazeState, params: MemoryMazeParams) -> jax.Array:
        """A map with walls, objects, a ring around the target, the player: uint8 [H, H, 3], H = 12 (size + 2)."""
        return memory_maze_map.top_down(
            state.rows, state.areas, state.objects, state.target, state.position, state.heading
        )

    def render(self, state: MemoryMazeState, params: MemoryMazeParams) -> np.ndarray:
        """Draw one state on the host: what the player sees and, to its right, the map; uint8 [H, W, 3]."""
        return memory_maze_map.beside(np.asarray(self._observe(state)), np.asarray(self.top_down(state, params)))

    def probes(self, state: MemoryMazeState, params: MemoryMazeParams) -> dict[str, jax.Array]:
        """What an agent might have in memory, under the names of the original's extra observations where it has them.

        See `memory_maze_probes.probes` for names, shapes and units.
        """
        return probes(state)

    def scripted_policies(self, params: MemoryMazeParams) -> dict[str, ScriptedPolicy]:
        """`oracle` knows the maze, `explorer` what it has seen of it; see `memory_maze_policies`."""
        return {"oracle": memory_maze_policies.oracle(), "explorer": memory_maze_policies.explorer()}


def _distance(start: jax.Array, end: jax.Array, point: jax.Array) -> jax.Array:
    """Distance of a point from a straight way, all float [2]."""
    way = end - start
    part = jnp.sum((point - start) * way) / jnp.maximum(jnp.sum(way**2), 1e-12)
    nearest = start + jnp.clip(part, 0.0, 1.0) * way
    return jnp.sqrt(jnp.sum((point - nearest) ** 2))
