"""What an agent does in each step while it explores: how likely each action is, and one drawn."""

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxmem.config import Config, ConfigError, choice, number
from jaxmem.exploration.schedule import SHAPES, Schedule


@dataclass(frozen=True)
class Exploration:
    """The behaviour of an agent that prefers some actions to others.

        b = (1 - epsilon) softmax(preferences / temperature) + epsilon / A

    Preferences are a policy's logits or a Q-function's values. At temperature 0 the softmax is the best action, the
    first of equals. Epsilon 0 and temperature 1 are a policy's own probabilities.

    Attributes:
        epsilon: chance of an action drawn uniformly.
        temperature: what preferences are divided by.
    """

    epsilon: Schedule
    temperature: Schedule

    @property
    def is_policy(self) -> bool:
        """Whether it is softmax(preferences) throughout training."""
        return self.epsilon.is_always(0) and self.temperature.is_always(1)

    @property
    def num_keys(self) -> int:
        """How many keys `draw` takes; chances that are always 0 take none."""
        return 2 * (not self.epsilon.is_always(0)) + (not self.temperature.is_always(0))

    def log_probs(self, preferences: jax.Array, progress: jax.Array | float) -> jax.Array:
        """Log-probabilities of all actions: of float preferences [B, A], float [B, A].

        They are exact also where they are far below float32's resolution of 1; -inf where an action cannot be drawn.

        Args:
            preferences: float [B, A].
            progress: float scalar in [0, 1], the share of the planned training that is done.
        """
        log_probs = jax.nn.log_softmax(self._logits(preferences, progress))
        if self.epsilon.is_always(0):
            return log_probs
        epsilon = self.epsilon.at(progress)
        return jnp.logaddexp(jnp.log1p(-epsilon) + log_probs, jnp.log(epsilon) - math.log(preferences.shape[-1]))

    def draw(self, preferences: jax.Array, progress: jax.Array | float, keys: jax.Array) -> jax.Array:
        """Actions, int32 [B], drawn with the probabilities of `log_probs`; `keys` is [num_keys]."""
        if self.temperature.is_always(0):
            action = jnp.argmax(preferences, axis=-1)
        else:
            action = jax.random.categorical(keys[-1], self._logits(preferences, progress))
        if not self.epsilon.is_always(0):
            is_random = jax.random.bernoulli(keys[0], self.epsilon.at(progress), action.shape)
            action = jnp.where(is_random, jax.random.randint(keys[1], action.shape, 0, preferences.shape[-1]), action)
        return action.astype(jnp.int32)

    def _logits(self, preferences: jax.Array, progress: jax.Array | float) -> jax.Array:
        """Logits of softmax(preferences / temperature); at temperature 0 they are 0 for the best action, else -inf."""
        # As they are: division would round, and a policy would draw other actions than it does by itself.
        if self.temperature.is_always(1):
            return preferences
        actions = jnp.arange(preferences.shape[-1])
        best = jnp.where(actions == jnp.argmax(preferences, axis=-1, keepdims=True), 0.0, -jnp.inf)
        if self.temperature.is_always(0):
            return best
        temperature = self.temperature.at(progress)
        # None is above 0, so that a temperature on its way to 0 makes none overflow.
        below = preferences - jnp.max(preferences, axis=-1, keepdims=True)
        return jnp.where(temperature > 0, below / jnp.maximum(temperature, jnp.finfo(jnp.float32).tiny), best)


GREEDY = Exploration(epsilon=Schedule(0, 0), temperature=Schedule(0, 0))
"""No exploration: the best action."""


@dataclass(frozen=True)
class ExplorationOptions(Config):
    """Fields of an agent's options that say how it explores in each step, with the defaults of policies."""

    path: ClassVar[str] = "agent"

    epsilon_start: float = number(0.0, 0, 1)
    """chance of a random action at the first step of training"""
    epsilon_end: float | None = number(0.0, 0, 1, optional=True)
    """chance of a random action in the end; none is one over the horizon"""
    epsilon_fraction: float = number(0.1, 0, 1)
    """share of the planned steps over which it moves there"""
    epsilon_shape: str = choice("linear", SHAPES)
    """how it moves: by equal steps, or, exponential, by equal factors"""
    act_temperature_start: float = number(1.0, 0)
    """what preferences are divided by before a softmax draws from them, at first; 0 takes the best action"""
    act_temperature_end: float = number(1.0, 0)
    """what preferences are divided by in the end"""
    act_temperature_fraction: float = number(0.1, 0, 1)
    """share of the planned steps over which it moves there"""
    act_temperature_shape: str = choice("linear", SHAPES)
    """how it moves: by equal steps, or, exponential, by equal factors"""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("epsilon", "act_temperature"):
            ends = [getattr(self, f"{name}_start"), getattr(self, f"{name}_end")]
            if getattr(self, f"{name}_shape") == "exponential" and 0 in ends:
                raise ConfigError(
                    f"{self.path}.{name}_shape is 'exponential': allowed is linear where {name}_start or "
                    f"{name}_end is 0"
                )

    def exploration(self, horizon: int) -> Exploration:
        """What they say, for a task whose episodes have at most `horizon` steps."""
        end = 1 / horizon if self.epsilon_end is None else self.epsilon_end
        return Exploration(
            epsilon=Schedule(self.epsilon_start, end, self.epsilon_fraction, self.epsilon_shape),
            temperature=Schedule(
                self.act_temperature_start,
                self.act_temperature_end,
                self.act_temperature_fraction,
                self.act_temperature_shape,
            ),
        )
