from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import assert_log_uniform, random_parameters, unroll

from jaxmem import cores

TIME, BATCH, INPUT, WIDTH = 7, 3, 5, 4


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(params, x, start):
    """Hochreiter & Schmidhuber 1997 with forget gates (Gers et al. 2000), step by step in float64."""
    w, b, u = params["input"]["kernel"], params["bias"].reshape(-1), params["recurrent"]
    h, c, out = np.zeros((BATCH, WIDTH)), np.zeros((BATCH, WIDTH)), []
    for t in range(TIME):
        h, c = (np.where(start[t][:, None], 0, s) for s in (h, c))
        gate = lambda k: (x[t] @ w + b + h @ u)[:, k * WIDTH : (k + 1) * WIDTH]  # noqa: B023, E731
        i, f, g, o = sigmoid(gate(0)), sigmoid(gate(1)), np.tanh(gate(2)), sigmoid(gate(3))
        c = f * c + i * g
        h = o * np.tanh(c)
        out.append(h)
    return np.stack(out)


def gru(params, x, start):
    """Cho et al. 2014 with the reset gate after the recurrent product, step by step in float64."""
    w = np.split(params["input"]["kernel"], 3, axis=1)
    b = np.split(params["input"]["bias"], 3)
    u = np.split(params["recurrent"], 3, axis=1)
    h, out = np.zeros((BATCH, WIDTH)), []
    for t in range(TIME):
        h = np.where(start[t][:, None], 0, h)
        r = sigmoid(x[t] @ w[0] + b[0] + h @ u[0])
        z = sigmoid(x[t] @ w[1] + b[1] + h @ u[1])
        n = np.tanh(x[t] @ w[2] + b[2] + r * (h @ u[2] + params["recurrent_bias"]))
        h = (1 - z) * n + z * h
        out.append(h)
    return np.stack(out)


def initial(core: cores.Core, x: jax.Array) -> Any:
    """Initial parameters of the first layer."""
    start = jnp.ones(x.shape[:2], bool)
    return core.init(jax.random.key(0), None, x, start, method="unroll")["params"]["stack_0"]


@pytest.mark.parametrize(("name", "reference"), [("lstm", lstm), ("gru", gru)])
def test_equals_the_equations(name, reference):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(TIME, BATCH, INPUT))
    start = rng.random((TIME, BATCH)) < 0.3
    core = cores.make(name, WIDTH, TIME)
    inputs = jnp.asarray(x, jnp.float32), jnp.asarray(start)
    params = core.init(jax.random.key(0), None, *inputs, method="unroll")
    params = jax.tree.map(lambda p: p + jnp.asarray(rng.normal(size=p.shape), jnp.float32) / 3, params)
    y = unroll(core, params, None, *inputs)[1]
    layer = jax.tree.map(lambda p: np.asarray(p, np.float64), params["params"]["stack_0"])
    np.testing.assert_allclose(y, reference(layer, x, start), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "gates", "bias"), [("lstm", 4, "bias"), ("gru", 3, "recurrent_bias")])
def test_initial_weights_are_orthogonal_and_biases_zero(name, gates, bias):
    core = cores.make(name, 6, 3)
    x = jnp.zeros((1, 1, INPUT))
    layer = initial(core, x)
    for kernel, rows in ((layer["input"]["kernel"], INPUT), (layer["recurrent"], 6)):
        assert kernel.shape == (rows, gates * 6)
        np.testing.assert_allclose(kernel @ kernel.T, np.eye(rows), atol=1e-5)
    assert not layer[bias].any()
    assert not layer["input"].get("bias", np.zeros(1)).any()


def test_forget_bias_is_the_forget_gates_alone():
    core = cores.make("lstm", 2, 3, forget_bias=1.5)
    x = jnp.zeros((1, 1, 2))
    np.testing.assert_array_equal(initial(core, x)["bias"], [[0, 0], [1.5, 1.5], [0, 0], [0, 0]])


def test_without_a_bias_of_its_candidate_the_lstm_stays_empty():
    """Inputs of zeros leave nothing in the cell, whatever the gates' biases are."""
    core = cores.make("lstm", WIDTH, TIME, candidate_bias=False)
    inputs = jnp.zeros((TIME, BATCH, INPUT)), jnp.zeros((TIME, BATCH), bool)
    params = random_parameters(core, INPUT)
    assert params["params"]["stack_0"]["bias"].shape == (3, WIDTH)
    assert not unroll(core, params, None, *inputs)[1].any()
    with_bias = cores.make("lstm", WIDTH, TIME)
    assert unroll(with_bias, random_parameters(with_bias, INPUT), None, *inputs)[1].any()


def test_lstm_begins_with_spread_time_constants():
    core = cores.make("lstm", 1000, 100, forget_bias=None, reach=3.0)
    # Compiled for the bias alone: orthogonal weights of this width take long.
    bias = np.asarray(jax.jit(lambda x: initial(core, x)["bias"])(jnp.zeros((1, 1, 2))), np.float64)
    assert_log_uniform(-1 / np.log(sigmoid(bias[1])), 300)
    assert not bias[[0, 2, 3]].any()


def test_parameters_of_the_papers_lstm():
    core = cores.make("lstm", 128, 50)
    x, start = jnp.zeros((1, 1, 48)), jnp.ones((1, 1), bool)
    params = jax.eval_shape(lambda: core.init(jax.random.key(0), None, x, start, method="unroll"))
    count = sum(p.size for p in jax.tree.leaves(params))
    assert count == 4 * 128 * (48 + 128) + 4 * 128


def test_state_and_cost_do_not_grow_with_max_length():
    def cost(max_length):
        core = cores.make("lstm", 8, max_length)
        state, x, start = core.initial_state(2), jnp.zeros((2, 8)), jnp.zeros(2, bool)
        params = core.init(jax.random.key(0), state, x, start, method="step")
        step = jax.jit(lambda *args: core.apply(*args, method="step"))
        analysis = step.lower(params, state, x, start).compile().cost_analysis()
        assert analysis is not None
        return analysis["bytes accessed"], analysis["flops"]

    assert cost(10) == cost(10_000)
