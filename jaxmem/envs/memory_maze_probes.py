"""What an agent in the Memory Maze might remember, to be read from its memory."""

import jax
import jax.numpy as jnp

from jaxmem.envs.memory_maze_layout import walls_of
from jaxmem.envs.memory_maze_paths import cell_word, way
from jaxmem.envs.memory_maze_state import MemoryMazeState
from jaxmem.envs.memory_maze_textures import OBJECTS


def probes(state: MemoryMazeState) -> dict[str, jax.Array]:
    """Maze, player and objects as numbers, under the names of the original's extra observations where it has them.

    Returns:
        Positions are float32 in cells, on the map; `vec` are to the right of the player and ahead of it.

        * `maze_layout`: uint8 [size, size] by [y, x], 1 where a cell is free.
        * `agent_pos`, `agent_dir`: [2] each, place and direction of the player.
        * `targets_pos`, `targets_vec`: [n, 2] each, the objects.
        * `target_pos`, `target_vec`: [2] each, the target.
        * `target_color`: float32 [3], RGB from 0 to 1.
        * `target_index`: int32.
        * `targets_distance`: int32 [n], steps from cell to cell on the shortest way to each object.
    """
    direction = jnp.stack([jnp.cos(state.heading), jnp.sin(state.heading)])
    places = state.objects.astype(jnp.float32) + 0.5
    away = places - state.position
    vectors = jnp.stack([away @ jnp.stack([direction[1], -direction[0]]), away @ direction], axis=-1)
    cell = jnp.floor(state.position).astype(jnp.int32)
    words = state.rows.shape[0]

    def distance(goal: jax.Array) -> jax.Array:
        return way(cell, cell_word(goal, words), ~state.rows).length

    return {
        "maze_layout": (~walls_of(state.rows)).astype(jnp.uint8),
        "agent_pos": state.position,
        "agent_dir": direction,
        "targets_pos": places,
        "targets_vec": vectors,
        "target_pos": places[state.target],
        "target_vec": vectors[state.target],
        "target_color": jnp.asarray(OBJECTS / 255)[state.target],
        "target_index": state.target,
        "targets_distance": jax.vmap(distance)(state.objects),
    }
