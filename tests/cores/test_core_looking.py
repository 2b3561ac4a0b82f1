"""Cores that look: their maps and answers are what the papers say, and gradients reach what they must."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import QUICK

from jaxmem import ablation, cores
from jaxmem.config import ConfigError
from jaxmem.cores.convolution import ConvLSTM, no_memory
from jaxmem.cores.law import random_parameters
from jaxmem.cores.looking import MAPS, fourier, rotate_grid, sine_grid

GRID = (3, 2, 5)
CELLS, BESIDE, TIME, ROWS = 6, 4, 3, 2
INPUT = CELLS * 5 + BESIDE
MEAN: dict[str, Any] = dict(channels=6, key_width=4, answer_hidden=(9,), grid=GRID)
SPATIAL: dict[str, Any] = MEAN | dict(queries=2, query_hidden=(7,))


def inputs(time=TIME, rows=ROWS):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(time, rows, INPUT)), jnp.float32)
    return x, jnp.zeros((time, rows), bool)


def looked(core, params, x, start) -> tuple[np.ndarray, Any]:
    """Outputs, and what was sown."""

    def unroll(params, x, start):
        return core.apply(params, None, x, start, method="unroll", mutable=["intermediates"])

    (_, y), sown = jax.jit(unroll, compiler_options=QUICK)(params, x, start)
    return np.asarray(y), sown["intermediates"]


def softmax(x):
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def dense(x, params):
    return np.asarray(x, np.float64) @ np.asarray(params["kernel"], np.float64) + np.asarray(params["bias"], np.float64)


def test_the_fourier_basis_is_the_published_one():
    basis = fourier(3, 5).reshape(3, 5, 8, 8)
    features = [np.sin, np.cos]
    for u in range(8):
        for v in range(8):
            of_row, of_column = features[u // 4], features[v // 4]
            for i in range(3):
                for j in range(5):
                    want = of_row(np.pi * i * (u % 4 + 1) / 3) * of_column(np.pi * j * (v % 4 + 1) / 5)
                    assert basis[i, j, u, v] == pytest.approx(want, abs=1e-6)


def test_sine_and_rotary_positions_tell_all_cells_apart():
    placed = np.asarray(sine_grid(4, 3, 8))
    assert len(np.unique(placed.round(4), axis=0)) == 12
    keys = jnp.broadcast_to(jax.random.normal(jax.random.key(0), (8,)), (12, 8))
    turned = np.asarray(rotate_grid(keys, 4, 3))
    assert len(np.unique(turned.round(4), axis=0)) == 12
    np.testing.assert_allclose(turned[0], keys[0], rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), np.linalg.norm(np.asarray(keys), axis=-1), rtol=1e-5)


def test_spatial_attention_is_a_softmax_over_cells_of_query_times_key():
    core: Any = cores.make("mott", 8, 10, vision="linear", **SPATIAL)
    params = random_parameters(core, INPUT)
    x, start = inputs()
    y, sown = looked(core, params, x, start)
    (maps,) = sown[MAPS]
    assert maps.shape == (TIME, ROWS, 2, 3, 2)
    assert core.map_names == ("query 1", "query 2")
    params = params["params"]
    turn, basis = params["turn"], fourier(3, 2)
    said = np.zeros((ROWS, 8))
    lstm: Any = cores.make("lstm", 8, 10, forget_bias=1.0)
    state = lstm.initial_state(ROWS)
    for t in range(TIME):
        cells = dense(np.asarray(x[t, :, :30]).reshape(ROWS, 6, 5), params["see"])
        keys = np.concatenate([cells[..., :4], np.broadcast_to(basis, (ROWS, 6, 64))], axis=-1)
        values = np.concatenate([cells[..., 4:], np.broadcast_to(basis, (ROWS, 6, 64))], axis=-1)
        hidden = np.maximum(dense(said, turn["ask"]["Dense_0"]), 0)
        queries = dense(hidden, turn["ask"]["Dense_1"]).reshape(ROWS, 2, 68)
        weights = softmax(np.einsum("bqk,bck->bqc", queries, keys))
        np.testing.assert_allclose(maps[t].reshape(ROWS, 2, 6), weights, atol=1e-5)
        answers = np.einsum("bqc,bcv->bqv", weights, values)
        # In the network content and places stand apart: it is the same up to the order of the layer's inputs.
        fed = [answers[..., :2].reshape(ROWS, -1), answers[..., 2:].reshape(ROWS, -1), queries.reshape(ROWS, -1)]
        fed = np.concatenate([*fed, np.asarray(x[t, :, 30:])], axis=-1)
        for name in ("layers_0", "layers_1"):
            fed = np.maximum(dense(fed, turn[name]), 0)
        state, out = lstm.apply({"params": turn["memory"]}, state, jnp.float32(fed), start[t], method="step")
        np.testing.assert_allclose(y[t], out, atol=2e-5)
        said = np.asarray(out)


def test_the_mean_is_no_attention_and_random_queries_are_never_trained():
    x, start = inputs()
    mean = cores.make("mean_pool", 8, 10, **MEAN)
    _, sown = looked(mean, random_parameters(mean, INPUT), x, start)
    np.testing.assert_allclose(sown[MAPS][0], 1 / CELLS)
    for ask, learns in (("random", False), ("learned", True)):
        core: Any = cores.make("mott", 8, 10, vision="linear", ask=ask, query_spread=1.0, **SPATIAL)
        params = random_parameters(core, INPUT)

        def loss(params, core=core):
            return core.apply(params, None, x, start, method="unroll")[1].sum()

        gradient = jax.jit(jax.grad(loss), compiler_options=QUICK)(params)["params"]["turn"]["ask"]["constants"]
        assert bool(jnp.any(gradient != 0)) == learns


@pytest.mark.parametrize("spread", [0.0, 3.0])
def test_whoever_asks_the_constant_part_of_queries_begins_with_the_same_spread(spread):
    x, start = inputs(1)
    for ask, where in (("memory", ("Dense_1", "bias")), ("learned", ("constants",)), ("random", ("constants",))):
        if ask == "random" and not spread:
            continue
        core: Any = cores.make("mott", 8, 10, vision="linear", ask=ask, query_spread=spread, **SPATIAL | {"queries": 9})
        params = core.init(jax.random.key(0), None, x, start, method="unroll")["params"]["turn"]["ask"]
        for name in where:
            params = params[name]
        assert params.size == 9 * (4 + 64)
        np.testing.assert_allclose(np.std(params), spread, rtol=0.1)


def test_all_cells_of_the_ablation_begin_with_the_same_spread_of_queries():
    attention = ablation.find("attention")
    found: list[Any] = [attention.choice(cell).config.core for cell in attention.cells({})]
    assert {core.ask for core in found} == {"memory", "learned", "random", "mean"}
    spreads = {core.query_spread for core in found}
    assert len(spreads) == 1
    assert spreads.pop() > 0


def test_spatio_temporal_sows_what_its_memory_attends_to():
    core = cores.make("spatio_temporal", 8, 10, heads=2, **SPATIAL)
    x, start = inputs(5)
    start = start.at[2, 0].set(True)
    _, sown = looked(core, random_parameters(core, INPUT), x, start)
    np.testing.assert_allclose(sown[MAPS][0].sum(axis=(-1, -2)), 1, atol=1e-5)
    (weights,) = sown["turn"]["memory"]["attention_weights"]
    assert weights.shape == (ROWS, 2, 5, 5)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    # An episode that began at step 2 sees nothing before.
    np.testing.assert_array_equal(weights[0, :, 2:, :2], 0)
    assert (np.asarray(weights[1, :, 4, :5]) > 0).all()


def test_the_convolutional_lstm_is_two_convolutions_and_gates():
    core: Any = ConvLSTM(3)
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(4, 2, 3, 5, 2)), jnp.float32)
    start = jnp.zeros((4, 2), bool).at[2, 1].set(True)
    before = no_memory(2, 3, 5, 3)
    params: Any = core.init(jax.random.key(0), before, x, start, method="unroll")
    _, got = core.apply(params, before, x, start, method="unroll")
    kernels = params["params"]["input"]["kernel"], params["params"]["recurrent"]
    hidden, cell = np.zeros((2, 2, 3, 5, 3))

    def convolved(x, kernel):
        kernel = jnp.asarray(kernel).reshape(3, 3, x.shape[-1], -1)
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    for t in range(4):
        hidden, cell = (np.where(np.asarray(start[t])[:, None, None, None], 0, part) for part in (hidden, cell))
        gates = convolved(x[t], kernels[0]) + convolved(jnp.float32(hidden), kernels[1])
        i, f, g, o = np.split(np.asarray(gates + params["params"]["input"]["bias"]), 4, axis=-1)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        np.testing.assert_allclose(got[t], hidden, atol=1e-5)


def test_timesformer_attends_in_time_and_then_in_space():
    core = cores.make("timesformer", 8, 10, patch=2, frames=2, clip="steps", heads=2, layers=1, grid=(3, 4, 1))
    rng = np.random.default_rng(2)
    x = jnp.asarray(rng.normal(size=(2, 1, 12 + BESIDE)), jnp.float32)
    params = random_parameters(core, 12 + BESIDE)
    y, sown = looked(core, params, x, jnp.zeros((2, 1), bool))
    (maps,) = sown[MAPS]
    assert maps.shape == (2, 1, 2, 2, 2)
    p = params["params"]
    block = p["blocks_0"]

    def norm(x, of, eps=1e-6):
        x = np.asarray(x, np.float64)
        x = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + eps)
        return x * np.asarray(of["scale"]) + np.asarray(of["bias"])

    def attend(x, name):
        q, k, v = np.split(dense(x, block[f"{name}_qkv"]), 3, axis=-1)
        heads, weights = [], []
        for h in (slice(0, 4), slice(4, 8)):
            weights.append(softmax(q[:, h] @ k[:, h].T / 2))
            heads.append(weights[-1] @ v[:, h])
        return dense(np.concatenate(heads, axis=-1), block[f"{name}_proj"]), np.array(weights)

    # The clip of the second step, a row of zeros below each picture.
    clip = np.pad(np.asarray(x[:, 0, :12]).reshape(2, 3, 4), ((0, 0), (0, 1), (0, 0)))
    patches = clip.reshape(2, 2, 2, 2, 2).transpose(0, 1, 3, 2, 4).reshape(2, 4, 4)
    tokens = dense(patches, p["embed"]) + np.asarray(p["where"]["table"]) + np.asarray(p["when"])[:, None]
    one = np.asarray(p["class"])
    timed = np.stack([attend(norm(tokens[:, place], block["norm_time"]), "time")[0] for place in range(4)], axis=1)
    tokens = tokens + dense(timed, block["time_out"])
    spaced, weights = [], []
    for frame in tokens:
        out, weight = attend(norm(np.concatenate([one, frame]), block["norm_space"]), "space")
        spaced.append(out)
        weights.append(weight[:, 0, 1:] / weight[:, 0, 1:].sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(maps[1, 0], np.mean(weights, axis=0).reshape(2, 2, 2), atol=1e-5)
    one = one + np.mean(spaced, axis=0)[:1]
    inner = np.asarray(jax.nn.gelu(jnp.float32(dense(norm(one, block["norm_mlp"]), block["mlp_in"]))))
    one = norm(one + dense(inner, block["mlp_out"]), p["norm"])
    want = np.maximum(dense(np.concatenate([one, x[1, :, 12:]], axis=-1), p["out"]), 0)
    np.testing.assert_allclose(y[1], want, atol=2e-5)


def test_blocks_but_the_first_begin_without_time():
    core: Any = cores.make("timesformer", 8, 10, patch=1, frames=3, clip="steps", layers=2, grid=GRID)
    x, start = inputs()
    params = core.init(jax.random.key(0), None, x, start, method="unroll")["params"]
    assert float(jnp.abs(params["blocks_0"]["time_out"]["kernel"]).max()) > 0
    assert float(jnp.abs(params["blocks_1"]["time_out"]["kernel"]).max()) == 0

    def loss(params):
        return core.apply({"params": params}, None, x, start, method="unroll")[1].sum()

    gradient = jax.jit(jax.grad(loss), compiler_options=QUICK)(params)
    assert float(jnp.abs(gradient["blocks_1"]["time_out"]["kernel"]).max()) > 0


def test_rotary_scores_depend_on_how_far_apart_cells_are():
    query, key = (jnp.broadcast_to(jax.random.normal(jax.random.key(n), (8,)), (20, 8)) for n in (0, 1))
    scores = np.asarray(rotate_grid(query, 4, 5) @ rotate_grid(key, 4, 5).T).reshape(4, 5, 4, 5)
    for i, j, k, m in np.ndindex(3, 4, 3, 4):
        assert scores[i + 1, j + 1, k + 1, m + 1] == pytest.approx(scores[i, j, k, m], abs=1e-4)
    # Neither axis is left out.
    assert abs(scores[0, 0, 1, 0] - scores[0, 0, 0, 0]) > 1e-3
    assert abs(scores[0, 0, 0, 1] - scores[0, 0, 0, 0]) > 1e-3


def test_stochastic_depth_leaves_branches_out_and_only_where_dropout_is_on():
    core: Any = cores.make("timesformer", 8, 10, patch=1, frames=1, layers=2, stochastic_depth=0.9, grid=GRID)
    params = random_parameters(core, INPUT)
    x, start = inputs()

    @jax.jit
    def unroll(rng):
        return core.apply(params, None, x, start, False, method="unroll", rngs={"dropout": rng})[1]

    sure = core.apply(params, None, x, start, method="unroll")[1]
    drawn = [unroll(jax.random.key(seed)) for seed in range(2)]
    assert all(float(jnp.abs(y - sure).max()) > 1e-3 for y in drawn)
    assert float(jnp.abs(drawn[0] - drawn[1]).max()) > 1e-3


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("mott", {"positions": "rotary", "key_width": 6}, "core.key_width is 6: with rotary positions, allowed is"),
        ("mott", {"key_width": 128}, "core.key_width is 128: allowed is less than core.channels = 128"),
        ("mott", {"ask": "random"}, "core.query_spread is 0: with core.ask random, allowed is more than 0"),
        ("mean_pool", {"queries": 4}, "unknown option of core mean_pool 'queries': known are"),
        ("mott", {"ask": "nobody"}, "core.ask is 'nobody': allowed is one of memory, learned, random, mean"),
        ("timesformer", {"heads": 3}, "core.heads is 3: allowed is a divisor of core.width = 8"),
        (
            "timesformer",
            {"frames": 3, "clip": "channels", "grid": GRID},
            "core.frames is 3: with core.clip channels, allowed is a divisor",
        ),
        ("spatio_temporal", {"heads": 3}, "core.heads is 3: allowed is a divisor of core.width = 8"),
        ("lstm", {"grid": GRID}, "unknown option of core lstm 'grid'"),
    ],
)
def test_what_cannot_be_is_one_line(name, options, says):
    with pytest.raises(ConfigError, match=says) as error:
        cores.make(name, 8, 10, **options).initial_state(1)
    assert "\n" not in str(error.value)


def test_too_few_numbers_for_the_grid():
    core = cores.make("mott", 8, 10, **SPATIAL)
    x = jnp.zeros((1, 1, 29))
    with pytest.raises(ValueError, match="x is 29 wide, expected at least the grid's 30 numbers"):
        core.init(jax.random.key(0), None, x, jnp.zeros((1, 1), bool), method="unroll")
