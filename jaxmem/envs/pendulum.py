"""The pendulum whose velocity is not seen.

It imports no gymnax before the environment is made, so that reading a command line starts no backend.
"""

import dataclasses
import functools
from typing import Any

import numpy as np

from jaxmem.config import choice, integer
from jaxmem.envs.control_options import ControlOptions
from jaxmem.envs.registry import EnvSpec, Made


@dataclasses.dataclass(frozen=True)
class OccludedPendulumOptions(ControlOptions):
    """gymnax's Pendulum-v1: swing a pendulum up and hold it, seeing its angle or its velocity alone.

    Observation, float32: P [2] `[cos(theta), sin(theta)]`; V [1] `[theta_dot]`, rad/s from -8 to 8; none [3], both.
    Action: a torque [1], float32, from -2 to 2. Reward: -(theta^2 + 0.1 theta_dot^2 + 0.001 torque^2) of the state
    before the step; upright, theta is 0. Ends with `truncated` after `max_steps_in_episode` steps, and never else.
    """

    id: str = choice("OccludedPendulum-v0", ("OccludedPendulum-v0",))
    """Name of the environment in the registry."""

    occlude: str = choice("P", ("none", "P", "V"))
    """What is seen: P the angle alone, V the velocity alone, none: both."""

    max_steps_in_episode: int = integer(200, low=1)
    """Steps of an episode, of 0.05 seconds each."""

    def make(self) -> Made:
        """Build the environment: gymnax's pendulum in the wrappers that are asked for, and gymnax's params.

        Raises:
            ConfigError: as `ControlOptions.wrapped`.
        """
        env = _pendulum()
        params = env.default_params.replace(max_steps_in_episode=self.max_steps_in_episode)
        return self.wrapped(env, _velocities), params

    def spec(self) -> EnvSpec:
        """What the task asks; the credit length is not stated."""
        description = f"Swing a pendulum up and hold it; {self.what_is_seen()}."
        source = "gymnax's Pendulum-v1; Ni et al. 2022, arXiv 2110.05038"
        horizon = self.horizon(self.max_steps_in_episode)
        return EnvSpec(self.id, source, description, horizon, self.memory_length(), None)


# One environment for all: gymnax's are equal only to themselves, and compiled functions would not be shared.
@functools.cache
def _pendulum() -> Any:
    from gymnax.environments.classic_control.pendulum import Pendulum

    return Pendulum()


@functools.cache
def _velocities() -> np.ndarray:
    import jax

    from jaxmem.envs.splits import Move, moved_by_velocities

    env = _pendulum()

    def observe(key: jax.Array, move: Move) -> jax.Array:
        _, state = env.reset_env(key, env.default_params)
        return env.observe(key, state.replace(theta_dot=move(state.theta_dot)), None, env.default_params)

    return moved_by_velocities(observe, jax.random.split(jax.random.key(0), 4))
