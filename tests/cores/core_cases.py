"""Cores under test, and ways to run them."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem import cores

WIDTH = 8
POSITIONS = ("sine", "learned", "rotary", "none")

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in cores.registered_cores},
    **{f"gpt-{kind}": ("gpt", {"positions": kind, "layers": 2, "heads": 2, "dropout": 0.0}) for kind in POSITIONS},
    "lstm-2": ("lstm", {"layers": 2, "forget_bias": 1.0}),
    "gru-2": ("gru", {"layers": 2}),
}
REMEMBERING = [name for name in CASES if name != "mlp"]


def build(case: str, max_length: int) -> tuple[cores.Core, Any]:
    """A core and parameters, moved off their small initial values so that every part matters."""
    name, options = CASES[case]
    core = cores.make(name, WIDTH, max_length, **options)
    x, start = sequence(0, 2, 1)
    params = core.init(jax.random.key(1), None, x, start, method="unroll")
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    noise = [0.3 * jax.random.normal(k, p.shape) for k, p in zip(keys, leaves, strict=True)]
    return core, jax.tree.unflatten(tree, [p + n for p, n in zip(leaves, noise, strict=True)])


def sequence(seed: int, time: int, batch: int) -> tuple[jax.Array, jax.Array]:
    """Random inputs [T, B, WIDTH] and no episode start [T, B]."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(time, batch, WIDTH)).astype(np.float32)
    return jnp.asarray(x), jnp.zeros((time, batch), bool)


def staggered(time: int, batch: int) -> jax.Array:
    """Episode starts [T, B]: none, the first step, the last step, two in a row, then random ones."""
    start = np.random.default_rng(3).random((time, batch)) < 0.15
    start[:, :4] = False
    start[0, 1] = True
    start[-1, 2] = True
    start[time // 2 : time // 2 + 2, 3] = True
    return jnp.asarray(start)


@partial(jax.jit, static_argnums=0)
def unroll(core: cores.Core, params: Any, state: Any, x: jax.Array, start: jax.Array) -> Any:
    """`core.unroll`, compiled."""
    return core.apply(params, state, x, start, method="unroll")


@partial(jax.jit, static_argnums=0)
def scan_steps(core: cores.Core, params: Any, state: Any, x: jax.Array, start: jax.Array) -> Any:
    """`core.step` scanned over time, compiled."""

    def body(state: Any, inputs: Any) -> Any:
        return core.apply(params, state, *inputs, method="step")

    return jax.lax.scan(body, state, (x, start))
