"""What all wrappers share: an environment around another one, of which everything still holds."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments import spaces
from gymnax.environments.environment import Environment

from jaxmem.config import ConfigError, validate
from jaxmem.envs import registry
from jaxmem.envs.policies import ScriptedPolicy

# What `step_env` gives: observation, state, reward, terminated, info.
Step: TypeAlias = tuple[Any, Any, jax.Array, jax.Array, dict[Any, Any]]


@dataclasses.dataclass(frozen=True)
class Wrapper(Environment[Any, Any]):
    """A gymnax environment around another; this one changes nothing.

    Params, spaces, name, horizon, end of episodes and `info` are those of the environment inside; so are
    `fixed_horizon`, `episode_metrics`, `render` and scripted policies, where it has them. The state is its state,
    unless the wrapper has something to keep: see `Delayed`. `decisive_action` is not passed on: it depends on what is
    seen, whereas scripted policies read the state.

    Attributes:
        env: the environment inside.

    Raises:
        ConfigError: a wrapper's argument is not allowed.
    """

    env: Environment[Any, Any]

    def __post_init__(self) -> None:
        if not isinstance(self.env, Environment):
            raise ConfigError(
                f"{type(self).__name__}.env is a {type(self.env).__name__}: allowed is an environment, "
                "the first of the two that envs.make gives"
            )
        validate(self, type(self).__name__)

    @property
    def default_params(self) -> Any:
        """Params of the environment inside."""
        return self.env.default_params

    @property
    def name(self) -> str:
        """Name of the environment inside."""
        return self.env.name

    @property
    def num_actions(self) -> int:
        """Number of actions, or of their components."""
        return self.env.num_actions

    @property
    def fixed_horizon(self) -> bool:
        """Whether every episode takes exactly `horizon(params)` steps."""
        return registry.fixed_horizon(self.env)

    # An attribute that the environment inside lacks is lacking here too: `hasattr` says so.
    @property
    def episode_metrics(self) -> tuple[str, ...]:
        """What of `info` says how an episode went."""
        return self.env.episode_metrics  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def render(self) -> Callable[[Any, Any], np.ndarray]:
        """Draws a state, `(state, params) -> uint8 [H, W, 3]`: the environment's, whatever is seen of it."""
        draw = self.env.render  # pyright: ignore[reportAttributeAccessIssue]
        return lambda state, params: draw(self.inner(state), params)

    def scripted_policies(self, params: Any) -> dict[str, ScriptedPolicy]:
        """Those of the environment inside, with its state to read; the observation they get is the wrapper's."""
        if not hasattr(self.env, "scripted_policies"):
            return {}
        policies: dict[str, ScriptedPolicy] = self.env.scripted_policies(params)  # pyright: ignore[reportAttributeAccessIssue]
        return {name: self._from_outside(policy) for name, policy in policies.items()}

    def horizon(self, params: Any) -> int:
        """The most steps of an episode.

        Raises:
            ConfigError: the environment inside states no limit.
        """
        return registry.horizon(self.env, params)

    def inner(self, state: Any) -> Any:
        """The state of the environment inside."""
        return state

    def reset_env(self, key: jax.Array, params: Any) -> tuple[Any, Any]:
        """Start an episode."""
        return self.env.reset_env(key, params)

    def step_env(self, key: jax.Array, state: Any, action: int | float | jax.Array, params: Any) -> Step:
        """Take one step without resetting."""
        return self.env.step_env(key, state, action, params)

    def is_terminated(self, state: Any, params: Any) -> jax.Array:
        """Whether the episode has ended by itself, where the environment inside tells it by the state."""
        return self.env.is_terminated(self.inner(state), params)

    def is_truncated(self, state: Any, params: Any) -> jax.Array:
        """Whether a time limit cut the episode off."""
        return self.env.is_truncated(self.inner(state), params)

    def action_space(self, params: Any = None) -> Any:
        """Actions of the environment inside."""
        return self.env.action_space(self.default_params if params is None else params)

    def observation_space(self, params: Any = None) -> Any:
        """Observations of the environment inside."""
        return self.env.observation_space(self.default_params if params is None else params)

    def _from_outside(self, policy: ScriptedPolicy) -> ScriptedPolicy:
        return ScriptedPolicy(
            init=lambda key, obs, state: policy.init(key, obs, self.inner(state)),
            act=lambda key, carry, obs, state: policy.act(key, carry, obs, self.inner(state)),
        )


@dataclasses.dataclass(frozen=True)
class CertainWrapper(Wrapper):
    """A wrapper that draws nothing in order to observe: its episodes can begin from a given layout."""

    @property
    def reset_to(self) -> Callable[..., tuple[Any, Any]]:
        """Starts an episode from a layout, `(layout, params) -> (obs, state)`, where the environment inside can."""
        reset_to = self.env.reset_to  # pyright: ignore[reportAttributeAccessIssue]
        return lambda layout, params=None: self.begin(*reset_to(layout, params))

    @property
    def layouts(self) -> Callable[[Any], list[tuple[float, Any]]]:
        """`params -> [(probability, layout), ...]`, where the environment inside has it."""
        return self.env.layouts  # pyright: ignore[reportAttributeAccessIssue]

    def reset_env(self, key: jax.Array, params: Any) -> tuple[Any, Any]:
        """Start an episode."""
        return self.begin(*self.env.reset_env(key, params))

    def begin(self, obs: Any, state: Any) -> tuple[Any, Any]:
        """What is seen first, and the state, of those of the environment inside."""
        return obs, state


@dataclasses.dataclass(frozen=True)
class ChanceWrapper(Wrapper):
    """A wrapper that draws how each observation is spoilt, the first one included."""

    def reset_env(self, key: jax.Array, params: Any) -> tuple[Any, Any]:
        """Start an episode."""
        key, spoil_key = jax.random.split(key)
        obs, state = self.env.reset_env(key, params)
        return self.spoilt(spoil_key, obs), state

    def step_env(self, key: jax.Array, state: Any, action: int | float | jax.Array, params: Any) -> Step:
        """Take one step without resetting."""
        key, spoil_key = jax.random.split(key)
        obs, state, reward, terminated, info = self.env.step_env(key, state, action, params)
        return self.spoilt(spoil_key, obs), state, reward, terminated, info

    def spoilt(self, key: jax.Array, obs: Any) -> Any:
        """What is seen of an observation."""
        raise NotImplementedError


def observation_of(env: Environment[Any, Any], params: Any = None) -> Any:
    """Shapes and dtypes of what `env` shows: of what it really does, where its space may be wrong."""
    params = env.default_params if params is None else params
    return jax.eval_shape(env.reset_env, jax.random.key(0), params)[0]


def unbounded(array: jax.ShapeDtypeStruct) -> spaces.Box:
    """The space of all arrays of that shape and dtype."""
    if jnp.issubdtype(array.dtype, jnp.integer):
        bounds = (jnp.iinfo(array.dtype).min, jnp.iinfo(array.dtype).max)
    else:
        bounds = (-jnp.inf, jnp.inf)
    return spaces.Box(*bounds, array.shape, array.dtype)
