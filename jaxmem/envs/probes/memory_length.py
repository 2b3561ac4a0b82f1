"""Memory Length: bits seen at first, one of them asked for at the end."""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces

from jaxmem.config import ConfigError
from jaxmem.envs.explore import explore
from jaxmem.envs.layouts import check_integers
from jaxmem.envs.pomdp import FinitePOMDP
from jaxmem.envs.probes.base import Probe, Step, int32, share

_MOST_BITS = 8


@struct.dataclass
class MemoryLengthParams:
    """`length` is N, the steps of an episode, 1 to 2^20 - 1; it may be an array, to `vmap` over lengths."""

    length: int | jax.Array = 100


@struct.dataclass
class MemoryLengthState:
    """State of an episode.

    Attributes:
        context: int32 [num_bits], 0 or 1.
        query: int32, index of the bit that is asked for.
        time: int32, steps taken.
    """

    context: jax.Array
    query: jax.Array
    time: jax.Array


@struct.dataclass
class MemoryLengthLayout:
    """What is random in an episode, integers of any dtype.

    Attributes:
        context: [num_bits], 0 or 1.
        query: from 0 to num_bits - 1.
    """

    context: Any
    query: Any = 0


@dataclasses.dataclass(frozen=True)
class MemoryLength(Probe[MemoryLengthState, MemoryLengthParams, MemoryLengthLayout]):
    """Memory Length (Osband et al. 2020, arXiv 1908.03568: bsuite's memory chain).

    The first observation shows `num_bits` context bits, the last one before the last action the index of one of them;
    the last action has to name that bit. Every episode takes N = `params.length` steps, and nothing else pays.

    bsuite's own code shows the first observation twice, and so takes N + 1 steps.

    Observation, float32 [2 + num_bits], after t steps:
        `1 - t / N`, rounded down to a multiple of 2^-24; the query if t == N - 1, else 0; the context bits as -1 and +1
        if t == 0, else 0. With N = 1 the one observation to act on shows query and context.

    Action:
        0 or 1: the value of the bit.

    Reward, float32:
        On step N +1 if the action is the bit asked for, else -1; before, 0.

    End:
        `terminated` on step N exactly; never `truncated`.

    Info:
        * `success`, float32: 1.0 on step N if the bit was right, else 0.0.
        * `discount`, float32: 0.0 on step N, else 1.0.

    State, params, layout:
        `MemoryLengthState`, `MemoryLengthParams`, `MemoryLengthLayout`. The key of a reset decides the layout: all bits
        and the query are uniform. `step_env` is deterministic.
    """

    num_bits: int = 1

    @property
    def default_params(self) -> MemoryLengthParams:
        """Params of 100 steps."""
        return MemoryLengthParams()

    def step_env(
        self, key: jax.Array, state: MemoryLengthState, action: int | float | jax.Array, params: MemoryLengthParams
    ) -> Step[MemoryLengthState]:
        """Take one step without resetting; `key` is not used."""
        state = dataclasses.replace(state, time=state.time + 1)
        right = jnp.asarray(action) == state.context[state.query]
        reward = jnp.where(self.is_terminated(state, params), jnp.where(right, 1, -1), 0)
        return self._stepped(state, reward, right, params)

    def layouts(self, params: MemoryLengthParams) -> list[tuple[float, MemoryLengthLayout]]:
        """Every layout and how likely it is; raises `ConfigError` for more than 8 bits."""
        if self.num_bits > _MOST_BITS:
            raise ConfigError(f"num_bits is {self.num_bits}: allowed are at most {_MOST_BITS} to write the task out")
        chance = 1 / (2**self.num_bits * self.num_bits)
        contexts = itertools.product((0, 1), repeat=self.num_bits)
        return [
            (chance, MemoryLengthLayout(np.array(context), query))
            for context in contexts
            for query in range(self.num_bits)
        ]

    def as_pomdp(self, params: MemoryLengthParams) -> FinitePOMDP:
        """The task with every state, outcome and probability written out; raises `ConfigError` for more than 8 bits."""
        return explore(self, params)

    def action_space(self, params: MemoryLengthParams | None = None) -> spaces.Discrete:
        """The values of a bit."""
        return spaces.Discrete(2)

    def observation_space(self, params: MemoryLengthParams | None = None) -> spaces.Box:
        """Bounds of the observation."""
        low = jnp.array([0, 0] + [-1] * self.num_bits, jnp.float32)
        high = jnp.array([1, self.num_bits - 1] + [1] * self.num_bits, jnp.float32)
        return spaces.Box(low, high, low.shape, jnp.float32)

    def state_space(self, params: MemoryLengthParams | None = None) -> spaces.Dict:
        """Bounds of the state's fields."""
        params = self.default_params if params is None else params
        return spaces.Dict(
            {
                "context": spaces.Box(0, 1, (self.num_bits,), jnp.int32),
                "query": spaces.Box(0, self.num_bits - 1, (), jnp.int32),
                "time": spaces.Box(0, params.length, (), jnp.int32),
            }
        )

    def _steps(self, params: MemoryLengthParams) -> int | jax.Array:
        return params.length

    def _draw(self, key: jax.Array, params: MemoryLengthParams) -> MemoryLengthLayout:
        for_context, for_query = jax.random.split(key)
        return MemoryLengthLayout(
            context=jax.random.bits(for_context, (self.num_bits,), jnp.uint32) & 1,
            query=jax.random.randint(for_query, (), 0, self.num_bits),
        )

    def _check(self, layout: MemoryLengthLayout) -> None:
        check_integers("context", layout.context, (self.num_bits,), 0, 1)
        check_integers("query", layout.query, (), 0, self.num_bits - 1)

    def _begin(self, layout: MemoryLengthLayout, params: MemoryLengthParams) -> MemoryLengthState:
        return MemoryLengthState(int32(layout.context), int32(layout.query), int32(0))

    def _observe(self, state: MemoryLengthState, params: MemoryLengthParams) -> jax.Array:
        query = jnp.where(state.time == params.length - 1, state.query, 0)
        context = jnp.where(state.time == 0, 2 * state.context - 1, 0)
        left = share(params.length - state.time, params.length)
        return jnp.concatenate([jnp.stack([left, query]), context], dtype=jnp.float32)
