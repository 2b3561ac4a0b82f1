"""A program's functions, compiled ahead of time, and whether the machine can hold them."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxmem.config import ConfigError
from jaxmem.replay import nbytes
from jaxmem.training.devices import place, seed_sharding
from jaxmem.training.loop import Program
from jaxmem.training.state import Metrics, Run


@dataclass(frozen=True)
class Compiled:
    """The functions of a run, as executables that can never compile again.

    Attributes:
        program: whose functions they are. It is kept, as some environments live only as long as it does.
        seconds: how long tracing and compiling took.
    """

    program: Program
    _init: Any
    _iterate: Any
    _report: Any
    _clear: Any
    _begin_anew: Any
    template: Run
    sharding: Any
    seconds: float

    def init(self, key: jax.Array) -> Run:
        """See `Program.init`."""
        return place(self._init(key), self.sharding)

    def begin_anew(self, run: Run) -> Run:
        """See `Program.begin_anew`; `run` is donated. There where a run that needs it goes on."""
        return self._begin_anew(run)

    def iterate(self, run: Run, iterations: int) -> Run:
        """See `Program.iterate`; `run` is donated and must not be used again. Waits for the result."""
        return jax.block_until_ready(self._iterate(run, jnp.int32(iterations)))

    def report(self, run: Run) -> Metrics:
        """See `Program.report`."""
        return jax.device_get(self._report(run))

    def clear_window(self, run: Run) -> Run:
        """See `Program.clear_window`; `run` is donated."""
        return self._clear(run)


def _check_memory(what: str, needed: int, instead: str) -> None:
    """Refuse, before anything is allocated, what the machine cannot hold: `needed` is in bytes."""
    devices = jax.local_devices()
    statistics = devices[0].memory_stats() or {}
    # On a CPU the devices share the machine's memory, and report no limit.
    there = statistics.get("bytes_limit", 0) * len(devices) or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise ConfigError(f"{what} would take {needed / 1e9:,.1f} GB, there are {there / 1e9:,.1f} GB: {instead}")


def compile_program(program: Program, *, resume: bool) -> Compiled:
    """Trace all functions, then compile them side by side; `resume` needs no `init`, but some need `begin_anew`."""
    began = time.perf_counter()
    key = jax.random.key(program.config.seed)
    init = jax.jit(program.init)
    traced = init.trace(key)
    seeds = f"of seeds={program.config.seeds}"
    what, fewer = "the replay", "fewer seeds, or a smaller loop.replay_steps or loop.replay_episodes_min"
    if program.config.agent.on_policy:
        what, fewer = "memory and environments of the rows", "fewer seeds, a smaller loop.collect or core"
    _check_memory(f"{what} {seeds}", nbytes(traced.out_info.experience), fewer)
    sharding = seed_sharding(program.config.seeds)
    template = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), traced.out_info
    )
    # The output must lie as the input does, or the next chunk would find other shardings than it was compiled for.
    out = sharding
    iterate = jax.jit(program.iterate, donate_argnums=0, out_shardings=out)
    lowered = [
        iterate.lower(template, jax.ShapeDtypeStruct((), jnp.int32)),
        jax.jit(program.report).lower(template),
        jax.jit(program.clear_window, donate_argnums=0, out_shardings=out).lower(template),
    ]
    if not resume:
        lowered.append(traced.lower())
    elif program.begins_anew:
        lowered.append(jax.jit(program.begin_anew, donate_argnums=0, out_shardings=out).lower(template))
    with ThreadPoolExecutor(len(lowered)) as pool:
        compiled = list(pool.map(lambda item: item.compile(), lowered))
    fewer = "fewer seeds, a smaller core, or fewer rows or steps in an update"
    devices = 1 if sharding is None else len(sharding.device_set)
    memory = compiled[0].memory_analysis()
    _check_memory(f"an iteration {seeds}", memory.temp_size_in_bytes * devices, fewer)
    return Compiled(
        program=program,
        _iterate=compiled[0],
        _report=compiled[1],
        _clear=compiled[2],
        _init=None if resume else compiled[3],
        _begin_anew=compiled[3] if resume and program.begins_anew else None,
        template=template,
        sharding=sharding,
        seconds=time.perf_counter() - began,
    )
