"""MuJoCo Playground's environments, as `playground/NAME` (Zakka et al. 2025, arXiv 2502.08844).

They are made for GPUs: on CPUs they run, but compiling takes minutes.
"""

import dataclasses
import functools
from typing import Any, ClassVar

import numpy as np

from jaxmem.config import ConfigError, choice, integer, lookup
from jaxmem.envs.registry import Made
from jaxmem.envs.simulators.options import SimulatorOptions, options_of
from jaxmem.envs.simulators.quiet import quiet_build, quiet_import

_PREFIX = "playground/"
# Its DeepMind Control Suite. Where the library is there, its robots can be named too; they download their models.
_NAMES = (
    "AcrobotSwingup",
    "AcrobotSwingupSparse",
    "BallInCup",
    "CartpoleBalance",
    "CartpoleBalanceSparse",
    "CartpoleSwingup",
    "CartpoleSwingupSparse",
    "CheetahRun",
    "FingerSpin",
    "FingerTurnEasy",
    "FingerTurnHard",
    "FishSwim",
    "HopperHop",
    "HopperStand",
    "HumanoidRun",
    "HumanoidStand",
    "HumanoidWalk",
    "PendulumSwingup",
    "PointMass",
    "ReacherEasy",
    "ReacherHard",
    "SwimmerSwimmer6",
    "WalkerRun",
    "WalkerStand",
    "WalkerWalk",
)


@dataclasses.dataclass(frozen=True)
class PlaygroundOptions(SimulatorOptions):
    """Options of one of MuJoCo Playground's environments; they are made for GPUs."""

    library: ClassVar[str] = "MuJoCo Playground"
    source: ClassVar[str] = "MuJoCo Playground, Zakka et al. 2025, arXiv 2502.08844"
    extra: ClassVar[str] = "playground"

    impl: str = choice("jax", ("jax", "warp"))
    """MuJoCo's engine: jax runs everywhere, warp on NVIDIA GPUs alone."""

    def make(self) -> Made:
        """Build the environment: a `SimulatorEnv` in the wrappers that are asked for, and `SimulatorParams`.

        Raises:
            ConfigError: Playground is not there or refuses the engine, or as `ControlOptions.wrapped`.
        """
        with self.building():
            physics = _load(self.name, self.impl)
        from jaxmem.envs.simulators.base import SimulatorEnv, SimulatorParams

        env = SimulatorEnv(self.id, self.impl, physics)
        return self.wrapped(env, lambda: _velocities(self.id)), SimulatorParams(self.time_limit)


def ids() -> tuple[str, ...]:
    """The ids of the control suite, whether or not Playground is installed."""
    return tuple(_PREFIX + name for name in _NAMES)


@functools.cache
def options_class(id: str) -> type[SimulatorOptions]:
    """The options class of one of Playground's environments, or of one that was registered there.

    Raises:
        ConfigError: there is none of that name.
    """
    name = id.removeprefix(_PREFIX)
    if name in _NAMES:
        return options_of(id, PlaygroundOptions)
    known = _registered()
    if name not in known:
        lookup(dict.fromkeys(ids()), id, "environment")
    limit = known[name](name).episode_length
    return options_of(id, PlaygroundOptions, time_limit=(int, integer(limit, low=1)))


def _load(name: str, impl: str) -> Any:
    with quiet_import():
        from mujoco_playground import registry  # pyright: ignore[reportMissingImports]
    with quiet_build():
        return registry.load(name, config_overrides={"impl": impl})


def _registered() -> dict[str, Any]:
    # All names that the library knows now, and what gives their default configuration.
    try:
        with quiet_import():
            from mujoco_playground import (  # pyright: ignore[reportMissingImports]
                dm_control_suite,
                locomotion,
                manipulation,
            )
    except ImportError:
        return {}
    suites = (dm_control_suite, locomotion, manipulation)
    return {name: suite.get_default_config for suite in suites for name in suite.ALL_ENVS}


@functools.cache
def _velocities(id: str) -> np.ndarray:
    import jax
    import jax.numpy as jnp
    from mujoco import mjx

    from jaxmem.envs.simulators.base import seen
    from jaxmem.envs.splits import Move, moved_by_velocities

    # Whatever engine the task runs on: this one's data are plain arrays.
    physics = _load(id.removeprefix(_PREFIX), "jax")
    # Of what else an observation may show, such as targets, no number hangs on a velocity.
    info = jax.eval_shape(physics.reset, jax.random.PRNGKey(0)).info
    info = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), info)

    def observe(data: Any, move: Move) -> jax.Array:
        data = mjx.forward(physics.mjx_model, data.replace(qvel=move(data.qvel)))
        # Playground has no public way to an observation of given data; this is what its own environments call.
        return seen(physics._get_obs(data, info))

    try:
        return moved_by_velocities(observe, _settled(physics.mj_model))
    # What other people's observations ask for is theirs to choose.
    except Exception as error:
        raise ConfigError(
            f"env.occlude is set: allowed is none for {id}, which cannot be asked what it observes "
            f"({type(error).__name__})"
        ) from error


def _settled(model: Any) -> Any:
    # States that touch the ground, as contacts depend on velocities too: by MuJoCo itself, as Playground's resets
    # take half a minute to compile.
    import jax
    import mujoco
    from mujoco import mjx

    generator = np.random.default_rng(0)
    states = []
    for _ in range(4):
        data = mujoco.MjData(model)  # pyright: ignore[reportAttributeAccessIssue]
        data.qpos += generator.normal(scale=0.1, size=model.nq)
        mujoco.mj_step(model, data, nstep=200)  # pyright: ignore[reportAttributeAccessIssue]
        states.append(mjx.put_data(model, data, impl="jax"))
    # NumPy's: JAX would compile one stack for every shape among a hundred leaves.
    return jax.tree.map(lambda *leaves: np.stack(leaves), *states)
