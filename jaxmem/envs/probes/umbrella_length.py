"""Umbrella Length: a first choice that pays at the end, under noise that pays all the way."""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces

from jaxmem.config import ConfigError
from jaxmem.envs.layouts import check_integers
from jaxmem.envs.pomdp import Beginning, FinitePOMDP, Outcome
from jaxmem.envs.probes.base import (
    Probe,
    Step,
    check_seed,
    int32,
    noise_key,
    random_seed,
    seed_space,
    share,
    shares_left,
)

_MOST_DISTRACTORS = 8


@struct.dataclass
class UmbrellaLengthParams:
    """`length` is T, the steps of an episode, 1 to 2^20 - 1; it may be an array, to `vmap` over lengths."""

    length: int | jax.Array = 100


@struct.dataclass
class UmbrellaLengthState:
    """State of an episode.

    Attributes:
        need: int32, 0 or 1: whether the umbrella will be needed.
        has: int32, 0 or 1: whether it was taken.
        coin: int32, -1 or +1: the reward of the next step, unless it is the last.
        bits: int32 [distractors], 0 or 1: the distractors in sight.
        seed: uint32, decides coins and distractors.
        time: int32, steps taken.
    """

    need: jax.Array
    has: jax.Array
    coin: jax.Array
    bits: jax.Array
    seed: jax.Array
    time: jax.Array


@struct.dataclass
class UmbrellaLengthLayout:
    """What is random in an episode, integers of any dtype.

    Attributes:
        need: 0 or 1.
        has: 0 or 1, until the first action replaces it.
        seed: from 0 to 2^32 - 1; decides coins and distractors.
    """

    need: Any
    has: Any = 0
    seed: Any = 0


@dataclasses.dataclass(frozen=True)
class UmbrellaLength(Probe[UmbrellaLengthState, UmbrellaLengthParams, UmbrellaLengthLayout]):
    """Umbrella Length (Osband et al. 2020, arXiv 1908.03568: bsuite's umbrella chain).

    The first action takes the umbrella or leaves it; the last reward says whether that was right. In between fair coins
    pay whatever is done. Every episode takes T = `params.length` steps.

    Observation, float32 [3 + distractors], after t steps:
        need, has, `1 - t / T` (rounded down to a multiple of 2^-24), then `distractors` fair bits that are drawn anew
        for each observation. Need is always in sight, so no memory is needed; has is random in the first observation.

    Action:
        0 or 1. The first sets has; the others do nothing.

    Reward, float32:
        On step T +1 if need == has, else -1; before, -1 or +1 by a fair coin.

    End:
        `terminated` on step T exactly; never `truncated`.

    Info:
        * `success`, float32: 1.0 on step T if need == has, else 0.0.
        * `discount`, float32: 0.0 on step T, else 1.0.

    State, params, layout:
        `UmbrellaLengthState`, `UmbrellaLengthParams`, `UmbrellaLengthLayout`. The key of a reset decides the layout,
        and the layout's seed all coins and distractors: `step_env` is deterministic.
    """

    distractors: int = 20

    @property
    def default_params(self) -> UmbrellaLengthParams:
        """Params of 100 steps."""
        return UmbrellaLengthParams()

    def step_env(
        self, key: jax.Array, state: UmbrellaLengthState, action: int | float | jax.Array, params: UmbrellaLengthParams
    ) -> Step[UmbrellaLengthState]:
        """Take one step without resetting; `key` is not used."""
        coin, time = state.coin, state.time + 1
        has = jnp.where(state.time == 0, int32(jnp.asarray(action) == 1), state.has)
        right = has == state.need
        next_coin, bits = self._noise(state.seed, time)
        state = dataclasses.replace(state, has=has, coin=next_coin, bits=bits, time=time)
        reward = jnp.where(self.is_terminated(state, params), jnp.where(right, 1, -1), coin)
        return self._stepped(state, reward, right, params)

    def as_pomdp(self, params: UmbrellaLengthParams) -> FinitePOMDP:
        """The task with every state, outcome and probability written out.

        Raises:
            ConfigError: for more than 8 distractors, whose combinations would have to be written out for every step.
        """
        if self.distractors > _MOST_DISTRACTORS:
            raise ConfigError(
                f"distractors is {self.distractors}: allowed are at most {_MOST_DISTRACTORS} to write the task out"
            )
        steps = int(params.length)
        left = shares_left(steps)
        bits = list(itertools.product((0, 1), repeat=self.distractors))

        def seen(need: int, has: int, time: int) -> list[np.ndarray]:
            return [np.array([need, has, left[time], *some], np.float32) for some in bits]

        def step(state: tuple[int, int, int], action: int) -> list[Outcome]:
            need, has, time = state
            has, time = (action if time == 0 else has), time + 1
            rewards = [2 * (has == need) - 1] if time == steps else [-1, 1]
            chance = 1 / (len(rewards) * len(bits))
            return [
                Outcome(chance, (need, has, time), obs, reward, time == steps)
                for obs in seen(need, has, time)
                for reward in rewards
            ]

        begin = [
            Beginning(1 / (4 * len(bits)), (need, has, 0), obs)
            for need, has in itertools.product((0, 1), repeat=2)
            for obs in seen(need, has, 0)
        ]
        return FinitePOMDP.from_rules(begin, step, 2, steps)

    def action_space(self, params: UmbrellaLengthParams | None = None) -> spaces.Discrete:
        """Leave it or take it."""
        return spaces.Discrete(2)

    def observation_space(self, params: UmbrellaLengthParams | None = None) -> spaces.Box:
        """Bounds of the observation."""
        return spaces.Box(0.0, 1.0, (3 + self.distractors,), jnp.float32)

    def state_space(self, params: UmbrellaLengthParams | None = None) -> spaces.Dict:
        """Bounds of the state's fields."""
        params = self.default_params if params is None else params
        return spaces.Dict(
            {
                "need": spaces.Box(0, 1, (), jnp.int32),
                "has": spaces.Box(0, 1, (), jnp.int32),
                "coin": spaces.Box(-1, 1, (), jnp.int32),
                "bits": spaces.Box(0, 1, (self.distractors,), jnp.int32),
                "seed": seed_space(),
                "time": spaces.Box(0, params.length, (), jnp.int32),
            }
        )

    def _steps(self, params: UmbrellaLengthParams) -> int | jax.Array:
        return params.length

    def _draw(self, key: jax.Array, params: UmbrellaLengthParams) -> UmbrellaLengthLayout:
        for_bits, for_seed = jax.random.split(key)
        need, has = jax.random.bits(for_bits, (2,), jnp.uint32) & 1
        return UmbrellaLengthLayout(need, has, random_seed(for_seed))

    def _check(self, layout: UmbrellaLengthLayout) -> None:
        check_integers("need", layout.need, (), 0, 1)
        check_integers("has", layout.has, (), 0, 1)
        check_seed(layout.seed)

    def _begin(self, layout: UmbrellaLengthLayout, params: UmbrellaLengthParams) -> UmbrellaLengthState:
        seed, time = jnp.asarray(layout.seed, jnp.uint32), int32(0)
        coin, bits = self._noise(seed, time)
        return UmbrellaLengthState(int32(layout.need), int32(layout.has), coin, bits, seed, time)

    def _noise(self, seed: jax.Array, time: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The coin for the next step, -1 or +1, and the distractors in sight: int32 [] and [distractors]."""
        fair = int32(jax.random.bits(noise_key(seed, time), (1 + self.distractors,), jnp.uint32) & 1)
        return 2 * fair[0] - 1, fair[1:]

    def _observe(self, state: UmbrellaLengthState, params: UmbrellaLengthParams) -> jax.Array:
        left = share(params.length - state.time, params.length)
        return jnp.concatenate([jnp.stack([state.need, state.has, left]), state.bits], dtype=jnp.float32)
