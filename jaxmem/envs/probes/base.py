"""What the probes share: a horizon of their own, and a layout that holds everything random."""

from typing import Any, ClassVar, Generic, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces
from gymnax.environments.environment import Environment

from jaxmem.config import ConfigError
from jaxmem.envs.layouts import check_integers, is_traced
from jaxmem.envs.pomdp import FinitePOMDP

StateT = TypeVar("StateT", bound=Any)
ParamsT = TypeVar("ParamsT", bound=Any)
LayoutT = TypeVar("LayoutT", bound=Any)
Step = tuple[jax.Array, StateT, jax.Array, jax.Array, dict[Any, Any]]
_MAX_SEED = 2**32 - 1


@struct.dataclass
class NoParams:
    """Params of a task without numbers: what can be chosen about it are shapes, fields of the environment."""


class Probe(Environment[Any, Any], Generic[StateT, ParamsT, LayoutT]):
    """Base of the probes.

    A subclass says how long an episode is, draws, checks and starts layouts, observes and steps. Its layout decides
    all that is random in an episode, so that `step_env` needs no key. Its state has a field `time`, int32: steps taken.
    """

    fixed_horizon: ClassVar[bool] = True

    # What a subclass says.

    @property
    def default_params(self) -> Any:
        """Params where none are given."""
        raise NotImplementedError

    def _steps(self, params: ParamsT) -> int | jax.Array:
        """The most steps of an episode; an array where the params are arrays."""
        raise NotImplementedError

    def _draw(self, key: jax.Array, params: ParamsT) -> LayoutT:
        """A random layout."""
        raise NotImplementedError

    def _check(self, layout: LayoutT) -> None:
        """Raise `ConfigError` for a layout that cannot be."""
        raise NotImplementedError

    def _begin(self, layout: LayoutT, params: ParamsT) -> StateT:
        """The first state of an episode."""
        raise NotImplementedError

    def _observe(self, state: StateT, params: ParamsT) -> jax.Array:
        """The observation of a state."""
        raise NotImplementedError

    # Environment

    @property
    def num_actions(self) -> int:
        """Number of actions."""
        return self.action_space(self.default_params).n

    def horizon(self, params: ParamsT) -> int:
        """The most steps of an episode; `params` must be those of one task."""
        return int(self._steps(params))

    def reset_env(self, key: jax.Array, params: ParamsT) -> tuple[jax.Array, StateT]:
        """Start an episode with a random layout."""
        return self._start(self._draw(key, params), params)

    def reset_to(self, layout: LayoutT, params: ParamsT | None = None) -> tuple[jax.Array, StateT]:
        """Start an episode with a given layout: `(obs, state)`; also under `jit` and `vmap`.

        Raises:
            ConfigError: a layout that cannot be. Values that are traced cannot be seen and are taken as they are.
        """
        self._check(layout)
        return self._start(layout, self.default_params if params is None else params)

    def as_pomdp(self, params: ParamsT) -> FinitePOMDP:
        """The task with every state, outcome and probability written out; `ConfigError` where it is too large."""
        raise NotImplementedError

    def is_terminated(self, state: StateT, params: ParamsT) -> jax.Array:
        """Whether the last step was taken."""
        return state.time >= int32(self._steps(params))

    def is_truncated(self, state: StateT, params: ParamsT) -> jax.Array:
        """Never: the horizon belongs to the task."""
        return jnp.zeros_like(state.time, bool)

    def _start(self, layout: LayoutT, params: ParamsT) -> tuple[jax.Array, StateT]:
        state = self._begin(layout, params)
        return self._observe(state, params), state

    def _stepped(self, state: StateT, reward: jax.Array, success: jax.Array, params: ParamsT) -> Step:
        """What `step_env` returns once `state` is reached; `success` counts on the last step only."""
        done = self.is_terminated(state, params)
        info = {"success": (done & success).astype(jnp.float32), "discount": (~done).astype(jnp.float32)}
        return self._observe(state, params), state, reward.astype(jnp.float32), done, info


def int32(value: Any) -> jax.Array:
    """`value` as an int32 array."""
    return jnp.asarray(value, jnp.int32)


def share(part: jax.Array, whole: int | jax.Array) -> jax.Array:
    """`part / whole` in float32, rounded down to a multiple of 2^-24; for 0 <= part <= whole < 2^20.

    In integers, because a float division is rounded differently where XLA knows the divisor.
    """
    whole = jnp.asarray(whole, jnp.uint32)
    high = jnp.asarray(part, jnp.uint32) << 12
    low = (high % whole) << 12
    return (((high // whole) << 12) + low // whole).astype(jnp.float32) * 2.0**-24


def shares_left(steps: int) -> np.ndarray:
    """`share(steps - t, steps)` for t = 0 to `steps`, float32 [steps + 1]."""
    return np.asarray(share(jnp.arange(steps, -1, -1), steps))


def random_seed(key: jax.Array) -> jax.Array:
    """A seed for `noise_key`, uint32."""
    return jax.random.bits(key, (), jnp.uint32)


def noise_key(seed: jax.Array, time: jax.Array) -> jax.Array:
    """The key of an episode's noise at a time.

    A layout holds a seed instead of a key: it can be written by hand and stays an array like all others.
    """
    return jax.random.fold_in(jax.random.key(seed), time)


def seed_space() -> spaces.Box:
    """Bounds of a seed."""
    # As a plain int the bound would not fit JAX's int32.
    return spaces.Box(0, jnp.uint32(_MAX_SEED), (), jnp.uint32)


def check_seed(value: Any) -> None:
    """Raise `ConfigError` unless a layout's seed is one; a traced one passes."""
    check_integers("seed", value, (), 0, _MAX_SEED)


def check_counts(name: str, value: Any, kinds: int, each: int) -> None:
    """Raise `ConfigError` unless a layout's field has each of 0..kinds - 1 `each` times; traced ones pass."""
    check_integers(name, value, (kinds * each,), 0, kinds - 1)
    if is_traced(value):
        return
    counts = np.bincount(np.asarray(value, np.int64), minlength=kinds)
    for kind in np.flatnonzero(counts != each):
        raise ConfigError(
            f"layout.{name} has {counts[kind]} of {kind}: allowed are {each} of each from 0 to {kinds - 1}"
        )
