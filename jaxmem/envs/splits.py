"""Which numbers of an observation are velocities: those that move when the velocities are moved.

Lists of indices would have to be written for every environment, and be wrong as soon as a library reorders its
observations. So the physics is asked: of two states that differ in their velocities alone, what is seen differently?
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import numpy as np

# Velocities [v] -> other velocities [v].
Move: TypeAlias = Callable[[jax.Array], jax.Array]

_DRAWS = 4
# Positions that are computed from other positions agree up to rounding; velocities are moved by about 1.
_ROUNDING = 1e-5


def moved_by_velocities(observe: Callable[[Any, Move], jax.Array], states: Any) -> np.ndarray:
    """Which numbers of an observation depend on a velocity.

    Every velocity is moved by a standard normal number, several times in each state. A number that depends on positions
    and velocities counts as a velocity. Compiles one function, of the observation alone, so that the compiler leaves
    out all physics that is not observed.

    Args:
        observe: one state and a function that moves its velocities -> the observation then, [n]; pure, as it is
            traced. The velocities are a float array of any shape.
        states: several states, a tree of arrays with leading axis B, or keys from which `observe` draws states.

    Returns:
        bool [n].
    """

    # Not under `vmap`, which would work through the whole physics before the compiler can leave it out.
    @jax.jit
    def seen(state: Any, key: jax.Array, scale: float) -> jax.Array:
        return observe(state, lambda velocities: velocities + scale * jax.random.normal(key, velocities.shape))

    keys = jax.random.split(jax.random.key(0), _DRAWS)
    found = []
    for i in range(jax.tree.leaves(states)[0].shape[0]):
        state = jax.tree.map(lambda x, i=i: x[i], states)
        still = np.asarray(seen(state, keys[0], 0.0))
        moved = np.stack([seen(state, key, 1.0) for key in keys])
        # What is not a number any more has moved as well.
        stayed = np.abs(moved - still) <= _ROUNDING * (1 + np.abs(still))
        found.append(~stayed.all(axis=0))
    return np.any(found, axis=0)
