"""Networks whose attention and whose reasons are known, since they were planted."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.agents.base import Params
from jaxmem.cores import Core
from jaxmem.cores.looking import LookingCore
from jaxmem.networks import Inputs, PolicyValue
from jaxmem.networks.inputs import scaled
from jaxmem.networks.memory_net import Trunk


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
