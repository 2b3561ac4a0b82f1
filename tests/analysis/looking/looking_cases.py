"""Networks whose attention and whose reasons are known, since they were planted; and small runs."""

from dataclasses import fields
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from support import small_config

from jaxmem import agents, cores, envs
from jaxmem.agents.base import Params
from jaxmem.cores import Core
from jaxmem.cores.looking import LookingCore
from jaxmem.networks import CENTRE, Inputs, NetworkOptions, PolicyValue
from jaxmem.networks.embed import Embedding
from jaxmem.networks.eye import Eye
from jaxmem.networks.inputs import scaled
from jaxmem.networks.memory_net import Trunk
from jaxmem.training import LoopOptions
from jaxmem.training.loop import Program
from jaxmem.training.state import Run

LIMIT = 5
TINY: dict[str, Any] = {"channels": 6, "key_width": 2, "queries": 2, "query_hidden": (4,), "answer_hidden": (4,)}
# A time limit ends it, before a ball can be lost.
BREAKOUT = envs.options("Breakout-MinAtar", max_steps_in_episode=LIMIT)


class Eyes(nn.Module):
    """The picture as it is, flat."""

    @nn.compact
    def __call__(self, inputs: Inputs) -> jax.Array:
        obs = scaled(inputs.obs)
        return obs.reshape(obs.shape[0], -1)


class Gaze(LookingCore):
    """Looks where the first channel is bright, and where the second is; passes the picture on with the sum so far."""

    looks_at: ClassVar[str] = "pixels"

    @property
    def map_names(self) -> tuple[str, ...]:
        return ("first", "second")

    def initial_state(self, batch_size: int) -> jax.Array:
        return jnp.zeros((batch_size, 1))

    def _unroll(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        del deterministic
        cells, _ = self.split(x)
        bright = jnp.moveaxis(cells[..., :2], -1, -2) + 1e-6
        maps = bright / bright.sum(-1, keepdims=True)
        self.sow("intermediates", "attention_maps", maps.reshape(*maps.shape[:-1], *self.size))

        def step(total: jax.Array, seen: tuple) -> tuple[jax.Array, jax.Array]:
            x, start = seen
            total = jnp.where(start[:, None], 0, total) + x.sum(-1, keepdims=True)
            return total, jnp.concatenate([x, total], axis=-1)

        return jax.lax.scan(step, self.initial_state(x.shape[1]) if state is None else state, (x, start))

    def _step(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        state, y = self._unroll(state, x[None], start[None], deterministic)
        return state, y[0]


class Reader(nn.Module):
    """A head that reads some numbers of the features alone, squared so that it is not linear."""

    reads: tuple[int, ...]
    outputs: int

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        seen = y[..., jnp.array(self.reads)]
        return jnp.stack([jnp.sum((k + 1) * seen + seen**2, axis=-1) for k in range(self.outputs)], axis=-1)


def planted(core: Core, actor: nn.Module, critic: nn.Module) -> PolicyValue:
    eyes: Any = Eyes()
    return PolicyValue(trunk=Trunk(embedding=eyes, core=core), actor=actor, critic=critic)


def before_background(net: PolicyValue, background: jax.Array) -> tuple[PolicyValue, Params]:
    """The same, but that it takes a background [H, W, C] off what it sees, and variables that say which."""
    eyes = Embedding(2, 0, 0, 0, background.shape, Eye("pixels", (), 0, True), background=True)
    params = {CENTRE: {"trunk": {"embedding": {"background": {"obs": background}}}}}
    return PolicyValue(trunk=Trunk(embedding=eyes, core=net.trunk.core), actor=net.actor, critic=net.critic), params


def frames(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Inputs:
    """Inputs with random pictures."""
    key = jax.random.key(seed)
    obs = jax.random.uniform(key, shape) if dtype == jnp.float32 else jax.random.randint(key, shape, 0, 256, jnp.int32)
    lead = shape[:-3]
    return Inputs(obs.astype(dtype), jnp.zeros(lead, jnp.int32), jnp.zeros(lead, jnp.float32))


def parameters(net: PolicyValue, inputs: Inputs) -> Params:
    """Of inputs [B, ...]."""
    start = jnp.ones((1, len(inputs.prev_reward)), bool)
    inputs = jax.tree.map(lambda leaf: leaf[None], inputs)
    found: Any = net.init(jax.random.key(1), None, inputs, start, method="unroll", mutable=["params"])
    return found


def breakout(
    core: cores.CoreOptions, env: envs.EnvOptions = BREAKOUT, separate_critic: bool = False, **network: Any
) -> Program:
    """MinAtar's Breakout, or another environment, with a small network."""
    config = small_config(
        env=env,
        core=core,
        agent=agents.options("vtrace", separate_critic=separate_critic),
        network=NetworkOptions(obs_embed=4, action_embed=2, head=(), cnn_channels=(4,), cnn_kernel=3, **network),
        loop=LoopOptions(episodes=8, collect=2, updates=1, unroll=2, eval_every=8, eval_episodes=2),
        seeds=2,
    )
    return Program(config)


def fresh_run(program: Program) -> Run:
    """Of a run, what is looked at."""
    rest: Any = {field.name: None for field in fields(Run) if field.name not in ("agent", "iterations")}
    agent = jax.jit(jax.vmap(program.agent.init))(jax.random.split(jax.random.key(0), 2))
    return Run(agent=agent, iterations=jnp.zeros(2, jnp.int32), **rest)
