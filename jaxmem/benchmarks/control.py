"""Time of learning and acting with TD3 on parts of episodes, and what acting in a window costs."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxmem import agents, cores, envs
from jaxmem.agents import AgentState
from jaxmem.benchmarks.cores import UPDATES, episodes_like, updates
from jaxmem.benchmarks.program import Program, build
from jaxmem.benchmarks.report import Cell, Table
from jaxmem.benchmarks.timing import Repeats, Timing, interleave
from jaxmem.cores import Windowed
from jaxmem.networks import Inputs, NetworkOptions, parameter_count
from jaxmem.replay import Before, Episodes
from jaxmem.training import loop
from jaxmem.training.collect import collect
from jaxmem.training.options import LoopOptions, RunConfig
from jaxmem.training.task import Task

CORES = ("lstm", "gpt", "gru", "lru", "mlp")
"""Those that are measured if none are named."""
PHYSICS = ("brax/hopper", "brax/halfcheetah")
NO_PHYSICS = ("brax/fast",)
"""Brax's environment that computes nothing, to see that it works."""
# Both kinds of the transformer's: with the first one it acts in a window.
_POSITIONS = {"gpt": ("sine", "rotary")}
# Ways of acting, and the option that asks for each.
_WINDOW, _CARRIED = "window", "carried memory"
_ASKED = {_WINDOW: "always", _CARRIED: "never"}


@dataclass(frozen=True)
class ControlBench:
    """What to measure.

    Attributes:
        cores: registered names.
        context: steps of the parts that updates see.
        batch_size: parts in an update.
        act_batch: rows that act side by side, each in an environment of its own.
        steps: steps of an episode, more than `context`.
        width: width of the core; the embeddings share it in halves.
        repeats: how often.
    """

    cores: tuple[str, ...]
    context: int
    batch_size: int
    act_batch: int
    steps: int
    width: int
    repeats: Repeats

    def cases(self) -> list["Case"]:
        """Every core, with each kind of positions."""
        return [Case(core, positions) for core in self.cores for positions in _POSITIONS.get(core, (None,))]


@dataclass(frozen=True)
class Case:
    """A core, and its positions where there is a choice."""

    core: str
    positions: str | None

    def __str__(self) -> str:
        return self.core if self.positions is None else f"{self.core}, {self.positions}"


@dataclass(frozen=True)
class Acting:
    """Whole episodes played by B rows: the program, and the times."""

    program: Program
    timing: Timing


@dataclass(frozen=True)
class Figures:
    """All that was measured of one case; `chosen` is the way in which TD3 acts with this core, if it is not told."""

    case: Case
    parameters: int
    update: Program
    updating: Timing
    acting: dict[str, Acting]
    chosen: str


def make_program(bench: ControlBench, case: Case, window: str = "auto") -> loop.Program:
    """TD3 on the pendulum whose velocity is not seen, as the training loop makes it; `window` is its option."""
    fields = {field.name for field in dataclasses.fields(cores.options(case.core))}
    options: dict[str, Any] = {"dropout": 0.0} if "dropout" in fields else {}
    options |= {} if case.positions is None else {"positions": case.positions}
    return loop.Program(
        RunConfig(
            env=envs.options("OccludedPendulum-v0", occlude="P", max_steps_in_episode=bench.steps),
            core=cores.options(case.core, width=bench.width, **options),
            agent=agents.options("td3", batch_size=bench.batch_size, context=bench.context, window=window),
            network=NetworkOptions(obs_embed=bench.width - bench.width // 2, action_embed=bench.width // 2),
            loop=LoopOptions(episodes=1),
        )
    )


def measure(bench: ControlBench, case: Case) -> Figures:
    """Compile and time acting in both ways, in turns, and updates."""
    key = jax.random.key(0)
    made = {way: make_program(bench, case, asked) for way, asked in _ASKED.items()}
    # One compilation instead of one an operation.
    states = {way: jax.jit(one.agent.init)(key) for way, one in made.items()}
    programs = {way: build(episodes_of(one, bench.act_batch), states[way], key) for way, one in made.items()}
    calls = {way: partial(program.call, states[way], key) for way, program in programs.items()}
    times = interleave(calls, bench.repeats)
    acting = {way: Acting(program, times[way]) for way, program in programs.items()}

    agent: Any = make_program(bench, case).agent
    chosen = _WINDOW if isinstance(agent.net.trunk.core, Windowed) else _CARRIED
    parameters = parameter_count(states[chosen].params)
    program, update = updates(agent.update, states[chosen], parts_like(agent.example, bench.context, bench.batch_size))
    timing = interleave({"update": update}, bench.repeats)["update"].share(UPDATES)
    return Figures(case, parameters, program, timing, acting, chosen)


def episodes_of(program: loop.Program, rows: int) -> Callable[[AgentState, jax.Array], jax.Array]:
    """A function of an agent's state and a key that plays whole episodes, exploring, and returns their returns [B]."""

    def play(state: AgentState, key: jax.Array) -> jax.Array:
        return collect(program.task, program.agent, state, key, rows, "explore")[1]["return"]

    return play


def parts_like(example: Inputs, steps: int, batch_size: int) -> Episodes:
    """Made-up parts from inside episodes with continuous actions; see `episodes_like`."""
    episodes = episodes_like(example, steps, batch_size)
    actions = jnp.zeros((steps, batch_size, *example.prev_action.shape[1:]))
    before = Before(actions[0], episodes.reward[0])
    return dataclasses.replace(episodes, action=actions, terminated=jnp.zeros((batch_size,), bool), before=before)


def tables(bench: ControlBench, figures: list[Figures]) -> list[Table]:
    """Learning and acting."""
    return [learning(bench, figures), acting(bench, figures)]


def learning(bench: ControlBench, figures: list[Figures]) -> Table:
    """Cost of an update."""
    rows: list[tuple[Cell, ...]] = [
        (
            str(item.case),
            item.parameters,
            item.updating.spread(1e3),
            item.updating.rate(1).median,
            item.update.compile_seconds,
        )
        for item in figures
    ]
    return Table(
        f"TD3, learning: updates on {bench.batch_size} parts of {bench.context} steps, width {bench.width}",
        ("core", "parameters", "ms per update", "updates/s", "compile s"),
        rows,
        (f"A whole update of policy, critics and targets, made in a compiled loop as in training. {bench.repeats}",),
    )


def acting(bench: ControlBench, figures: list[Figures]) -> Table:
    """Cost of a step while exploring, in both ways."""
    rows: list[tuple[Cell, ...]] = []
    steps = bench.steps * bench.act_batch
    for item in figures:
        for way, found in item.acting.items():
            timing = found.timing
            rows.append(
                (
                    str(item.case),
                    way,
                    "yes" if way == item.chosen else "",
                    timing.spread(1e6 / steps),
                    timing.rate(steps).median,
                    timing.relative_to(item.acting[_CARRIED].timing) if way == _WINDOW else None,
                    found.program.compile_seconds,
                )
            )
    columns = ("core", "acts with", "chosen", "µs per step and row", "steps/s", "time relative to carried", "compile s")
    return Table(
        f"TD3, acting: {bench.act_batch} rows in OccludedPendulum-v0, width {bench.width}",
        columns,
        rows,
        (
            f"Whole episodes of {bench.steps} steps in one scan, environment included. {bench.repeats}",
            "Both ways in turns; the ratio is that of neighbours in time. Steps per second are those of all rows "
            "together.",
            f"A window is the last {bench.context + 1} steps, unrolled anew for each step. Chosen: what TD3 does with "
            "this core by itself.",
        ),
    )


def measure_physics(bench: ControlBench, ids: Sequence[str], begin: Callable[[str], None]) -> Table:
    """The table of environment steps per second of libraries of physics.

    Args:
        bench: as many rows, and steps of each in one compiled call, as while acting.
        ids: environments, with their default options.
        begin: called with the id before each environment.
    """
    key = jax.random.key(0)
    steps = bench.steps * bench.act_batch
    rows: list[tuple[Cell, ...]] = []
    for id in ids:
        begin(id)
        program = build(random_steps(Task.of(envs.options(id)), bench.act_batch, bench.steps), key)
        timing = interleave({"env": partial(program.call, key)}, bench.repeats)["env"]
        rows.append((id, timing.spread(1e6 / steps), timing.rate(steps).median, program.compile_seconds))
    return Table(
        f"Physics: {bench.act_batch} rows, random actions",
        ("environment", "µs per step and row", "steps/s", "compile s"),
        rows,
        (
            f"{bench.steps} steps in one scan, as while training: without resets; rows that are over go on. "
            f"Observations are read. {bench.repeats}",
            "Steps per second are those of all rows together.",
        ),
    )


def random_steps(task: Task, rows: int, steps: int) -> Callable[[jax.Array], jax.Array]:
    """A function of a key that takes random actions: steps x rows steps. It returns the sum of all that is seen."""

    def play(key: jax.Array) -> jax.Array:
        reset_key, scan_key = jax.random.split(key)

        def step(carry: tuple, key: jax.Array) -> tuple[tuple, None]:
            state, total = carry
            action_key, step_key = jax.random.split(key)
            stepped = task.step(step_key, state, task.random_actions(action_key, rows).action)
            return (stepped.state, total + jnp.sum(stepped.obs) + jnp.sum(stepped.reward)), None

        obs, state = task.reset(reset_key, rows)
        (_, total), _ = jax.lax.scan(step, (state, jnp.sum(obs)), jax.random.split(scan_key, steps))
        return total

    return play
