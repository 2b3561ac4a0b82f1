"""A task of two steps that isolates one thing at a time that learning code gets wrong in silence."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import spaces
from gymnax.environments.environment import Environment, EnvParams, EnvState

DISCOUNT = 0.5


@struct.dataclass
class ProbeState(EnvState):
    time: jax.Array
    cue: jax.Array


class Probe(Environment):
    """Observation [cue, time], the cue (-1 or 1) only at first; 1 is paid at the end for action 1 where it is due.

    kind "delay": always due. "action": due if the last action was 1. "memory": due if the last action was that of the
    cue (1 for cue 1, 0 for cue -1). "limit": as "delay", but a time limit ends the episode, and every step pays.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    @property
    def default_params(self) -> EnvParams:
        return EnvParams(max_steps_in_episode=2)

    def reset_env(self, key, params):
        state = ProbeState(time=jnp.int32(0), cue=jnp.where(jax.random.bernoulli(key), 1.0, -1.0))
        return self.observe(key, state, None, params), state

    def step_env(self, key, state, action, params):
        state = ProbeState(time=state.time + 1, cue=state.cue)
        last = state.time == 2
        due: Any = {
            "delay": True,
            "action": action == 1,
            "memory": action == (state.cue > 0),
            "limit": True,
        }[self.kind]
        paid = jnp.where(due & (last | (self.kind == "limit")), 1.0, 0.0)
        return self.observe(key, state, action, params), state, paid, last & (self.kind != "limit"), {}

    def is_truncated(self, state, params):
        return (state.time >= 2) & (self.kind == "limit")

    def observe(self, key, state, action, params):
        del key, action, params
        first = state.time == 0
        # With a time limit nothing tells the steps apart, so that one value serves them all.
        time = 0.0 if self.kind == "limit" else state.time / 2
        return jnp.stack([jnp.where(first & (self.kind == "memory"), state.cue, 0.0), time])

    def action_space(self, params):
        return spaces.Discrete(2)

    def observation_space(self, params):
        return spaces.Box(-1, 1, (2,))
