"""A function compiled ahead of time, and what is known about it before it runs."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from jaxmem.benchmarks.flops import matmul_flops


@dataclass(frozen=True)
class Program:
    """An executable and its figures.

    Attributes:
        call: runs it; takes arguments of the shapes that it was compiled for.
        compile_seconds: tracing and compiling.
        total_bytes: arguments, outputs and temporary arrays; donated arguments count once.
        temporary_bytes: temporary arrays alone.
        flops: operations in matrix products, see `jaxmem.benchmarks.flops`; NaN where they cannot be counted.
        xla_flops: XLA's own count, which takes bodies of loops once; NaN where the backend gives none.
    """

    call: Callable[..., Any]
    compile_seconds: float
    total_bytes: int
    temporary_bytes: int
    flops: float
    xla_flops: float


def build(function: Callable[..., Any], *arguments: Any, donate: tuple[int, ...] = ()) -> Program:
    """Compile `function` for these arguments without running it; `donate` names those it may overwrite."""
    began = time.perf_counter()
    compiled = jax.jit(function, donate_argnums=donate).lower(*arguments).compile()
    seconds = time.perf_counter() - began
    memory: Any = compiled.memory_analysis()
    cost: Any = compiled.cost_analysis() or {}
    held = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return Program(
        call=compiled,
        compile_seconds=seconds,
        total_bytes=held + memory.temp_size_in_bytes,
        temporary_bytes=memory.temp_size_in_bytes,
        flops=matmul_flops(compiled.as_text() or ""),
        xla_flops=float(cost.get("flops", float("nan"))),
    )
