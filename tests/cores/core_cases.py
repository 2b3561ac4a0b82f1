"""Cores under test, and ways to run them."""

from functools import partial
from typing import Any

import jax
import numpy as np

from jaxmem import cores
from jaxmem.cores import law
from jaxmem.cores.law import QUICK, outputs, random_parameters, staggered

__all__ = [
    "CASES",
    "QUICK",
    "REMEMBERING",
    "WIDTH",
    "assert_log_uniform",
    "build",
    "outputs",
    "random_parameters",
    "scan_steps",
    "sequence",
    "staggered",
    "unroll",
]

WIDTH = 8

# Two cells of three channels, and two numbers beside them.
_LOOKS: dict[str, Any] = {"grid": (2, 1, 3)}
_CLIP: dict[str, Any] = _LOOKS | {"frames": 3, "clip": "channels"}
_ANSWERS: dict[str, Any] = _LOOKS | {"channels": 6, "key_width": 4, "answer_hidden": (4,)}
_ASKS: dict[str, Any] = _ANSWERS | {"queries": 2, "query_hidden": (4,)}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in cores.registered_cores},
    "gpt-learned": ("gpt", {"positions": "learned"}),
    "gpt-rotary": ("gpt", {"positions": "rotary", "layers": 2, "heads": 2}),
    "gpt-none": ("gpt", {"positions": "none", "dropout": 0.0}),
    "gtrxl-deep": (
        "gtrxl",
        {"memory": 5, "layers": 2, "heads": 2, "norm": "post", "adaptive_span": True, "span_ramp": 4},
    ),
    "lstm-deep": ("lstm", {"layers": 2, "forget_bias": 1.0}),
    "lstm-spread": ("lstm", {"forget_bias": None, "reach": 3.0, "candidate_bias": False}),
    "gru-deep": ("gru", {"layers": 2}),
    "lru-ring": ("lru", {"layers": 2, "spectrum": "ring", "state_width": 5, "scan": "associative"}),
    "lru-bare": ("lru", {"max_phase": 0.0, "block": "bare"}),
    "mingru-deep": ("mingru", {"layers": 2, "state_width": 5, "candidate": "positive", "scan": "associative"}),
    # Segments so short that there are borders, and caches that begin within a segment.
    "rmt": ("rmt", {"segment": 3, "tokens": 2}),
    "rmt-valve": ("rmt", {"segment": 3, "tokens": 2, "valve": "ca2", "layers": 2, "heads": 2}),
    "rmt-control": ("rmt", {"segment": 3, "tokens": 0}),
    "rmt-cache": ("rmt", {"segment": 3, "tokens": 0, "cache": 4, "layers": 2, "heads": 2}),
    "rate": ("rmt", {"segment": 3, "tokens": 2, "valve": "lstm", "cache": 9, "block": "rate", "heads": 2}),
    "rate-deep": (
        "rmt",
        {"segment": 4, "tokens": 1, "valve": "gate", "cache": 5, "block": "rate", "layers": 2, "ffn": False},
    ),
    "mott": ("mott", _ASKS),
    "mott-learned": ("mott", _ASKS | {"vision": "linear", "ask": "learned", "positions": "learned"}),
    "mean_pool": ("mean_pool", _ANSWERS | {"positions": "sine"}),
    "spatio_temporal": ("spatio_temporal", _ASKS | {"positions": "rotary", "heads": 2, "reach": 5}),
    "spatio_temporal-gated": ("spatio_temporal", _ASKS | {"positions": "none", "gated": True, "vision": "conv_lstm"}),
    "timesformer": ("timesformer", _LOOKS | {"patch": 1, "frames": 3, "clip": "steps", "heads": 2}),
    "timesformer-channels": ("timesformer", _CLIP | {"patch": 2, "positions": "fourier", "layers": 1}),
    "timesformer-rotary": ("timesformer", _CLIP | {"patch": 1, "positions": "rotary", "heads": 2}),
}
# No gradient enters a cache: it hands on what no gradient shows.
REMEMBERING = [
    name for name in CASES if name not in ("mlp", "rmt-control", "rmt-cache") and not name.startswith("timesformer")
]


def build(case: str, max_length: int) -> tuple[cores.Core, Any]:
    """A core and random parameters, large enough that every part matters."""
    name, options = CASES[case]
    core = cores.make(name, WIDTH, max_length, **options)
    return core, random_parameters(core)


def sequence(seed: int, time: int, batch: int) -> tuple[jax.Array, jax.Array]:
    """Random inputs [T, B, WIDTH] and no episode start [T, B]."""
    return law.sequence(seed, time, batch, WIDTH)


@partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def unroll(core: cores.Core, params: Any, state: Any, x: jax.Array, start: jax.Array) -> Any:
    """`core.unroll`, compiled."""
    return core.apply(params, state, x, start, method="unroll")


scan_steps = jax.jit(law.scan_steps, static_argnums=0, compiler_options=QUICK)
"""`core.step` scanned over time, compiled."""


def assert_log_uniform(time_constants: Any, longest: float) -> None:
    """Time constants of many units, float [N], are spread evenly over magnitudes from 1 to `longest`."""
    share = np.sort(np.log(np.asarray(time_constants, np.float64)) / np.log(longest))
    assert share[0] > -1e-3
    assert share[-1] < 1 + 1e-3
    np.testing.assert_allclose(share, np.linspace(0, 1, share.size), atol=0.06)
