from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import QUICK, random_parameters, scan_steps, unroll

from jaxmem import cores
from jaxmem.cores import positions as encodings


def shapes(core):
    x, start = jnp.zeros((1, 1, core.width)), jnp.ones((1, 1), bool)
    return jax.eval_shape(lambda: core.init(jax.random.key(0), None, x, start, method="unroll"))


def test_parameters_of_the_papers_transformer():
    d = 128
    attention = d * 3 * d + 3 * d + d * d + d
    mlp = d * 4 * d + 4 * d + 4 * d * d + d
    norms = 3 * 2 * d
    count = sum(p.size for p in jax.tree.leaves(shapes(cores.make("gpt", d, 51))))
    assert count == attention + mlp + norms == 198_528


def test_initial_weights():
    core = cores.make("gpt", 128, 51, positions="learned")
    x, start = jnp.zeros((1, 1, 128)), jnp.ones((1, 1), bool)
    params = jax.jit(lambda key: core.init(key, None, x, start, method="unroll"))(jax.random.key(0))
    for path, leaf in jax.tree.leaves_with_path(params):
        name = jax.tree_util.keystr(path)
        if "kernel" in name or "table" in name:
            assert abs(float(leaf.std()) - 0.02) < 0.001, name
        else:
            assert (leaf == ("scale" in name)).all(), name


def test_sine_encoding_is_the_formula():
    positions = np.array([[0, 1, 7], [499, 1500, 100_000]])
    for width in (8, 7):
        got = encodings.sine(jnp.asarray(positions), width)
        expected = np.zeros((2, 3, width))
        for column in range(width):
            angle = positions / 10000 ** (2 * (column // 2) / width)
            expected[..., column] = np.cos(angle) if column % 2 else np.sin(angle)
        np.testing.assert_allclose(got[0], expected[0], rtol=0, atol=1e-6)
        # Far out, the float32 angle itself is only so exact.
        np.testing.assert_allclose(got[1], expected[1], rtol=0, atol=0.01)


def test_rotary_products_depend_on_distance_alone():
    q, k = jax.random.normal(jax.random.key(0), (2, 1, 1, 1, 8))

    def product(of_q, of_k):
        turn = lambda x, p: encodings.rotate(x, encodings.rotation(jnp.full((1, 1), p), 8))  # noqa: E731
        return float((turn(q, of_q) * turn(k, of_k)).sum())

    assert product(9, 4) == pytest.approx(product(105, 100), abs=1e-4)
    assert product(9, 4) != pytest.approx(product(9, 5), abs=1e-3)
    assert product(3, 3) == pytest.approx(float((q * k).sum()), abs=1e-5)


def test_learned_positions_wrap_around():
    table = encodings.Learned(4, 3)
    params = table.init(jax.random.key(0), jnp.zeros(1, jnp.int32))
    y = table.apply(params, jnp.arange(9))
    np.testing.assert_array_equal(y[4:8], y[:4])
    assert len(np.unique(np.asarray(y)[:, 0])) == 4


@pytest.mark.parametrize("method", ["unroll", "step"])
@pytest.mark.parametrize("name", ["gpt", "trxl"])
def test_dropout_acts_when_asked_for(name, method):
    core = cores.make(name, 8, 6, dropout=0.3, heads=2)
    params = random_parameters(core)
    x = jax.random.normal(jax.random.key(1), (6, 2, 8))
    start = jnp.zeros((6, 2), bool)
    x, start = (x, start) if method == "unroll" else (x[0], start[0])
    state = core.initial_state(2)

    @partial(jax.jit, compiler_options=QUICK)
    def noisy(key):
        rngs = {"dropout": key}
        return core.apply(params, state, x, start, False, method=method, rngs=rngs)[1]

    @partial(jax.jit, compiler_options=QUICK)
    def quiet(key):
        rngs = {"dropout": key}
        return core.apply(params, state, x, start, True, method=method, rngs=rngs)[1]

    one, two = jax.random.key(1), jax.random.key(2)
    np.testing.assert_array_equal(noisy(one), noisy(one))
    assert not np.allclose(noisy(one), noisy(two))
    assert not np.allclose(noisy(one), quiet(one))
    np.testing.assert_array_equal(quiet(one), quiet(two))


def test_no_dropout_needs_no_rng():
    core = cores.make("gpt", 8, 6, dropout=0.0)
    params = random_parameters(core)
    x, start = jnp.ones((6, 2, 8)), jnp.zeros((6, 2), bool)
    train = jax.jit(lambda: core.apply(params, None, x, start, False, method="unroll")[1], compiler_options=QUICK)()
    test = unroll(core, params, None, x, start)[1]
    np.testing.assert_allclose(train, test, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options"), [("gpt", {"heads": 1}), ("gpt", {"heads": 2}), ("trxl", {"heads": 2, "memory": 512})]
)
def test_acting_writes_the_cache_in_place(name, options):
    """Stepping in a loop needs less room than one copy of the keys of one layer."""
    batch, length, width = 16, 512, 16
    core = cores.make(name, width, length, layers=2, **options)
    params = random_parameters(core)

    def act(state, x):
        start = jnp.zeros((5, batch), bool)
        return jax.lax.scan(lambda state, xs: core.apply(params, state, *xs, method="step"), state, (x, start))

    args = core.initial_state(batch), jnp.zeros((5, batch, width))
    compiled = jax.jit(act, donate_argnums=0).lower(*args).compile()
    analysis = compiled.memory_analysis()
    assert analysis is not None
    assert analysis.temp_size_in_bytes < batch * length * width * 4


def test_a_new_episode_only_resets_the_index():
    core = cores.make("gpt", 8, 4)
    params = random_parameters(core)
    state = core.initial_state(2)
    x = jnp.ones((7, 2, 8))
    start = jnp.zeros((7, 2), bool).at[6, 0].set(True)
    before, _ = scan_steps(core, params, state, x[:6], start[:6])
    state, _ = scan_steps(core, params, before, x[6:], start[6:])
    np.testing.assert_array_equal(before.index, [6, 6])
    np.testing.assert_array_equal(state.index, [1, 7])
    after, old = np.asarray(state.layers[0].keys), np.asarray(before.layers[0].keys)
    np.testing.assert_array_equal(after[0, :, :, 1:], old[0, :, :, 1:])


def test_unroll_from_nothing_has_no_cache():
    core = cores.make("gpt", 8, 1000)
    params = random_parameters(core)
    x, start = jnp.ones((6, 2, 8)), jnp.zeros((6, 2), bool)
    forward = jax.jit(lambda x: core.apply(params, None, x, start, method="unroll")[1])
    text = forward.lower(x).compile().as_text()
    assert text is not None
    assert "1000" not in text.split("ENTRY")[1]
