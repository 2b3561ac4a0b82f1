"""Floating-point operations of a compiled program, counted in the text of XLA's optimised module.

XLA's own count takes the body of a loop once, however often it runs, so that a recurrent core would look almost free.
Counting what was traced would be wrong as well: XLA merges passes that compute the same. Here each matrix product
that is left after optimisation counts as often as it runs: a `[M, K] x [K, N]` product is 2 M N K operations, and a
loop's body is multiplied by the number of iterations that XLA has found for it. Everything else (activations, softmax,
norms, the optimiser) is left out, so that a share of a matrix product's speed is not flattered by it.
"""

import math
import re
from collections.abc import Callable
from functools import cache

_COMPUTATION = re.compile(r"^(ENTRY )?%(\S+) \(.*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%(\S+) = (.*)$")
_OPERATION = re.compile(r"(?:^|[\s)}])([a-z][a-z0-9-]*)\((%[^\s,)]+)?")
_SHAPE = re.compile(r"[a-z]+[0-9a-z]*\[([0-9,]*)\]")
_CALLED = re.compile(r"\b(?:calls|to_apply|body)=%([^\s,}]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TRIP_COUNT = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
# NVIDIA's libraries are called by names such as __cublas$gemm, with the product's axes in their configuration.
_CONTRACTED = re.compile(r'lhs_contracting_dim(?:s=\{|ensions":\[)([0-9,"]*)')

Count = Callable[[str], float]


def matmul_flops(module: str) -> float:
    """Operations in the matrix products that one run of a module executes.

    Of a conditional's branches the most expensive one counts.

    Args:
        module: what `compiled.as_text()` gives.

    Returns:
        The count, or NaN where a product runs in a loop of unknown length.
    """
    entry, bodies = _computations(module)

    @cache
    def count(name: str) -> float:
        shapes: dict[str, list[int]] = {}
        total = 0.0
        for line in bodies.get(name, ()):
            found = _INSTRUCTION.match(line)
            if found is not None:
                shape = _SHAPE.search(found[2])
                shapes[found[1]] = _integers(shape[1]) if shape else []
                total += _instruction(found[2], shapes[found[1]], shapes, count)
        return total

    return count(entry)


def _computations(module: str) -> tuple[str, dict[str, list[str]]]:
    """The entry's name, and the lines of every computation by name."""
    entry, bodies, lines = "", {}, []
    for line in module.splitlines():
        head = _COMPUTATION.match(line)
        if head is not None:
            lines = bodies.setdefault(head[2], [])
            entry = head[2] if head[1] else entry
        else:
            lines.append(line)
    return entry, bodies


def _instruction(text: str, shape: list[int], shapes: dict[str, list[int]], count: Count) -> float:
    operation = _OPERATION.search(text)
    contracted = _CONTRACTED.search(text)
    if operation is not None and contracted is not None and operation[1] in ("dot", "custom-call"):
        left = shapes[operation[2].removeprefix("%")]
        return 2.0 * math.prod(shape) * math.prod(left[axis] for axis in _integers(contracted[1]))
    branches = _BRANCHES.search(text)
    if branches is not None:
        return max(count(name.strip(" %")) for name in branches[1].split(","))
    inner = sum(count(name) for name in _CALLED.findall(text))
    if inner and operation is not None and operation[1] == "while":
        times = _TRIP_COUNT.search(text)
        return inner * int(times[1]) if times else math.nan
    return inner


def _integers(text: str) -> list[int]:
    return [int(item) for item in text.replace('"', "").split(",") if item]
