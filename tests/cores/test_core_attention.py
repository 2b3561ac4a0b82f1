import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import QUICK

from jaxmem.cores import attention
from jaxmem.cores.dropout import drop


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(attention, "_WHOLE", 4)
    monkeypatch.setattr(attention, "_SMALLEST", 4)
    monkeypatch.setattr(attention, "_BLOCKS", 3)


def problem(time=13, past=0, batch=6, heads=2, window=32, seed=0):
    keys = jax.random.split(jax.random.key(seed), 4)
    shapes = [(batch, time, heads, 4), *[(batch, past + time, heads, 4)] * 2]
    q, k, v = (jax.random.normal(key, s) for key, s in zip(keys, shapes, strict=False))
    steps = jnp.arange(time)
    back = jax.random.randint(keys[3], (batch, time), 0, window)
    reachable = steps + past
    earliest = steps - jnp.minimum(back, reachable)
    cached = -1 - jax.random.permutation(keys[3], past)
    return q, k, v, earliest, jnp.concatenate([cached, steps])[None]


def naive(q, k, v, earliest, key_time):
    """Equation 1 of Vaswani et al. 2017 in float64, query by query."""
    q, k, v = (np.asarray(a, np.float64) for a in (q, k, v))
    times, out = np.asarray(key_time[0]), np.zeros(q.shape)
    for b, t, n in np.ndindex(q.shape[:3]):
        seen = (times >= int(earliest[b, t])) & (times <= t)
        logits = k[b, seen, n] @ q[b, t, n] / np.sqrt(q.shape[-1])
        weights = np.exp(logits - logits.max())
        out[b, t, n] = weights @ v[b, seen, n] / weights.sum()
    return out


def loss(args, window=32, rate=0.0, rng=None):
    q, k, v, earliest, times = args
    y = attention.attend(q, k, v, earliest, times, window, rate, rng)
    return (y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)).sum(), y


def grads(args, *rest):
    def of(qkv):
        return loss((*qkv, *args[3:]), *rest)

    return jax.jit(jax.value_and_grad(of, has_aux=True), compiler_options=QUICK)(args[:3])


@pytest.mark.parametrize(("past", "window"), [(0, 32), (0, 3), (8, 32), (8, 5)])
@pytest.mark.parametrize("few_rows", [False, True])
def test_blocks_and_groups_of_rows_change_nothing(monkeypatch, past, window, few_rows):
    args = problem(past=past, window=window)
    (_, whole), whole_grad = grads(args, window)
    np.testing.assert_allclose(whole, naive(*args), rtol=0, atol=1e-5)
    monkeypatch.setattr(attention, "_WHOLE", 4)
    monkeypatch.setattr(attention, "_SMALLEST", 4)
    monkeypatch.setattr(attention, "_BLOCKS", 3)
    if few_rows:
        monkeypatch.setattr(attention, "_WEIGHTS", 2 * 13 * (13 + past) * 3)
    (_, blocked), blocked_grad = grads(args, window)
    np.testing.assert_allclose(blocked, whole, rtol=0, atol=1e-5)
    for a, b in zip(blocked_grad, whole_grad, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)


def test_memory_of_long_sequences_is_bounded():
    def temporary(time, batch):
        x = jax.ShapeDtypeStruct((batch, time, 1, 16), jnp.float32)
        steps = jax.ShapeDtypeStruct((batch, time), jnp.int32)
        f = jax.jit(jax.grad(lambda q, k, v, e, t: attention.attend(q, k, v, e, t, time).sum()))
        analysis = f.lower(x, x, x, steps, steps).compile().memory_analysis()
        assert analysis is not None
        return analysis.temp_size_in_bytes

    weights = 64 * 1500 * 1500 * 4
    inputs = 64 * 1500 * 16 * 4
    assert temporary(1500, 64) < weights / 2 + 10 * inputs


def test_dropping_nothing_equals_no_dropout(small_blocks):
    args = problem()
    (_, plain), plain_grad = grads(args)
    (_, dropped), dropped_grad = grads(args, 32, 0.0, jax.random.key(0))
    np.testing.assert_allclose(dropped, plain, rtol=0, atol=1e-5)
    for a, b in zip(dropped_grad, plain_grad, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)


@pytest.mark.parametrize("few_rows", [False, True])
def test_dropout_is_of_weights_and_leaves_the_mean(monkeypatch, small_blocks, few_rows):
    if few_rows:
        monkeypatch.setattr(attention, "_WEIGHTS", 1)
    q, k, v, earliest, times = problem(time=6, batch=2)
    f = jax.jit(lambda rng: attention.attend(q, k, v, earliest, times, 32, 0.5, rng))
    one, other = f(jax.random.key(1)), f(jax.random.key(2))
    assert not np.allclose(one, other)
    np.testing.assert_array_equal(one, f(jax.random.key(1)))
    draws = jax.lax.map(f, jax.random.split(jax.random.key(3), 1000))
    plain = attention.attend(q, k, v, earliest, times, 32)
    np.testing.assert_allclose(draws.mean(0), plain, rtol=0, atol=0.15)


@pytest.mark.parametrize("shape", [(400, 251), (99,), (2, 3, 1)])
def test_drop_keeps_shape_share_and_scale(shape):
    x = jnp.ones(shape)
    y = np.asarray(drop(x, 0.25, jax.random.key(0)))
    assert y.shape == shape
    np.testing.assert_allclose(np.unique(y[y != 0]), 4 / 3, rtol=1e-6)
    if x.size > 1000:
        assert abs((y == 0).mean() - 0.25) < 0.01
        # Both halves of a random word must be independent of each other.
        left, right = y[:, :125] == 0, y[:, 126:] == 0
        assert abs((left & right).mean() - 0.0625) < 0.01
    assert drop(x, 0.25, None) is x


def device(platform, capability):
    return types.SimpleNamespace(platform=platform, compute_capability=capability)


@pytest.mark.parametrize(
    ("dtype", "head_dim", "on", "expected"),
    [
        (jnp.bfloat16, 64, device("gpu", "9.0"), "cudnn"),
        (jnp.float16, 128, device("gpu", "8.0"), "cudnn"),
        (jnp.bfloat16, 64, device("gpu", "12.0"), "cudnn"),
        (jnp.bfloat16, 64, device("gpu", "7.5"), "xla"),
        (jnp.bfloat16, 64, device("gpu", "gfx90a"), "xla"),
        (jnp.bfloat16, 64, types.SimpleNamespace(platform="tpu"), "xla"),
        (jnp.bfloat16, 64, types.SimpleNamespace(platform="cpu"), "xla"),
        (jnp.float32, 64, device("gpu", "9.0"), "xla"),
        (jnp.bfloat16, 136, device("gpu", "9.0"), "xla"),
        (jnp.bfloat16, 20, device("gpu", "9.0"), "xla"),
    ],
)
def test_choose_implementation(dtype, head_dim, on, expected):
    assert attention.choose_implementation(dtype, head_dim, on) == expected


def test_cudnn_is_given_even_lengths(monkeypatch):
    """cuDNN refuses odd lengths; the padding must not change what the real steps see."""
    args = problem(time=7, batch=2)
    plain = attention.attend(*args, 32)
    real, seen = jax.nn.dot_product_attention, []

    def fake(q, k, v, mask, implementation):
        seen.append((implementation, q.shape[1], k.shape[1], mask.shape[2:]))
        return real(q, k, v, mask=mask, implementation="xla")

    monkeypatch.setattr(attention, "choose_implementation", lambda *_: "cudnn")
    monkeypatch.setattr(jax.nn, "dot_product_attention", fake)
    padded = attention.attend(*args, 32)
    assert seen == [("cudnn", 8, 8, (8, 8))]
    np.testing.assert_allclose(padded, plain, rtol=0, atol=1e-6)
