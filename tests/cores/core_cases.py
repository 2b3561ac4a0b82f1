"""Cores under test, and ways to run them."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem import cores

WIDTH = 8
QUICK: Any = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""Compiler options for tests whose time is spent on compiling."""

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in cores.registered_cores},
    "gpt-deep": ("gpt", {"layers": 2, "heads": 2}),
    "gpt-learned": ("gpt", {"positions": "learned"}),
    "gpt-rotary": ("gpt", {"positions": "rotary", "heads": 2}),
    "gpt-none": ("gpt", {"positions": "none", "dropout": 0.0}),
    "gtrxl-deep": (
        "gtrxl",
        {"memory": 5, "layers": 2, "heads": 2, "norm": "post", "adaptive_span": True, "span_ramp": 4},
    ),
    "lstm-deep": ("lstm", {"layers": 2, "forget_bias": 1.0}),
    "gru-deep": ("gru", {"layers": 2}),
    "lru-ring": ("lru", {"layers": 2, "spectrum": "ring", "state_width": 5, "scan": "associative"}),
    "lru-real": ("lru", {"max_phase": 0.0}),
    "mingru-deep": ("mingru", {"layers": 2, "state_width": 5, "candidate": "positive", "scan": "associative"}),
}
REMEMBERING = [name for name in CASES if name != "mlp"]


def build(case: str, max_length: int) -> tuple[cores.Core, Any]:
    """A core and random parameters, large enough that every part matters."""
    name, options = CASES[case]
    core = cores.make(name, WIDTH, max_length, **options)
    return core, random_parameters(core)


def random_parameters(core: cores.Core) -> Any:
    """Parameters N(0, 0.3^2), without compiling the core's own initialisation."""
    x, start = jnp.zeros((2, 1, core.width)), jnp.zeros((2, 1), bool)
    shapes = jax.eval_shape(lambda: core.init(jax.random.key(0), None, x, start, method="unroll"))
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda s: jnp.asarray(rng.normal(scale=0.3, size=s.shape), jnp.float32), shapes)


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


def outputs(core: cores.Core, params: Any, x: jax.Array, start: jax.Array) -> Any:
    """Outputs of `core.unroll` from the initial state."""
    return core.apply(params, None, x, start, method="unroll")[1]


@partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def unroll(core: cores.Core, params: Any, state: Any, x: jax.Array, start: jax.Array) -> Any:
    """`core.unroll`, compiled."""
    return core.apply(params, state, x, start, method="unroll")


@partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def scan_steps(core: cores.Core, params: Any, state: Any, x: jax.Array, start: jax.Array) -> Any:
    """`core.step` scanned over time, compiled."""

    def body(state: Any, inputs: Any) -> Any:
        return core.apply(params, state, *inputs, method="step")

    return jax.lax.scan(body, state, (x, start))
