"""The segments of the recurrent memory transformer and RATE, against their equations written out in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import QUICK, WIDTH, random_parameters, sequence, unroll

from jaxmem import cores
from jaxmem.cores.valves import VALVES, make_valve, memory_width

LENGTH = 3


def dense(params, x):
    return x @ params["kernel"] + params.get("bias", 0)


def norm(params, x):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * params["scale"] + params["bias"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sine(position):
    angles = np.asarray(position)[..., None] / 10000 ** (np.arange(0, WIDTH, 2) / WIDTH)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(*angles.shape[:-1], WIDTH)


def attention(q, k, v, mask, heads, by_distance=None):
    """Heads beside each other; `by_distance` has a score [N, Q, K] for each query and key."""
    out = []
    for n, head in enumerate(np.split(np.arange(WIDTH), heads)):
        scores = q[:, head] @ k[:, head].T if by_distance is None else by_distance[n]
        weights = np.exp(scores / np.sqrt(len(head))) * mask
        out.append(weights / weights.sum(-1, keepdims=True) @ v[:, head])
    return np.concatenate(out, axis=-1)


def distance_scores(block, biases, q, k, heads, cached):
    """((q_i + u) k_j + (q_i + v) r_(i - j)), a pair at a time; the cached rows end just before row 0."""
    scores = np.zeros((heads, len(q), len(k)))
    for n, head in enumerate(np.split(np.arange(WIDTH), heads)):
        for i, j in np.ndindex(len(q), len(k)):
            r = dense(block["distances"], sine(i - (j - cached)))[head]
            scores[n, i, j] = (q[i, head] + biases["content"][n]) @ k[j, head] + (
                q[i, head] + biases["distance"][n]
            ) @ r
    return scores


def gpt_block(block, params, h, past, mask, heads):
    del params
    q, k, v = np.split(dense(block["qkv"], norm(block["norm_attention"], np.concatenate([past, h]))), 3, axis=-1)
    h = h + dense(block["project"], attention(q[len(past) :], k, v, mask, heads))
    z = dense(block["expand"], norm(block["norm_mlp"], h))
    return h + dense(block["contract"], 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))))


def rate_block(block, params, h, past, mask, heads):
    k, v = np.split(dense(block["key_value"], np.concatenate([past, h])), 2, axis=-1)
    q = dense(block["query"], h)
    scores = distance_scores(block, params["biases"], q, k, heads, len(past))
    attended = dense(block["project"], attention(q, k, v, mask, heads, scores))
    h = norm(block["norm_attention"], h + (h + attended))
    return norm(block["norm_mlp"], h + dense(block["contract"], np.maximum(dense(block["expand"], h), 0)))


def naive_segment(params, memory, x, past, heads):
    """Outputs, what the tokens wrote and the layers' inputs of one row's segment, from the papers' masks.

    `past` has the cached rows of each layer, [c, D].
    """
    tokens, length, cached = len(memory), len(x), len(past[0])
    rate = "biases" in params
    h = np.concatenate([memory, x if rate else x + sine(np.arange(length)), memory])
    kind = ["read"] * tokens + ["step"] * length + ["write"] * tokens
    sees = {"read": "read", "step": "read step cache", "write": "read step write"}
    row = np.arange(len(h))
    mask = np.array([[b in sees[a].split() for b in kind] for a in kind])
    mask &= (row <= row[:, None]) | (np.array(kind) != "step")[:, None]
    heard = np.array([["cache" in sees[a].split()] * cached for a in kind]).reshape(len(h), cached)
    mask = np.concatenate([heard, mask], axis=1)
    inputs = []
    for i in range(sum(name.startswith("blocks") for name in params)):
        inputs.append(h)
        h = (rate_block if rate else gpt_block)(params[f"blocks_{i}"], params, h, past[i], mask, heads)
    h = h if rate else norm(params["norm"], h)
    return h[tokens : tokens + length], h[tokens + length :], inputs


def naive_valve(kind, valve, memory, written, heads):
    old, rows = memory[:, :WIDTH], memory.shape[0]
    if kind in ("ca1", "ca2"):
        asked, told = (old, np.maximum(written, 0))[:: 1 if kind == "ca2" else -1]
        queries, keys, values = dense(valve["query"], asked), dense(valve["key"], told), dense(valve["value"], told)
        return dense(valve["project"], attention(queries, keys, values, np.ones((rows, rows)), heads))
    if kind == "gate":
        r_y, z_y, h_y = np.split(dense(valve["of_output"], written), 3, axis=-1)
        r_x, z_x = np.split(dense(valve["of_input"], old), 2, axis=-1)
        z = sigmoid(z_y + z_x + valve["bias"])
        return (1 - z) * old + z * np.tanh(h_y + dense(valve["of_reset_input"], sigmoid(r_y + r_x) * old))
    if kind == "none":
        return written
    cell = valve["cell"]
    recurrent = old @ cell["recurrent"]
    if kind == "gru":
        r_in, z_in, n_in = np.split(dense(cell["input"], written), 3, axis=-1)
        r_old, z_old, n_old = np.split(recurrent, 3, axis=-1)
        z = sigmoid(z_in + z_old)
        return z * old + (1 - z) * np.tanh(n_in + sigmoid(r_in + r_old) * (n_old + cell["recurrent_bias"]))
    i, f, g, o = np.split(dense(cell["input"], written) + cell["bias"].reshape(-1) + recurrent, 4, axis=-1)
    kept = sigmoid(f) * memory[:, WIDTH:] + sigmoid(i) * np.tanh(g)
    return np.concatenate([sigmoid(o) * np.tanh(kept), kept], axis=-1)


def exact(tree):
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


@pytest.mark.parametrize("kind", VALVES[1:])
def test_valves(kind):
    valve = make_valve(kind, WIDTH, 2, 0.3, jnp.float32)
    assert valve is not None
    rng = np.random.default_rng(0)
    memory = rng.normal(size=(2, 3, memory_width(kind, WIDTH))).astype(np.float32)
    written = rng.normal(size=(2, 3, WIDTH)).astype(np.float32)
    shapes = jax.eval_shape(lambda: valve.init(jax.random.key(0), memory, written))
    params = jax.tree.map(lambda s: jnp.asarray(rng.normal(scale=0.5, size=s.shape), jnp.float32), shapes)
    got = jax.jit(valve.apply, compiler_options=QUICK)(params, memory, written)
    for row in range(2):
        expected = naive_valve(kind, exact(params["params"]), exact(memory[row]), exact(written[row]), 2)
        np.testing.assert_allclose(got[row], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"valve": "ca2", "heads": 2},
        pytest.param({"cache": 4, "layers": 2}, marks=pytest.mark.slow),
        {"cache": 9, "layers": 2, "heads": 2, "block": "rate", "valve": "lstm"},
    ],
)
def test_segments(options):
    """Three of them and the beginning of a fourth: the cache of 9 rows holds more than a segment's 7."""
    core = cores.make("rmt", WIDTH, 16, **{"segment": LENGTH, "tokens": 2, "dropout": 0.0, **options})
    params = random_parameters(core)
    x, start = sequence(5, 3 * LENGTH + 1, 2)
    state, y = unroll(core, params, None, x, start)
    of_segment = exact(params["params"]["transformer"])
    for row in range(2):
        memory = of_segment["first_memory"]
        memory = np.pad(memory, ((0, 0), (0, state.memory.shape[-1] - WIDTH)))
        past = [np.zeros((0, WIDTH))] * core.layers
        for begin in range(0, len(x), LENGTH):
            here = slice(begin, begin + LENGTH)
            inputs = exact(x[here, row])
            expected, written, rows = naive_segment(of_segment, memory[:, :WIDTH], inputs, past, core.heads)
            np.testing.assert_allclose(y[here, row], expected, rtol=0, atol=2e-5)
            if len(inputs) == LENGTH:
                memory = naive_valve(core.valve, of_segment.get("retain"), memory, written, core.heads)
                past = [np.concatenate(of) for of in zip(past, rows, strict=True)]
                past = [rows[max(len(rows) - core.cache, 0) :] for rows in past]
        np.testing.assert_allclose(state.memory[row], memory, rtol=0, atol=2e-5)
