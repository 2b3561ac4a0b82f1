"""Steps per second of environments, beside gymnax's `MemoryChain-bsuite` in the same run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxmem import envs
from jaxmem.benchmarks.program import build
from jaxmem.benchmarks.report import Cell, Table
from jaxmem.benchmarks.timing import Repeats, Spread, interleave
from jaxmem.envs import gymnax_ids
from jaxmem.envs.registry import ADAPTERS

REFERENCE = "MemoryChain-bsuite"


@dataclass(frozen=True)
class EnvBench:
    """What to measure.

    Attributes:
        ids: environments, with their default options.
        batch_size: environments side by side.
        steps: environment steps of each in one compiled call.
        repeats: how often.
    """

    ids: tuple[str, ...]
    batch_size: int
    steps: int
    repeats: Repeats


def own_ids() -> tuple[str, ...]:
    """The registered environments that are neither gymnax's nor those of a library of physics."""
    return tuple(id for id in envs.registered_envs if id not in gymnax_ids.ids() and not id.startswith(tuple(ADAPTERS)))


def rollout(env: Any, params: Any, batch_size: int, steps: int) -> Callable[[jax.Array], jax.Array]:
    """A function of a key that plays random actions with automatic resets: steps x batch_size environment steps.

    It returns the sum of all observations and rewards, so that nothing an environment computes can be left out.
    """
    space = env.action_space(params)

    def step(carry: tuple, keys: jax.Array) -> tuple[tuple, None]:
        state, total = carry

        def row(key: jax.Array, state: Any) -> tuple[Any, jax.Array]:
            action_key, step_key = jax.random.split(key)
            obs, state, reward, *_ = env.step(step_key, state, space.sample(action_key), params)
            return state, _total(obs) + reward

        state, seen = jax.vmap(row)(jax.random.split(keys, batch_size), state)
        return (state, total + seen), None

    def play(key: jax.Array) -> jax.Array:
        reset_key, scan_key = jax.random.split(key)
        obs, state = jax.vmap(env.reset, in_axes=(0, None))(jax.random.split(reset_key, batch_size), params)
        carry = (state, jax.vmap(_total)(obs))
        (_, total), _ = jax.lax.scan(step, carry, jax.random.split(scan_key, steps))
        return jnp.sum(total)

    return play


def measure(bench: EnvBench, begin: Callable[[str], None]) -> Table:
    """The table of steps per second; `begin` is called with the id before each environment."""
    key = jax.random.key(0)
    work = bench.batch_size * bench.steps

    def compiled(id: str) -> tuple[Callable[[], Any], float]:
        program = build(rollout(*envs.make(id), bench.batch_size, bench.steps), key)
        return lambda: program.call(key), program.compile_seconds

    reference, reference_compile = compiled(REFERENCE)
    rows: list[tuple[Cell, ...]] = []
    reference_rates: list[float] = []
    for id in (id for id in bench.ids if id != REFERENCE):
        begin(id)
        play, compile_seconds = compiled(id)
        times = interleave({"reference": reference, "env": play}, bench.repeats)
        ratio = times["reference"].relative_to(times["env"])
        reference_rates += [work / seconds for seconds in times["reference"].seconds]
        rows.append((id, _millions(times["env"].rate(work)), ratio, compile_seconds))
    if not reference_rates:
        begin(REFERENCE)
        timing = interleave({"reference": reference}, bench.repeats)["reference"]
        reference_rates = [work / seconds for seconds in timing.seconds]
    rows.append((f"{REFERENCE} (reference)", _millions(Spread.of(reference_rates)), None, reference_compile))
    return Table(
        f"Environments: {bench.batch_size:,} side by side, random actions, automatic resets",
        ("environment", "million steps/s", "speed relative to reference", "compile s"),
        rows,
        (
            f"Median (least to greatest) of {bench.repeats.count} repeats, each in turn with the reference; the ratio "
            "is that of neighbours in time. Observations are read. Compiling is not in the times.",
        ),
    )


def _total(obs: Any) -> jax.Array:
    return sum((jnp.sum(leaf, dtype=jnp.float32) for leaf in jax.tree.leaves(obs)), jnp.float32(0))


def _millions(rate: Spread) -> Spread:
    return Spread(rate.median / 1e6, rate.low / 1e6, rate.high / 1e6)
