"""What all control tasks can be given: a part of the observation hidden, the rest spoilt, actions repeated.

It imports no gymnax, so that reading a command line starts no backend.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxmem.config import Check, ConfigError, choice, integer, number
from jaxmem.envs.registry import EnvOptions


def _below_one() -> Any:
    number_from_zero = number(0.0, low=0).metadata["check"]
    check = Check(lambda value: number_from_zero.accepts(value) and value < 1, "a number >= 0 and < 1")
    return dataclasses.field(default=0.0, metadata={"check": check})


@dataclasses.dataclass(frozen=True)
class ControlOptions(EnvOptions):
    """Options of a control task; by default it is the environment as it is."""

    occlude: str = choice("none", ("none", "P", "V"))
    """What is seen: P the positions alone, V the velocities alone, none: both."""

    noise: float = number(0.0, low=0)
    """Standard deviation of Gaussian noise on all that is seen."""

    delay: int = integer(0, low=0)
    """Steps until an observation is seen."""

    flicker: float = _below_one()
    """Probability that an observation is all zeros."""

    repeat: int = integer(1, low=1)
    """How often each action is taken; all else counts these longer steps."""

    def wrapped(self, env: Any, velocities: Callable[[], np.ndarray]) -> Any:
        """`env`, a gymnax environment, in the wrappers that these options ask for; what is off is left out.

        From the inside out: `Repeated`, `Occluded`, `Noisy`, `Delayed`, `Flickering`. So `delay` counts the agent's
        steps, noise is the sensor's and arrives with the delayed observation, and what is lost is lost on arrival.

        Args:
            env: the environment; observations are flat, [n].
            velocities: which numbers are velocities, bool [n]; called only where `occlude` needs it.

        Raises:
            ConfigError: `occlude` would hide everything, or nothing.
        """
        from jaxmem.envs import wrappers

        if self.repeat > 1:
            env = wrappers.Repeated(env, self.repeat)
        if self.occlude != "none":
            env = wrappers.Occluded(env, self._kept(velocities()))
        if self.noise > 0:
            env = wrappers.Noisy(env, self.noise)
        if self.delay > 0:
            env = wrappers.Delayed(env, self.delay)
        if self.flicker > 0:
            env = wrappers.Flickering(env, self.flicker)
        return env

    def horizon(self, steps: int) -> int:
        """The most steps of the agent in an episode of at most `steps` steps of the physics."""
        return -(-steps // self.repeat)

    def memory_length(self) -> int | None:
        """How many observations tell the state: two positions give a velocity. None where that is not so simple."""
        if self.noise > 0 or self.delay > 0 or self.flicker > 0:
            return None
        return {"none": 1, "P": 2, "V": None}[self.occlude]

    def what_is_seen(self) -> str:
        """The observation in words, for descriptions."""
        seen = {"none": "positions and velocities", "P": "positions alone", "V": "velocities alone"}[self.occlude]
        spoilt = [name for name in ("noise", "delay", "flicker") if getattr(self, name) > 0]
        return f"{seen} are seen" + (f", with {' and '.join(spoilt)}" if spoilt else "")

    def _kept(self, velocities: np.ndarray) -> tuple[int, ...]:
        if velocities.all() or not velocities.any():
            which = "all" if velocities.all() else "none"
            raise ConfigError(
                f"{self.path}.occlude is {self.occlude!r}: allowed is none for {self.id}, where of "
                f"{len(velocities)} observed numbers {which} move with the velocities"
            )
        return tuple(np.flatnonzero(velocities if self.occlude == "V" else ~velocities).tolist())
