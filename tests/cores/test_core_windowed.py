"""A core on a window: the law holds, and acting late in an episode equals learning on its last steps."""

import jax
import numpy as np
import pytest
from core_cases import QUICK, outputs, random_parameters, scan_steps, sequence

from jaxmem import cores
from jaxmem.cores import law

WIDTH, WINDOW, TIME = 8, 5, 17


def build(name: str, **options):
    core = cores.windowed(cores.make(name, WIDTH, WINDOW, **options), WINDOW, WIDTH)
    return core, random_parameters(core)


@pytest.mark.parametrize(("name", "options"), [("gpt", {"layers": 2}), ("lstm", {})])
def test_law(name, options):
    core, params = build(name, **options)
    law.check_unroll(core, params, WIDTH)


@pytest.mark.parametrize(
    ("name", "options"), [("gpt", {"positions": "sine", "layers": 2, "heads": 2}), ("gpt", {"positions": "learned"})]
)
def test_acting_is_the_end_of_the_last_steps_unrolled_from_nothing(name, options):
    core, params = build(name, **options)
    x, start = sequence(0, TIME, 2)
    start = start.at[0].set(True).at[9, 1].set(True)
    _, acted = scan_steps(core, params, core.initial_state(2), x, start)
    inner = {"params": params["params"]["core"]}
    for t, row in ((4, 0), (8, 0), (TIME - 1, 0), (TIME - 1, 1)):
        begin = t - WINDOW + 1
        part, begins = x[begin : t + 1, row : row + 1], start[begin : t + 1, row : row + 1].at[0].set(True)
        learned = outputs(core.inner, inner, part, begins)
        np.testing.assert_allclose(acted[t, row], learned[-1, 0], rtol=0, atol=1e-5)


def test_the_ring_of_a_layer_that_knows_distances_alone_is_the_same_without_a_window():
    """Rotary positions turn by the distance of two steps; the cache of one layer needs nothing computed again."""
    core = cores.make("gpt", WIDTH, WINDOW, positions="rotary")
    params = random_parameters(core)
    x, start = sequence(1, TIME, 2)
    start = start.at[0].set(True)
    _, acted = scan_steps(core, params, core.initial_state(2), x, start)
    learned = outputs(core, params, x[-WINDOW:], start[:WINDOW])
    np.testing.assert_allclose(acted[-1], learned[-1], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("positions", "counts"), [("sine", True), ("learned", True), ("rotary", False)])
def test_cores_say_whether_they_count_steps(positions, counts):
    core = cores.make("gpt", WIDTH, WINDOW, positions=positions)
    assert core.counts_steps is counts
    params = random_parameters(core)
    x, start = sequence(2, TIME, 1)
    _, acted = scan_steps(core, params, core.initial_state(1), x, start.at[0].set(True))
    learned = outputs(core, params, x[-WINDOW:], start[:WINDOW].at[0].set(True))
    assert (np.abs(acted[-1] - learned[-1]).max() > 1e-3) is np.bool_(counts)


def test_what_is_older_than_the_window_is_forgotten():
    core, params = build("lstm")
    x, start = sequence(3, TIME, 1)

    def last(x):
        return law.scan_steps(core, params, core.initial_state(1), x, start)[1][-1].sum()

    reached = np.abs(np.asarray(jax.jit(jax.grad(last), compiler_options=QUICK)(x))).max(axis=(1, 2)) > 0
    np.testing.assert_array_equal(reached, np.arange(TIME) >= TIME - WINDOW)
