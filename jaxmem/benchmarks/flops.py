"""Floating-point operations of a program, counted in what JAX traced.

XLA's own count takes the body of a loop once, however often it runs, so that a recurrent core would look almost free.
Here each matrix product counts as often as it is executed: a `[M, K] x [K, N]` product is 2 M N K operations, and a
scan's body is multiplied by the scan's length. Everything else (activations, softmax, norms, the optimiser) is left
out, which makes a share of a matrix product's speed a lower bound.
"""

import math
from collections.abc import Iterator
from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr


def matmul_flops(jaxpr: Jaxpr) -> int:
    """Operations in the matrix products of a jaxpr.

    Of a conditional's branches the most expensive one counts. Recomputation (remat) counts, since it is executed.

    Raises:
        ValueError: for a product in a loop whose number of iterations is not known beforehand.
    """
    return sum(_equation_flops(equation) for equation in jaxpr.eqns)


def _equation_flops(equation: Any) -> int:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        return _product_flops(equation)
    inner = [matmul_flops(jaxpr) for jaxpr in _inner_jaxprs(params)]
    if name == "scan":
        return params["length"] * sum(inner)
    if name == "cond":
        return max(inner)
    if name == "while" and any(inner):
        raise ValueError("a matrix product runs in a loop of unknown length: its operations cannot be counted")
    return sum(inner)


def _product_flops(equation: Any) -> int:
    """2 operations for each element of the output and each contracted element."""
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    return 2 * math.prod(equation.outvars[0].aval.shape) * math.prod(left[axis] for axis in contracted)


def _inner_jaxprs(params: dict[str, Any]) -> Iterator[Jaxpr]:
    for value in params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            if isinstance(item, ClosedJaxpr):
                yield item.jaxpr
            elif isinstance(item, Jaxpr):
                yield item
