"""The gymnax environment around a physics library's: Brax and MuJoCo Playground have the same functions of a state."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import spaces
from gymnax.environments.environment import Environment

from jaxmem.config import ConfigError


@struct.dataclass
class SimulatorParams:
    """Numbers of a simulated task.

    Attributes:
        max_steps_in_episode: steps after which an episode is truncated.
    """

    max_steps_in_episode: int = 1000


@struct.dataclass
class SimulatorState:
    """State of an episode.

    Attributes:
        physics: the library's own state, with `obs`, `reward` and `done`.
        time: int32, steps taken.
    """

    physics: Any
    time: jax.Array


@dataclasses.dataclass(frozen=True)
class SimulatorEnv(Environment[Any, Any]):
    """An environment of a physics library.

    Observation:
        The library's, float [n]; where it is a dictionary, its "state".

    Action:
        float32 [m] from -1 to 1, clipped; the library's environments scale it to what their motors take.

    Reward:
        float32, the library's.

    End:
        `terminated` where the library says that the episode is done, `truncated` after
        `params.max_steps_in_episode` steps. A step after which observation or reward are not finite, because the
        physics has diverged, ends the episode with `terminated` and reward 0; the observation before it is seen again.

    Info:
        Nothing.

    State, params:
        `SimulatorState`, `SimulatorParams`. `step_env` uses no key; the library may keep one in its state.

    Two environments are equal that have the same id and variant and are of the same class, so that compiled functions
    are shared among them.

    Attributes:
        id: name in jaxmem's registry.
        variant: what else tells one environment of that id from another: the engine.
        physics: the library's environment: `reset(key) -> state`, `step(state, action) -> state`, `action_size`.

    Raises:
        ConfigError: what is observed is not one vector of numbers.
    """

    episode_metrics: ClassVar[tuple[str, ...]] = ()
    # Not even where the library never ends an episode: physics can diverge.
    fixed_horizon: ClassVar[bool] = False

    id: str
    variant: str
    physics: Any = dataclasses.field(compare=False, repr=False)
    kind: type = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", type(self.physics))
        shown = seen(jax.eval_shape(self.physics.reset, jax.random.PRNGKey(0)).obs)
        if not hasattr(shown, "shape") or len(shown.shape) != 1:
            what = ", ".join(shown) if isinstance(shown, Mapping) else f"an array of shape {shown.shape}"
            raise ConfigError(f"environment {self.id!r} shows {what}: allowed is one vector, or one named 'state'")
        object.__setattr__(self, "_box", (shown.shape, shown.dtype))

    @property
    def default_params(self) -> SimulatorParams:
        """Params with a limit of 1000 steps."""
        return SimulatorParams()

    @property
    def name(self) -> str:
        """Name of the environment."""
        return self.id

    @property
    def num_actions(self) -> int:
        """Number of components of an action."""
        return self.physics.action_size

    def reset_env(self, key: jax.Array, params: SimulatorParams) -> tuple[jax.Array, SimulatorState]:
        """Start an episode."""
        # The libraries are written for keys as plain arrays, and keep them in their states.
        state = self.physics.reset(jax.random.key_data(key))
        # Python numbers and weak types would change with the first step.
        state = jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), state)
        return seen(state.obs), SimulatorState(state, jnp.zeros((), jnp.int32))

    def step_env(
        self,
        key: jax.Array,
        state: SimulatorState,
        action: int | float | jax.Array,
        params: SimulatorParams,
    ) -> tuple[jax.Array, SimulatorState, jax.Array, jax.Array, dict[Any, Any]]:
        """Take one step without resetting; `key` is not used."""
        before = state.physics
        # A copy, since Brax writes into the dictionaries of the state that it is given.
        after = self.physics.step(jax.tree.map(lambda x: x, before), jnp.clip(jnp.asarray(action), -1.0, 1.0))
        after = jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), after, before)
        finite = jnp.isfinite(seen(after.obs)).all() & jnp.isfinite(after.reward)
        ended = before.replace(reward=jnp.zeros_like(before.reward), done=jnp.ones_like(before.done))
        physics = jax.tree.map(functools.partial(jnp.where, finite), after, ended)
        state = SimulatorState(physics, state.time + 1)
        return seen(physics.obs), state, physics.reward, self.is_terminated(state, params), {}

    def is_terminated(self, state: SimulatorState, params: SimulatorParams) -> jax.Array:
        """Whether the library says that the episode is done, or its physics has diverged."""
        return state.physics.done.astype(bool)

    def is_truncated(self, state: SimulatorState, params: SimulatorParams) -> jax.Array:
        """Whether the time limit was reached."""
        return state.time >= params.max_steps_in_episode

    def action_space(self, params: SimulatorParams | None = None) -> spaces.Box:
        """From -1 to 1, float32 [m]."""
        return spaces.Box(-1.0, 1.0, (self.num_actions,), jnp.float32)

    def observation_space(self, params: SimulatorParams | None = None) -> spaces.Box:
        """A box without bounds, [n]."""
        shape, dtype = self._box  # pyright: ignore[reportAttributeAccessIssue]
        return spaces.Box(-jnp.inf, jnp.inf, shape, dtype)


def seen(obs: Any) -> Any:
    """Of what a library shows, what is observed: its "state", where it shows several things."""
    return obs["state"] if isinstance(obs, Mapping) and "state" in obs else obs
