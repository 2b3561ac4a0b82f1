"""Checks of layouts that a user gives."""

from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from jaxmem.config import ConfigError


def check_integers(name: str, value: Any, shape: tuple[int, ...], low: int, high: int) -> None:
    """Raise `ConfigError` unless a layout's field has integers (or bools) of this shape, within these bounds.

    Of what is traced only the shape can be seen.
    """
    if isinstance(value, Tracer) and value.shape != shape:
        raise ConfigError(f"layout.{name} has the shape {value.shape}: allowed is {shape}")
    if is_traced(value):
        return
    try:
        array = np.asarray(value)
    except ValueError:
        # Lists of different lengths.
        array = np.asarray(value, object)
    if array.dtype.kind not in "biu" or array.shape != shape or not np.all((low <= array) & (array <= high)):
        wanted = f"are {' x '.join(map(str, shape))} integers" if shape else "is an integer"
        raise ConfigError(f"layout.{name} is {_short(array)}: allowed {wanted} from {low} to {high}")


def is_traced(value: Any) -> bool:
    """Whether a value, or something in it, is not known yet: inside `jit` or `vmap`."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(value))


def _short(array: np.ndarray) -> str:
    """An array in one line, cut after some items."""
    if array.ndim == 0 or array.size <= 8:
        return str(array.tolist())
    first = ", ".join(map(str, array.ravel()[:8].tolist()))
    return f"[{first}, ...] of shape {array.shape}"
