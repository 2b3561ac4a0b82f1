"""Scripted policies: rules that play a task without learning, such as the one that knows the answer.

Nothing here imports gymnax; see `jaxmem.envs.registry`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxmem.config import ConfigError, lookup
from jaxmem.envs.layouts import is_traced


class ScriptedPolicy(NamedTuple):
    """A rule for acting: two pure functions of one episode, without a batch axis; `vmap` them over episodes.

    Whatever `env.scripted_policies(params)` gives reads the state and its own carry and leaves the observation alone:
    it stays right where a wrapper spoils what is seen.

    Attributes:
        init: `(key, obs, state) -> carry` with the first observation and state of an episode. A carry is any pytree
            of arrays, `()` where there is nothing to remember; its shapes and dtypes stay the same.
        act: `(key, carry, obs, state) -> (carry, action)`, with the observation and the state to act on, the first
            ones included. The action is one of `env.action_space(params)`.
    """

    init: Callable[[jax.Array, Any, Any], Any]
    act: Callable[[jax.Array, Any, Any, Any], tuple[Any, jax.Array]]


def scripted_policies(env: Any, params: Any) -> dict[str, ScriptedPolicy]:
    """Every scripted policy of `env`, by name.

    `random`, uniform over the action space, and what `env.scripted_policies(params)` gives where the environment has
    it. `oracle` is the name of one that knows what is hidden and gets the best return there is.

    Args:
        env: the environment, wrapped or not.
        params: its params; arrays are allowed where the environment allows them.

    Raises:
        ConfigError: actions that cannot be drawn uniformly: those of a box without bounds.
    """
    own = env.scripted_policies(params) if hasattr(env, "scripted_policies") else {}
    return {"random": _uniform(env.action_space(params), env.name)} | own


def scripted_policy(env: Any, params: Any, name: str) -> ScriptedPolicy:
    """The scripted policy of that name.

    Raises:
        ConfigError: as `scripted_policies`, or `env` has no such policy.
    """
    return lookup(scripted_policies(env, params), name, f"policy of {env.name!r}")


def without_memory(act: Callable[[jax.Array, Any, Any], Any]) -> ScriptedPolicy:
    """The policy of a rule `(key, obs, state) -> action` that carries nothing."""
    return ScriptedPolicy(
        init=lambda key, obs, state: (), act=lambda key, carry, obs, state: (carry, act(key, obs, state))
    )


def _uniform(space: Any, name: str) -> ScriptedPolicy:
    bounds = [getattr(space, name) for name in ("low", "high") if hasattr(space, name)]
    if not is_traced(bounds) and not all(np.isfinite(bound).all() for bound in bounds):
        raise ConfigError(f"environment {name!r} has actions without bounds: to draw them allowed are bounds")
    return without_memory(lambda key, obs, state: space.sample(key))
