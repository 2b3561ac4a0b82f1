"""Steps per second of Atari games, whose emulators compiled programs call."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxmem import envs
from jaxmem.benchmarks.program import build
from jaxmem.benchmarks.report import Cell, Table
from jaxmem.benchmarks.timing import Repeats, interleave
from jaxmem.training.task import Task

IDS = ("ale/pong", "ale/breakout", "ale/ms_pacman")


@dataclass(frozen=True)
class AtariBench:
    """What to measure.

    Attributes:
        ids: games, with their default options.
        rows: how many are played side by side.
        steps: steps of each in one compiled call.
        repeats: how often.
    """

    ids: tuple[str, ...]
    rows: int
    steps: int
    repeats: Repeats


def is_installed() -> bool:
    """Whether ale-py is there."""
    return importlib.util.find_spec("ale_py") is not None


def playing(task: Task, rows: int, steps: int) -> Callable[[Any, jax.Array], tuple[Any, jax.Array]]:
    """A function of state and key that takes random actions: the state then, and the sum of all that is seen."""

    def play(state: Any, key: jax.Array) -> tuple[Any, jax.Array]:
        def step(carry: tuple, key: jax.Array) -> tuple[tuple, None]:
            state, total = carry
            action = task.random_actions(key, rows).action
            stepped = task.step(key, state, action)
            seen = jnp.sum(stepped.obs, dtype=jnp.uint8).astype(jnp.float32)
            return (stepped.state, total + seen + jnp.sum(stepped.reward)), None

        return jax.lax.scan(step, (state, jnp.zeros(())), jax.random.split(key, steps))[0]

    return play


def measure(bench: AtariBench, begin: Callable[[str], None]) -> Table:
    """The table of steps per second; `begin` is called with what is measured before each game."""
    key = jax.random.key(0)
    work = bench.rows * bench.steps
    found: list[tuple[Cell, ...]] = []
    for id in bench.ids:
        begin(f"game {id}")
        options: Any = envs.options(id)
        task = Task.of(options)
        _, state = jax.jit(partial(task.reset, rows=bench.rows))(key)
        program = build(playing(task, bench.rows, bench.steps), state, key)
        # Games go on from call to call, whichever state they are given: it has no emulators.
        timing = interleave({"game": partial(program.call, state, key)}, bench.repeats)["game"]
        frames = timing.rate(work * options.frame_skip).median
        found.append((id, bench.rows, timing.rate(work), frames, program.compile_seconds))
    return Table(
        "Atari: random actions, a picture of 84 x 84 a step",
        ("game", "side by side", "steps/s", "emulator frames/s", "compile s"),
        found,
        (
            f"{bench.steps} steps in one scan, as while training: a game that is over begins anew. Observations are "
            f"read. {bench.repeats}",
            "Steps per second are those of all games together; how many threads they have is up to ale-py.",
        ),
    )
