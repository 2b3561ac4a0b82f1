"""Transformer-XL, its gates and spans, against the formulas of the papers."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import QUICK, WIDTH, outputs, random_parameters, sequence, unroll

from jaxmem import cores
from jaxmem.cores import attention, relative
from jaxmem.cores.positions import sine
from jaxmem.cores.span import bounded

TIME, BATCH = 11, 2


def normed(params, x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * params["scale"] + params["bias"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def joined(core, gate, x, y):
    """The sum or, in the words of Parisotto et al. 2020, g(x, y); there W meets y and U meets x."""
    y = np.maximum(y, 0) if core.norm == "pre" else y
    if gate is None:
        return x + y
    w_r, w_z, w_g = np.split(gate["of_output"]["kernel"], 3, axis=1)
    u_r, u_z = np.split(gate["of_input"]["kernel"], 2, axis=1)
    u_g = gate["of_reset_input"]["kernel"]
    r = sigmoid(y @ w_r + x @ u_r)
    z = sigmoid(y @ w_z + x @ u_z + gate["bias"])
    return (1 - z) * x + z * np.tanh(y @ w_g + (r * x) @ u_g)


def naive(core, params, x, start):
    """The core in float64, step by step and head by head; outputs [T, B, D] and weights [layers, B, N, T, T]."""
    params = jax.tree.map(lambda p: np.asarray(p, np.float64), params["params"])
    x, start = np.asarray(x, np.float64), np.asarray(start)
    head_dim = core.width // core.heads
    encodings = np.asarray(sine(jnp.arange(len(x)), core.width), np.float64)
    all_weights = []
    for layer in range(core.layers):
        p = params[f"blocks_{layer}"]
        pre = core.norm == "pre"
        q, k, v = np.split((normed(p["norm_attention"], x) if pre else x) @ p["qkv"]["kernel"], 3, axis=-1)
        r = encodings @ p["distances"]["kernel"]
        attended, weights = np.zeros_like(x), np.zeros((x.shape[1], core.heads, len(x), len(x)))
        for t, b, n in np.ndindex(len(x), x.shape[1], core.heads):
            head = slice(n * head_dim, (n + 1) * head_dim)
            began = max([s for s in range(t + 1) if start[s, b]], default=0)
            for s in range(max(began, t - core.memory + 1), t + 1):
                content = (q[t, b, head] + p["content_bias"][n]) @ k[s, b, head]
                by_distance = (q[t, b, head] + p["distance_bias"][n]) @ r[t - s, head]
                weights[b, n, t, s] = np.exp((content + by_distance) / np.sqrt(head_dim))
                if core.adaptive_span:
                    span = np.clip(p["span"][n], 0, 1) * core.memory
                    weights[b, n, t, s] *= np.clip((core.span_ramp + span - (t - s)) / core.span_ramp, 0, 1)
            weights[b, n, t] /= weights[b, n, t].sum()
            attended[t, b, head] = weights[b, n, t] @ v[:, b, head]
        x = joined(core, p.get("gate_attention"), x, attended @ p["project"]["kernel"])
        x = x if pre else normed(p["norm_attention"], x)
        hidden = (normed(p["norm_mlp"], x) if pre else x) @ p["expand"]["kernel"] + p["expand"]["bias"]
        y = np.maximum(hidden, 0) @ p["contract"]["kernel"] + p["contract"]["bias"]
        x = joined(core, p.get("gate_mlp"), x, y)
        x = x if pre else normed(p["norm_mlp"], x)
        all_weights.append(weights)
    return x, np.stack(all_weights)


@partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def unroll_and_sow(core, params, state, x, start):
    return core.apply(params, state, x, start, method="unroll", mutable=["intermediates"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("trxl", {"memory": 4, "heads": 2, "adaptive_span": True, "span_ramp": 2}),
        ("trxl", {"memory": TIME, "norm": "post"}),
        ("gtrxl", {"memory": 3, "layers": 2}),
    ],
)
def test_core_is_the_papers_formulas(name, options):
    core = cores.make(name, WIDTH, TIME, **options)
    params = random_parameters(core)
    if core.adaptive_span:
        params["params"]["blocks_0"]["span"] = jnp.array([0.4, 0.0])
    x, start = sequence(1, TIME, BATCH)
    start = start.at[0].set(True).at[7, 1].set(True)

    (_, y), sown = unroll_and_sow(core, params, None, x, start)
    expected, weights = naive(core, params, x, start)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(sown["intermediates"]["attention_weights"], weights, rtol=0, atol=1e-5)


def test_weights_of_a_chunk_begin_with_the_state():
    core = cores.make("trxl", WIDTH, TIME, memory=3)
    params = random_parameters(core)
    x, start = sequence(2, TIME, BATCH)
    _, whole = naive(core, params, x, start)
    before = 5
    state, _ = unroll(core, params, None, x[:before], start[:before])
    _, sown = unroll_and_sow(core, params, state, x[before:], start[before:])
    (weights,) = sown["intermediates"]["attention_weights"]
    np.testing.assert_allclose(weights, whole[0, :, :, before:, before - 3 :], rtol=0, atol=1e-5)


def test_layers_reach_further_together():
    core = cores.make("trxl", WIDTH, 20, memory=4, layers=2)
    x, start = sequence(3, 14, 1)
    params = random_parameters(core)
    now = 11

    def output(x):
        return outputs(core, params, x, start)[now, 0].sum()

    grad = np.abs(np.asarray(jax.jit(jax.grad(output), compiler_options=QUICK)(x))).max(axis=(1, 2))
    np.testing.assert_array_equal(np.nonzero(grad)[0], np.arange(now - 2 * (4 - 1), now + 1))


def test_order_is_known_by_distance_alone():
    core = cores.make("trxl", WIDTH, TIME)
    params = random_parameters(core)
    x, start = sequence(4, TIME, BATCH)
    exchanged = x.at[2].set(x[6]).at[6].set(x[2])

    def change(params):
        last, other = (unroll(core, params, None, inputs, start)[1][-1] for inputs in (x, exchanged))
        return float(jnp.abs(last - other).max())

    assert change(params) > 0.01
    table = params["params"]["blocks_0"]["distances"]
    table["kernel"] = jnp.zeros_like(table["kernel"])
    assert change(params) < 1e-5


def test_memory_is_no_longer_than_an_episode():
    core = cores.make("trxl", WIDTH, 3, memory=64)
    assert core.initial_state(2).layers[0].keys.shape == (2, 1, WIDTH, 3)
    core = cores.make("gtrxl", WIDTH, 64, memory=3)
    assert core.initial_state(2).layers[0].keys.shape == (2, 1, WIDTH, 3)


def test_cost_grows_as_time_does():
    core = cores.make("trxl", WIDTH, 1000, memory=10)
    params = random_parameters(core)

    def flops(time):
        x, start = sequence(5, time, 1)
        cost = jax.jit(lambda p, x: outputs(core, p, x, start)).lower(params, x).cost_analysis()
        assert cost is not None
        return cost["flops"]

    assert flops(160) < 2.1 * flops(80)


def test_gradients_end_at_borders_of_segments():
    segment, begins = 3, 4
    whole = cores.make("trxl", WIDTH, TIME, memory=5)
    params = random_parameters(whole)
    x, start = sequence(6, TIME, 1)
    start = start.at[begins, 0].set(True)

    @partial(jax.jit, static_argnums=0, compiler_options=QUICK)
    def gradients(core, params, x):
        def y(params, x):
            return outputs(core, params, x, start)

        # One output a step: from which inputs does it learn?
        by_step = jax.jacrev(lambda x: y(params, x).sum(axis=(1, 2)))(x)
        return y(params, x), jnp.abs(by_step).max(axis=(2, 3)), jax.grad(lambda p: (y(p, x) ** 2).sum())(params)

    y, by_step, of_params = gradients(whole.clone(segment=segment), params, x)
    expected_y, _, expected_of_params = gradients(whole, params, x)
    np.testing.assert_allclose(y, expected_y, rtol=0, atol=1e-6)
    segments = np.array([0, 0, 0, 1, 2, 2, 2, 3, 3, 3, 4])
    expected = np.tril(segments[:, None] == segments)
    np.testing.assert_array_equal(np.asarray(by_step) > 0, expected)
    # What keys and values are made with learns across borders, as in the original; in one layer, that is all there is.
    for a, b in zip(jax.tree.leaves(of_params), jax.tree.leaves(expected_of_params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_penalty_on_spans_joins_the_gradient():
    penalty, memory = 0.5, 5
    quiet = cores.make("trxl", WIDTH, TIME, memory=memory, heads=2, adaptive_span=True, span_penalty=0.0)
    core = quiet.clone(span_penalty=penalty)
    one = random_parameters(core)
    one["params"]["blocks_0"]["span"] = jnp.array([0.2, 0.7])
    params = jax.tree.map(lambda p: jnp.stack([p, 0.5 * p]), one)
    x, start = sequence(7, TIME, BATCH)

    def loss(core, params):
        return (outputs(core, params, x, start) ** 2).sum()

    def explicit(params):
        return loss(quiet, params) + penalty * memory * params["params"]["blocks_0"]["span"].mean()

    def both(params):
        return jax.grad(partial(loss, core))(params), jax.grad(explicit)(params), loss(core, params), explicit(params)

    # As for several seeds at once.
    joined, expected, value, with_penalty = jax.jit(jax.vmap(both), compiler_options=QUICK)(params)
    for a, b in zip(jax.tree.leaves(joined), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    assert (value < with_penalty).all()


def test_spans_stay_in_bounds_and_come_back():
    shares = jnp.array([-0.1, 0.0, 0.5, 1.0, 1.2])

    @partial(jax.jit, static_argnums=1, compiler_options=QUICK)
    def pulled(direction, penalty):
        return bounded(shares, penalty), jax.grad(lambda z: (direction * bounded(z, penalty)).sum())(shares)

    for direction, expected in ((1.0, [0, 0, 1, 1, 1]), (-1.0, [-1, -1, -1, 0, 0])):
        value, gradient = pulled(direction, 0.0)
        np.testing.assert_array_equal(value, jnp.clip(shares, 0, 1))
        np.testing.assert_array_equal(gradient, expected)
    # Where nothing asks for a long span, the penalty alone brings it down: to 0 and no further.
    np.testing.assert_allclose(pulled(0.0, 10.0)[1], [0, 0, 2, 2, 2])


def test_gates_hold_on_to_their_input_at_first():
    core = cores.make("gtrxl", WIDTH, TIME, memory=3, init_std=1e-6)
    x, start = sequence(8, TIME, BATCH)

    @partial(jax.jit, compiler_options=QUICK)
    def run(key):
        return outputs(core, core.init(key, None, x, start, method="unroll"), x, start)

    # Two gates, one behind each sub-layer, and nothing new.
    np.testing.assert_allclose(run(jax.random.key(0)), (1 - sigmoid(-2.0)) ** 2 * x, rtol=0, atol=1e-4)


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("time", [2, 4, TIME])
def test_all_weights_count_where_memory_is_bounded(monkeypatch, carried, time):
    core = cores.make("trxl", WIDTH, TIME, memory=4, heads=2)
    params = random_parameters(core)
    counted, held = [], []

    def grouped(rows, inputs, rng, weights):
        counted.append(BATCH * weights)
        return rows(inputs, rng)

    monkeypatch.setattr(relative, "by_groups_of_rows", grouped)
    monkeypatch.setattr(relative, "drop", lambda weights, rate, rng: held.append(weights.size) or weights)
    x, start = sequence(10, time, BATCH)
    state = core.initial_state(BATCH) if carried else None
    jax.eval_shape(partial(core.apply, method="unroll"), params, state, x, start)
    assert counted == held != []


def test_few_rows_at_a_time_change_nothing(monkeypatch):
    core = cores.make("trxl", WIDTH, TIME, memory=4, segment=3, heads=2, adaptive_span=True, span_ramp=2)
    params = random_parameters(core)
    x, start = sequence(9, TIME, 4)

    def learn():
        return jax.jit(jax.grad(lambda p: (outputs(core, p, x, start) ** 2).sum()), compiler_options=QUICK)(params)

    whole = learn()
    # Two rows: two heads with three blocks of four queries, which meet eight keys each.
    monkeypatch.setattr(attention, "_WEIGHTS", 2 * 2 * 3 * 4 * 8)
    for a, b in zip(jax.tree.leaves(learn()), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
