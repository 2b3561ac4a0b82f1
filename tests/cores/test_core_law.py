"""The law of every core: unrolling is stepping, and an episode knows nothing of the one before."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import CASES, QUICK, REMEMBERING, build, outputs, scan_steps, sequence, staggered, unroll

from jaxmem import cores
from jaxmem.cores import law

TIME, BATCH = 16, 6


def close(a, b):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=0, atol=1e-5)


# Their parts are in other cases too, and they take the longest to compile.
SLOW = (
    *("gtrxl-deep", "rmt-valve", "rmt-control", "rmt-cache", "rate-deep"),
    *("mott-learned", "mean_pool", "spatio_temporal-gated", "timesformer-channels", "timesformer-rotary"),
)


@pytest.mark.parametrize("case", [pytest.param(case, marks=[pytest.mark.slow] * (case in SLOW)) for case in CASES])
def test_law(case):
    core, params = build(case, TIME)
    cores.check_law(core, remembers=case in REMEMBERING, params=params)


@pytest.mark.parametrize("case", [case for case in CASES if "gpt" in case])
def test_law_with_a_short_window(case):
    core, params = build(case, 4)
    law.check_unroll(core, params, core.width)


@pytest.mark.parametrize("case", ["mean_pool", "timesformer-channels"])
def test_unrolling_is_stepping_of_what_else_is_registered_and_looks(case):
    core, params = build(case, TIME)
    law.check_unroll(core, params, core.width)


def test_window_hides_what_is_older():
    # With one layer, what is out of the window cannot come back through another step's output.
    core, params = build("gpt", 4)
    x, start = sequence(6, 10, 1)

    def output(x):
        return outputs(core, params, x, start)[8, 0].sum()

    grad = np.abs(np.asarray(jax.jit(jax.grad(output), compiler_options=QUICK)(x))).max(axis=(1, 2))
    np.testing.assert_array_equal(grad > 0, [False] * 5 + [True] * 4 + [False])


@pytest.mark.parametrize(
    "case", ["gpt", "gpt-rotary", "gtrxl-deep", "rate", "lstm", "gru", "mlp", "mott", "timesformer"]
)
def test_bfloat16_stays_close_to_float32(case):
    core, params = build(case, TIME)
    x, _ = sequence(7, TIME, BATCH)
    start = staggered(TIME, BATCH)
    low = core.clone(dtype=jnp.bfloat16)
    expected = unroll(core, params, None, x, start)[1]
    got = unroll(low, params, None, x, start)[1]
    assert got.dtype == jnp.bfloat16
    stepped = scan_steps(low, params, low.initial_state(BATCH), x, start)[1]
    for y in (got, stepped):
        error = jnp.abs(y.astype(jnp.float32) - expected).max()
        assert error < 0.1 * jnp.abs(expected).max()


def test_mapped_over_seeds():
    core, params = build("gpt", 6)
    x, start = sequence(8, 6, 2)
    both = jax.tree.map(lambda p: jnp.stack([p, 2 * p]), params)
    mapped = jax.vmap(lambda p: unroll(core, p, None, x, start)[1])(both)
    close(mapped[0], unroll(core, params, None, x, start)[1])
    stepped = jax.vmap(lambda p: scan_steps(core, p, core.initial_state(2), x, start)[1])(both)
    close(mapped, stepped)
