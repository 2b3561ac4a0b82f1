"""Brax's environments, as `brax/NAME` (Freeman et al. 2021, arXiv 2106.13281)."""

import copy
import dataclasses
import functools
import sys
from typing import Any, ClassVar

import numpy as np

from jaxmem.config import choice, lookup
from jaxmem.envs.registry import Made
from jaxmem.envs.simulators.options import SimulatorOptions, options_of
from jaxmem.envs.simulators.quiet import quiet_build, quiet_import

_PREFIX = "brax/"
# Those that Brax ships, but for `fast`, which has no physics: `brax/fast` is there for quick tests.
_NAMES = (
    "ant",
    "halfcheetah",
    "hopper",
    "humanoid",
    "humanoidstandup",
    "inverted_double_pendulum",
    "inverted_pendulum",
    "pusher",
    "reacher",
    "swimmer",
    "walker2d",
)
_BACKENDS = ("spring", "positional", "generalized", "mjx")


@dataclasses.dataclass(frozen=True)
class BraxOptions(SimulatorOptions):
    """Options of one of Brax's environments."""

    library: ClassVar[str] = "Brax"
    source: ClassVar[str] = "Brax, Freeman et al. 2021, arXiv 2106.13281"
    extra: ClassVar[str] = "brax"

    backend: str = choice("spring", _BACKENDS)
    """Brax's engine: spring is the fastest, generalized and mjx are closer to MuJoCo."""

    def make(self) -> Made:
        """Build the environment: a `SimulatorEnv` in the wrappers that are asked for, and `SimulatorParams`.

        Raises:
            ConfigError: Brax is not there or refuses the backend, or as `ControlOptions.wrapped`.
        """
        with self.building():
            with quiet_import():
                from brax import envs
            with quiet_build():
                physics = envs.get_environment(self.name, backend=self.backend)
        from jaxmem.envs.simulators.base import SimulatorEnv, SimulatorParams

        env = SimulatorEnv(self.id, self.backend, physics)
        return self.wrapped(env, lambda: _velocities(env)), SimulatorParams(self.time_limit)


def ids() -> tuple[str, ...]:
    """The ids of what Brax ships, whether or not it is installed, and of what was registered there."""
    # Nobody has registered anything with a library that is not imported.
    registered = _registered() if "brax.envs" in sys.modules else ()
    return tuple(_PREFIX + name for name in dict.fromkeys((*_NAMES, *registered)) if name != "fast")


@functools.cache
def options_class(id: str) -> type[SimulatorOptions]:
    """The options class of one of Brax's environments, or of one that was registered there.

    Raises:
        ConfigError: there is none of that name.
    """
    name = id.removeprefix(_PREFIX)
    if name not in _NAMES and name not in _registered():
        lookup(dict.fromkeys(ids()), id, "environment")
    if name == "swimmer":
        return options_of(id, BraxOptions, backend=(str, choice("generalized", ("generalized",))))
    return options_of(id, BraxOptions)


def _registered() -> Any:
    try:
        with quiet_import():
            from brax import envs
    except ImportError:
        return ()
    # Brax has no public list.
    return envs._envs


@functools.cache
def _velocities(env: Any) -> np.ndarray:
    import jax

    from jaxmem.envs.simulators.base import seen
    from jaxmem.envs.splits import Move, moved_by_velocities

    physics = env.physics

    def observe(key: jax.Array, move: Move) -> jax.Array:
        # `reset` hands positions and velocities to `pipeline_init`: there they can be moved without knowing `reset`.
        moved = copy.copy(physics)
        moved.pipeline_init = lambda q, qd, *args, **kwargs: physics.pipeline_init(q, move(qd), *args, **kwargs)
        return seen(moved.reset(key).obs)

    return moved_by_velocities(observe, jax.random.split(jax.random.PRNGKey(0), 4))
