"""Steps per second of the Memory Maze, every picture drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxmem import envs
from jaxmem.benchmarks.envs import rollout
from jaxmem.benchmarks.program import build
from jaxmem.benchmarks.report import Cell, Table
from jaxmem.benchmarks.timing import Repeats, interleave

ID = "MemoryMaze-v0"
SIZES = (9, 15)
ROWS = (1, 16, 256)


@dataclass(frozen=True)
class MazeBench:
    """What to measure.

    Attributes:
        sizes: of the mazes.
        rows: numbers of environments side by side.
        steps: environment steps of each in one compiled call.
        repeats: how often.
    """

    sizes: tuple[int, ...]
    rows: tuple[int, ...]
    steps: int
    repeats: Repeats

    def cases(self) -> list[tuple[int, int]]:
        """Size of the maze and environments side by side, one a row of the table."""
        return [(size, rows) for size in self.sizes for rows in self.rows]


def playing(env: Any, params: Any, rows: int, steps: int) -> Callable[[jax.Array], jax.Array]:
    """A function of a key: mazes are drawn once, then random actions as while training, without resets.

    It returns the sum of all pictures and rewards, so that nothing can be left out.
    """
    space = env.action_space(params)

    def play(key: jax.Array) -> jax.Array:
        reset_key, scan_key = jax.random.split(key)
        _, state = jax.vmap(env.reset_env, in_axes=(0, None))(jax.random.split(reset_key, rows), params)

        def step(carry: tuple[Any, jax.Array], key: jax.Array) -> tuple[tuple[Any, jax.Array], None]:
            state, total = carry
            actions = jax.vmap(space.sample)(jax.random.split(key, rows))
            obs, state, reward, *_ = jax.vmap(env.step_env, in_axes=(None, 0, 0, None))(key, state, actions, params)
            # Bytes that overflow are read as well, and add up in a tenth of the time.
            seen = jnp.sum(obs, axis=(1, 2, 3), dtype=jnp.uint8).astype(jnp.float32)
            return (state, total + seen + reward), None

        (_, total), _ = jax.lax.scan(step, (state, jnp.zeros((rows,))), jax.random.split(scan_key, steps))
        return jnp.sum(total)

    return play


def measure(bench: MazeBench, begin: Callable[[str], None]) -> Table:
    """The table of steps per second; `begin` is called with what is measured before each row of it."""
    key = jax.random.key(0)
    found: list[tuple[Cell, ...]] = []
    for size, rows in bench.cases():
        begin(f"Memory Maze {size} x {size}, {rows} side by side")
        made = envs.make(ID, size=size)
        programs = {
            "training": build(playing(*made, rows, bench.steps), key),
            "resets": build(rollout(*made, rows, bench.steps), key),
        }
        timed = interleave({name: lambda call=one.call: call(key) for name, one in programs.items()}, bench.repeats)
        rates = [timing.rate(rows * bench.steps) for timing in timed.values()]
        found.append((f"{size} x {size}", rows, *rates, programs["training"].compile_seconds))
    return Table(
        "Memory Maze: random actions, a picture of 64 x 64 a step",
        ("maze", "side by side", "steps/s", "steps/s, automatic resets", "compile s"),
        found,
        (
            f"{bench.steps} steps in one scan. As while training: mazes are drawn once, at the start, which is part of "
            f"the time. Automatic resets draw a maze in each step, whether it is needed or not. {bench.repeats}",
            "Steps per second are those of all environments together. Compile: of the first of both programs.",
        ),
    )
