"""Deviations: training episodes in which some actions are drawn whatever the agent wants.

They are drawn uniformly, or, with the kind `rare`, by what earlier ones led to.

Randomness in every step is a poor way to try something once and then act well: where it is rare, nothing is tried, and
where it is not, the rest of the episode is spoiled. A deviation is planned when an episode begins; before and after it
the agent acts as it would.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jaxmem.config import Config, choice, integer, number
from jaxmem.exploration.rare import learned, nothing_sought, shares
from jaxmem.losses import taken
from jaxmem.replay import Episodes

_EVERY_STEP_ANEW = -1


@dataclass(frozen=True)
class DeviationOptions(Config):
    """Whether and when training episodes deviate from what the agent wants; evaluations never do."""

    path: ClassVar[str] = "deviation"

    kind: str = choice("none", ["none", "first", "any", "rare", "prefix", "extended", "each"])
    """random are: the first action; one, at any time; one, oftener when and what led to rare observations; the first
    `steps`; one kept up for `steps`, at any time; each step's with the same chance, as with a fixed epsilon"""
    chance: float = number(0.5, 0, 1)
    """share of the episodes that deviate; of the steps, with each"""
    time: str = choice("log_uniform", ["uniform", "log_uniform"])
    """how the step is drawn at which `any` and `extended` begin; log_uniform: early ones are likelier"""
    steps: int = integer(4, low=1)
    """random steps of `prefix` and `extended`"""
    adapted: float = number(0.5, 0, 1)
    """share of the deviations of `rare` that go by where rare observations were; the others by octaves of time alone"""

    @property
    def learns(self) -> bool:
        """Whether deviations go by what earlier ones led to; that takes whole episodes."""
        return self.kind == "rare"


class Plan(NamedTuple):
    """The deviations of B episodes, int32 [B] each.

    Attributes:
        begin: first step that is not the agent's; the horizon where there is none.
        end: the step after the last one.
        action: what is done there; -1 where each step draws anew.
        log_prob: float32 [B], logarithm of the probability of that action, given the plan's times.
    """

    begin: jax.Array
    end: jax.Array
    action: jax.Array
    log_prob: jax.Array


class Did(NamedTuple):
    """What was done in a step of B rows.

    Attributes:
        action: int [B].
        log_prob: float32 [B], logarithm of the probability with which it was chosen, given the plan.
        deviated: bool [B], whether the plan chose it.
    """

    action: jax.Array
    log_prob: jax.Array
    deviated: jax.Array


@dataclass(frozen=True)
class Deviations:
    """Options, bound to a task.

    Attributes:
        options: kind, chance and times.
        horizon: the most steps of an episode.
        num_actions: size of the action space.
        sought: what earlier deviations led to, where plans go by it; see `first_sought`.
    """

    options: DeviationOptions
    horizon: int
    num_actions: int
    sought: Any = ()

    def first_sought(self) -> Any:
        """What is known before the first episode: a `Sought`, or nothing if plans do not go by it."""
        return nothing_sought(self.horizon, self.num_actions) if self.options.learns else ()

    def after(self, episodes: Episodes) -> Any:
        """What is known after more whole episodes, instead of `sought`."""
        return learned(self.sought, episodes, self.options.adapted) if self.options.learns else ()

    def plan(self, key: jax.Array, rows: int) -> Any:
        """The deviations of B episodes that begin: a `Plan`; nothing for the kinds "none" and "each"."""
        options = self.options
        # With `each` nothing is planned: `apply` draws.
        if options.kind in ("none", "each"):
            return ()
        chance_key, time_key, action_key = jax.random.split(key, 3)
        begin = jnp.zeros((rows,), jnp.int32)
        action = jnp.full((rows,), _EVERY_STEP_ANEW, jnp.int32)
        log_prob = jnp.full((rows,), -math.log(self.num_actions), jnp.float32)
        if options.kind == "rare":
            begin, action, log_prob = self._rare(action_key, rows)
        if options.kind in ("any", "extended"):
            begin = self._time(jax.random.uniform(time_key, (rows,)))
        begin = jnp.where(jax.random.bernoulli(chance_key, options.chance, (rows,)), begin, self.horizon)
        steps = options.steps if options.kind in ("prefix", "extended") else 1
        if options.kind == "extended":
            action = jax.random.randint(action_key, (rows,), 0, self.num_actions)
        return Plan(begin, begin + steps, action, log_prob)

    def _rare(self, key: jax.Array, rows: int) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Steps and actions, and the logarithms of the actions' probabilities at these steps, [B] each."""
        log_shares = jnp.log(shares(self.sought, self.options.adapted, self.horizon))
        drawn = jax.random.categorical(key, log_shares.reshape(-1), shape=(rows,)).astype(jnp.int32)
        time, action = drawn // self.num_actions, drawn % self.num_actions
        return time, action, taken(jax.nn.log_softmax(log_shares)[time], action)

    def _time(self, uniform: jax.Array) -> jax.Array:
        """A step of 0..horizon-1 for each number in [0, 1)."""
        if self.options.time == "uniform":
            time = uniform * self.horizon
        else:
            # Step t has a share of log((t + 2) / (t + 1)) / log(horizon + 1).
            time = jnp.exp(uniform * math.log(self.horizon + 1)) - 1
        return jnp.minimum(time.astype(jnp.int32), self.horizon - 1)

    def apply(self, plan: Any, step: jax.Array | int, action: jax.Array, log_prob: jax.Array, key: jax.Array) -> Did:
        """What is done in this `step` (or [B]) of the episodes instead of `action` [B], chosen with `log_prob` [B]."""
        if self.options.kind == "none":
            return Did(action, log_prob, jnp.zeros(action.shape, bool))
        drawn = jax.random.randint(key, action.shape, 0, self.num_actions)
        if self.options.kind == "each":
            deviated = jax.random.bernoulli(jax.random.fold_in(key, 0), self.options.chance, action.shape)
            other, likely = drawn, -math.log(self.num_actions)
        else:
            deviated = (plan.begin <= step) & (step < plan.end)
            other = jnp.where(plan.action == _EVERY_STEP_ANEW, drawn, plan.action)
            # An extended action is drawn once; going on with it is sure.
            repeats = (plan.action != _EVERY_STEP_ANEW) & (step > plan.begin)
            likely = jnp.where(repeats, 0.0, plan.log_prob)
        action = jnp.where(deviated, other, action).astype(action.dtype)
        return Did(action, jnp.where(deviated, likely, log_prob), deviated)
