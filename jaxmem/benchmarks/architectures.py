"""Parameters, acting, learning and saliency of the architectures for pictures."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxmem import agents
from jaxmem.agents import Unroll
from jaxmem.analysis.looking.saliency import SaliencyOptions, saliency_of
from jaxmem.analysis.looking.watch import Moments
from jaxmem.benchmarks.cores import UPDATES, episode, episodes_like, updates
from jaxmem.benchmarks.program import Program, build
from jaxmem.benchmarks.report import Cell, Table
from jaxmem.benchmarks.timing import Repeats, Timing, interleave
from jaxmem.networks import first_inputs, parameter_count
from jaxmem.networks.architectures import ARCHITECTURES, Architecture, atari, small

PICTURES: dict[str, tuple[tuple[int, int, int], Callable[[str], Architecture]]] = {
    "10 x 10 x 4": ((10, 10, 4), small),
    "84 x 84 x 4": ((84, 84, 4), atari),
}
"""What is seen, and the sizes of the architectures that see it."""

_ACTIONS = 6


@dataclass(frozen=True)
class ArchitectureBench:
    """What to measure.

    Attributes:
        names: of the architectures.
        pictures: names in `PICTURES`.
        rows: that act, and learn, side by side.
        steps: of an unroll.
        repeats: how often.
    """

    names: tuple[str, ...]
    pictures: tuple[str, ...]
    rows: int
    steps: int
    repeats: Repeats

    def cases(self) -> list[tuple[str, str]]:
        """Pictures and architectures."""
        return [(picture, name) for picture in self.pictures for name in self.names]


@dataclass(frozen=True)
class Figures:
    """What was measured of one case.

    Attributes:
        parameters: how many.
        act: the program that plays an unroll.
        acting: its times.
        learn: the program that makes updates.
        learning: times of one update.
        saliency: times of the saliency of one frame.
    """

    parameters: int
    act: Program
    acting: Timing
    learn: Program
    learning: Timing
    saliency: Timing


def make_agent(bench: ArchitectureBench, picture: str, name: str) -> Any:
    """V-trace with an architecture, for pictures of bytes."""
    from gymnax.environments import spaces

    shape, sized = PICTURES[picture]
    made = sized(name)
    obs_space = spaces.Box(0, 255, shape, jnp.uint8)
    parts = made.network.parts(made.core, obs_space, spaces.Discrete(_ACTIONS), bench.steps + 1)
    example = first_inputs(jnp.zeros((1, *shape), jnp.uint8))
    return agents.options("vtrace").make(parts, example, bench.steps)


def measure(bench: ArchitectureBench, picture: str, name: str) -> Figures:
    """Compile and time acting and learning."""
    agent = make_agent(bench, picture, name)
    state = jax.jit(agent.init)(jax.random.key(0))
    episodes = episodes_like(agent.example, bench.steps, bench.rows)
    obs, params = episodes.obs[:-1], state.params
    act = build(episode(agent.net, bench.steps), params, obs)
    acting = interleave({"act": lambda: act.call(params, obs)}, bench.repeats)["act"]
    saliency = interleave({"saliency": partial(_saliency, agent, params, obs[0, :1])}, bench.repeats)["saliency"]
    parameters = parameter_count(params)
    # From here on the parameters are donated.
    learn, update = updates(lambda state, batch, key: agent.update(state, batch, key, 0.0), state, Unroll.of(episodes))
    learning = interleave({"learn": update}, bench.repeats)["learn"].share(UPDATES)
    return Figures(parameters, act, acting, replace(learn, flops=learn.flops / UPDATES), learning, saliency)


def _saliency(agent: Any, params: Any, frame: jax.Array) -> Any:
    """Saliency of policy and value of one frame, bytes [1, H, W, C], as the first of an episode."""
    moment = Moments(agent.initial_carry(1), first_inputs(frame), jnp.ones((1,), bool))
    options = SaliencyOptions.for_size(*frame.shape[1:3])
    return saliency_of(agent.net, params, moment, options, lambda done: None, block=1)


def table(bench: ArchitectureBench, found: dict[tuple[str, str], Figures]) -> Table:
    """The figures of all cases."""
    work = bench.rows * bench.steps
    rows: list[tuple[Cell, ...]] = []
    for (picture, name), figures in found.items():
        acting, learning = figures.acting.rate(work), figures.learning.rate(work)
        both = 1 / (1 / acting.median + 1 / learning.median)
        rows.append(
            (
                picture,
                name,
                figures.parameters,
                acting,
                learning,
                both,
                figures.saliency.spread(1),
                figures.learn.flops / work / 1e6,
                figures.learn.temporary_bytes / 2**20,
                figures.act.compile_seconds + figures.learn.compile_seconds,
            )
        )
    return Table(
        f"Architectures for pictures: {bench.rows} rows, unrolls of {bench.steps} steps, V-trace",
        (
            *("picture", "core", "parameters", "acting steps/s", "learning steps/s", "both steps/s"),
            *("saliency s/frame", "learning MFLOP/step", "learning MiB", "compile s"),
        ),
        rows,
        (
            f"No environment; pictures are bytes. Learning is one update on the unroll. {bench.repeats}",
            "Both: a step that is acted in and learned from once. Saliency is that of policy and value, in one frame. "
            "Operations are those of matrix products alone, which off CPUs convolutions are not.",
            *(f"{name}: {what}" for name, what in ARCHITECTURES.items()),
        ),
    )
