"""Linear recurrences: the scan, the equations of the cores that use it, and how they begin."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import QUICK, assert_log_uniform, outputs, random_parameters, unroll

from jaxmem import cores
from jaxmem.config import ConfigError
from jaxmem.cores.linear_scan import choose_scan, combine, linear_scan

TIME, BATCH, INPUT, WIDTH, UNITS = 7, 3, 5, 4, 6


def problem(dtype, time=TIME, seed=0):
    """Decays within the unit disk, drives, starts and an initial state."""
    rng = np.random.default_rng(seed)
    numbers = lambda *shape: (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)  # noqa: E731
    decay, drive, initial = (numbers(*shape) for shape in ((time, BATCH, UNITS), (time, BATCH, UNITS), (BATCH, UNITS)))
    decay /= 1 + np.abs(decay)
    if dtype == jnp.float32:
        decay, drive, initial = decay.real, drive.real, initial.real
    start = rng.random((time, BATCH)) < 0.2
    return tuple(map(jnp.asarray, (decay, drive, start, initial)))


def naive(decay, drive, start, initial):
    """The recurrence, step by step in float64."""
    decay, drive, start, hidden = (np.asarray(a) for a in (decay, drive, start, initial))
    out, hidden = [], hidden.astype(np.complex128)
    for a, b, begins in zip(decay, drive, start, strict=True):
        hidden = a * np.where(begins[:, None], 0, hidden) + b
        out.append(hidden)
    return np.stack(out)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
def test_combining_is_associative(dtype):
    decay, drive, _, _ = problem(dtype)
    a, b, c = zip(decay[:3], drive[:3], strict=True)
    left, right = combine(combine(a, b), c), combine(a, combine(b, c))
    np.testing.assert_allclose(left[0], right[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(left[1], right[1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("scan", ["associative", "sequential"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
def test_scan_and_its_gradient_are_those_of_the_recurrence(scan, dtype):
    decay, drive, start, initial = problem(dtype)
    weight = problem(dtype, seed=1)[1]

    def loss(decay, drive, initial, own):
        if own:
            hidden = linear_scan(decay, drive, start, initial, scan)
        else:
            # JAX's own derivative of the loop, not ours.
            hidden, steps = initial, []
            for t in range(TIME):
                hidden = decay[t] * jnp.where(start[t][:, None], 0, hidden) + drive[t]
                steps.append(hidden)
            hidden = jnp.stack(steps)
        return jnp.real(hidden * weight).sum(), hidden

    grad = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
    both = jax.jit(lambda *args: (grad(*args, True), grad(*args, False)), compiler_options=QUICK)
    ((_, hidden), got), (_, expected) = both(decay, drive, initial)
    np.testing.assert_allclose(hidden, naive(decay, drive, start, initial), rtol=0, atol=1e-5)
    for a, b in zip(got, expected, strict=True):
        assert np.abs(b).max() > 0.1
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scan", ["associative", "sequential"])
def test_a_start_forgets_what_is_not_finite(scan):
    decay, drive, _, initial = problem(jnp.complex64)
    start = jnp.zeros((TIME, BATCH), bool).at[0].set(True).at[4].set(True)
    hidden = linear_scan(decay.at[2].set(jnp.nan), drive.at[2].set(jnp.nan), start, initial * jnp.nan, scan)
    expected = naive(decay, drive, start, initial)
    np.testing.assert_allclose(hidden[:2], expected[:2], rtol=0, atol=1e-5)
    np.testing.assert_allclose(hidden[4:], expected[4:], rtol=0, atol=1e-5)

    core = cores.make("lru", WIDTH, TIME)
    x, begins = jnp.ones((BATCH, WIDTH)), jnp.ones((BATCH,), bool)
    state = jax.tree.map(lambda leaf: leaf * jnp.nan, core.initial_state(BATCH))
    after = core.apply(random_parameters(core), state, x, begins, method="step")
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(after))


def test_the_two_scans_differ_in_how_alone(monkeypatch):
    def text(scan):
        return jax.jit(linear_scan, static_argnums=4).lower(*problem(jnp.float32), scan).as_text()

    assert "while" not in text("associative")
    assert "while" in text("sequential")
    assert text("auto") == text(choose_scan("auto"))
    for platform, expected in (("cpu", "sequential"), ("gpu", "associative"), ("tpu", "associative")):
        device = type("Device", (), {"platform": platform})()
        monkeypatch.setattr(jax, "local_devices", lambda device=device: [device])
        assert choose_scan("auto") == expected


def dense(params, x):
    return x @ params["kernel"] + params.get("bias", 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lru(params, x):
    """Decay, drive and reader of Orvieto et al. 2023."""
    decay = np.exp(-np.exp(params["nu"]) + 1j * np.exp(params["theta"]))
    b = params["input"]["kernel"][:, :UNITS] + 1j * params["input"]["kernel"][:, UNITS:]
    c = params["output"]["kernel"][:UNITS] - 1j * params["output"]["kernel"][UNITS:]
    drive = np.exp(params["gamma"]) * (x @ b)
    return np.broadcast_to(decay, drive.shape), drive, lambda h: (h @ c).real + params["skip"] * x


def real_lru(params, x):
    """The same where lambda, B and C are real."""
    drive = np.exp(params["gamma"]) * dense(params["input"], x)
    decay = np.broadcast_to(np.exp(-np.exp(params["nu"])), drive.shape)
    return decay, drive, lambda h: dense(params["output"], h.real) + params["skip"] * x


def mingru(params, x):
    """Feng et al. 2024 with linear candidates."""
    z = sigmoid(dense(params["update"], x))
    return 1 - z, z * dense(params["propose"], x), lambda h: h.real


def positive_mingru(params, x):
    """Feng et al. 2024 with the candidates of the form in log-space."""
    z, n = sigmoid(dense(params["update"], x)), dense(params["propose"], x)
    return 1 - z, z * np.where(n >= 0, n + 0.5, sigmoid(n)), lambda h: h.real


def bare(block, cell, stream, start):
    """The recurrence alone, on the embedded inputs."""
    decay, drive, read = cell(block["layer"], stream)
    return read(naive(decay, drive, start, np.zeros((BATCH, decay.shape[-1]))))


def gated(block, cell, stream, start):
    """Norm, recurrence, GELU, gated linear unit and sum."""
    normed = stream - stream.mean(-1, keepdims=True)
    normed /= np.sqrt((normed**2).mean(-1, keepdims=True) + 1e-6)
    z = bare(block, cell, normed * block["norm"]["scale"] + block["norm"]["bias"], start)
    z = z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))
    value, gate = np.split(dense(block["gated"], z), 2, axis=-1)
    return stream + value * sigmoid(gate)


@pytest.mark.parametrize(
    ("name", "options", "cell"),
    [
        ("lru", {}, lru),
        ("lru", {"max_phase": 0.0}, real_lru),
        ("lru", {"max_phase": 0.0, "block": "bare"}, real_lru),
        ("mingru", {}, mingru),
        ("mingru", {"candidate": "positive"}, positive_mingru),
    ],
)
def test_equals_the_equations(name, options, cell):
    rng = np.random.default_rng(0)
    x, start = rng.normal(size=(TIME, BATCH, INPUT)), rng.random((TIME, BATCH)) < 0.3
    core = cores.make(name, WIDTH, TIME, state_width=UNITS, **options)
    inputs = jnp.asarray(x, jnp.float32), jnp.asarray(start)
    params = core.init(jax.random.key(0), None, *inputs, method="unroll")
    params = jax.tree.map(lambda p: p + jnp.asarray(rng.normal(size=p.shape), jnp.float32) / 3, params)
    y = unroll(core, params, None, *inputs)[1]

    p = jax.tree.map(lambda p: np.asarray(p, np.float64), params["params"])
    block = bare if options.get("block") == "bare" else gated
    np.testing.assert_allclose(y, block(p["blocks_0"], cell, dense(p["embed"], x), start), rtol=0, atol=1e-5)


def layer(name, width=4, max_length=100, **options):
    """Initial parameters of the first layer, with 1000 units."""
    core = cores.make(name, width, max_length, state_width=1000, **options)
    x, start = jnp.zeros((1, 1, 2)), jnp.ones((1, 1), bool)
    params = jax.jit(lambda key: core.init(key, None, x, start, method="unroll"), compiler_options=QUICK)
    return params(jax.random.key(0))["params"]["blocks_0"]["layer"]


def test_lru_begins_with_spread_time_constants():
    params = layer("lru", reach=3.0)
    modulus = np.exp(-np.exp(np.asarray(params["nu"], np.float64)))
    assert_log_uniform(-1 / np.log(modulus), 300)
    np.testing.assert_allclose(np.exp(params["gamma"]), np.sqrt(1 - modulus**2), rtol=1e-5)
    phase = np.sort(np.exp(params["theta"]))
    np.testing.assert_allclose(phase, np.linspace(0, 2 * np.pi, 1000), atol=0.4)
    np.testing.assert_array_equal(layer("lru", gain="unit")["gamma"], 0)


def test_lru_begins_on_a_ring():
    params = layer("lru", spectrum="ring", r_min=0.6, r_max=0.9, max_phase=0.5)
    modulus = np.exp(-np.exp(np.asarray(params["nu"], np.float64)))
    np.testing.assert_allclose(np.sort(modulus**2), np.linspace(0.36, 0.81, 1000), atol=0.03)
    np.testing.assert_allclose(np.sort(np.exp(params["theta"])), np.linspace(0, 0.5, 1000), atol=0.03)


def test_mingru_begins_with_spread_time_constants_or_half_open():
    kept = sigmoid(-np.asarray(layer("mingru")["update"]["bias"], np.float64))
    assert_log_uniform(-1 / np.log(kept), 200)
    assert not layer("mingru", gates="zero")["update"]["bias"].any()


@pytest.mark.parametrize("name", ["lru", "mingru"])
def test_gradients_are_finite_over_long_episodes(name):
    time = 1500
    core = cores.make(name, WIDTH, time, layers=2)
    rng = np.random.default_rng(0)
    x, start = jnp.asarray(3 * rng.normal(size=(time, 2, INPUT)), jnp.float32), jnp.zeros((time, 2), bool)

    @jax.jit
    def gradients(x):
        params = core.init(jax.random.key(0), None, x[:1], start[:1], method="unroll")
        return jax.grad(lambda params, x: outputs(core, params, x, start)[-1].sum(), argnums=(0, 1))(params, x)

    of_params, of_x = gradients(x)
    for leaf in jax.tree.leaves(of_params):
        assert jnp.isfinite(leaf).all()
        assert jnp.abs(leaf).max() > 0
    # The longest time constants carry something over the whole episode.
    assert jnp.isfinite(of_x).all()
    assert jnp.abs(of_x[0]).max() > 1e-6


def test_the_ring_needs_an_inside():
    with pytest.raises(ConfigError, match=r"^core.r_min is 0.9: allowed is a number < core.r_max = 0.5$"):
        cores.options("lru", r_min=0.9, r_max=0.5)


def test_what_embeds_to_nothing_leaves_the_memory_of_a_bare_lru_empty():
    core = cores.make("lru", 4, TIME, max_phase=0.0, block="bare", gain="unit")
    x, start = jnp.zeros((TIME, 2, 3)), jnp.zeros((TIME, 2), bool)
    params = core.init(jax.random.key(0), None, x, start, method="unroll")
    params = jax.tree.map(lambda p: p + jax.random.normal(jax.random.key(1), p.shape), params)
    state, y = unroll(core, params, None, x, start)
    assert not np.asarray(y).any()
    assert not np.asarray(state).any()


def test_a_bare_mingru_shows_its_state():
    with pytest.raises(ConfigError, match="core.state_width is 5: .* allowed is core.width = 4"):
        cores.make("mingru", 4, TIME, state_width=5, block="bare")
    core = cores.make("mingru", 4, TIME, block="bare")
    x, start = jnp.ones((TIME, 2, 3)), jnp.zeros((TIME, 2), bool)
    params = core.init(jax.random.key(0), None, x, start, method="unroll")
    (state,), y = unroll(core, params, None, x, start)
    np.testing.assert_array_equal(y[-1], state)
