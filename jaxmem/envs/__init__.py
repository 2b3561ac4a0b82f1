"""Environments: jaxmem's own and gymnax's, by name.

`make(id, **options)` builds one, `options` gives the same choice as a frozen configuration, `spec`
says what it asks of an agent, and `registered_envs` lists every id. Classes of environments are
imported on first use: they need gymnax, whose import starts JAX's backend.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxmem.envs import registry
from jaxmem.envs.registry import (
    EnvOptions,
    EnvSpec,
    fixed_horizon,
    horizon,
    make,
    options,
    register,
    spec,
)
from jaxmem.envs.tmaze_options import ActiveTMazeOptions, PassiveTMazeOptions

if TYPE_CHECKING:
    from jaxmem.envs.tmaze import TMaze, TMazeLayout, TMazeParams, TMazeState

    registered_envs: list[str]

__all__ = [
    "ActiveTMazeOptions",
    "EnvOptions",
    "EnvSpec",
    "PassiveTMazeOptions",
    "TMaze",
    "TMazeLayout",
    "TMazeParams",
    "TMazeState",
    "fixed_horizon",
    "horizon",
    "make",
    "options",
    "register",
    "registered_envs",
    "spec",
]

_CLASSES = {
    "jaxmem.envs.tmaze": ("TMaze", "TMazeLayout", "TMazeParams", "TMazeState"),
}

register("PassiveTMaze-v0", PassiveTMazeOptions)
register("ActiveTMaze-v0", ActiveTMazeOptions)


def __getattr__(name: str) -> Any:
    if name == "registered_envs":
        return registry.registered_envs()
    for module, names in _CLASSES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
