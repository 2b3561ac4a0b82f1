"""An environment whose episodes terminate or are cut off, and a player whose memory can be read."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import spaces
from gymnax.environments.environment import Environment, EnvParams, EnvState

from jaxmem.agents import Decision

LIMIT = 5


@struct.dataclass
class CountdownState(EnvState):
    time: jax.Array
    length: jax.Array


class Countdown(Environment):
    """Episodes of random length: terminated after `length` steps, or truncated after `LIMIT`."""

    @property
    def default_params(self) -> EnvParams:
        return EnvParams(max_steps_in_episode=LIMIT)

    def reset_env(self, key, params):
        state = CountdownState(time=jnp.int32(0), length=jax.random.randint(key, (), 1, 9))
        return self.observe(key, state, None, params), state

    def step_env(self, key, state, action, params):
        state = CountdownState(time=state.time + 1, length=state.length)
        obs = self.observe(key, state, action, params)
        return obs, state, jnp.float32(1.0), state.time >= state.length, {"success": jnp.float32(0.5)}

    def observe(self, key, state, action, params):
        del key, action, params
        return jnp.array([state.time, state.length], jnp.float32)

    def action_space(self, params):
        return spaces.Discrete(2)

    def observation_space(self, params):
        return spaces.Box(0, 10, (2,))


@dataclass(frozen=True)
class Recorder:
    """Acts by the parity of the step that its memory counts, so that a lost memory or a late start shows."""

    def initial_carry(self, batch_size):
        return jnp.full((batch_size,), 7)

    def act(self, state, carry, inputs, start, key, progress, explore):
        carry = jnp.where(start, 0, carry + 1)
        return carry, Decision((carry % 2).astype(jnp.int32), -carry.astype(jnp.float32))
