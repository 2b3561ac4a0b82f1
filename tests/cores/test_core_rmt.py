from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import QUICK, WIDTH, outputs, random_parameters, scan_steps, sequence, staggered, unroll

from jaxmem import cores

compiled = partial(jax.jit, compiler_options=QUICK)


def make(**options):
    core = cores.make("rmt", WIDTH, 16, **{"segment": 2, "tokens": 2, "dropout": 0.0, **options})
    return core, random_parameters(core)


def arrivals(core, params):
    """Which of four segments' inputs r the outputs of segment s have a gradient for: bool [s, r]."""
    x, start = sequence(1, 8, 1)

    def of_segments(x):
        return outputs(core, params, x, start).reshape(4, -1).sum(axis=1)

    jacobian = compiled(jax.jacrev(of_segments))(x)
    return np.abs(np.asarray(jacobian)).reshape(4, 4, -1).max(axis=-1) > 0


@pytest.mark.parametrize(("option", "most"), [("full", None), ("detach", 0), (1, 1), (2, 2)])
def test_gradients_cross_as_many_borders_as_they_may(option, most):
    crossed = np.ones((4, 4), bool)
    for reader, writer in np.ndindex(4, 4):
        borders = range(writer + 1, reader + 1)
        crossed[reader, writer] = writer <= reader and (most is None or all(b % (most + 1) for b in borders))
    np.testing.assert_array_equal(arrivals(*make(memory_gradient=option)), crossed)


@pytest.mark.parametrize("cache", [0, 3])
def test_without_tokens_no_gradient_crosses_a_border(cache):
    np.testing.assert_array_equal(arrivals(*make(tokens=0, cache=cache)), np.eye(4))


@pytest.mark.parametrize(
    "options",
    [
        {"valve": "ca2", "cache": 5},
        pytest.param({"valve": "lstm", "cache": 5, "block": "rate"}, marks=pytest.mark.slow),
    ],
)
def test_gradients_are_those_of_steps(options):
    """The backward pass written out, over chunks, is what JAX derives from stepping, whoever made the first state."""
    time, batch = 9, 4
    core, params = make(heads=2, memory_gradient=1, **options)
    x, _ = sequence(2, time, batch)
    start = staggered(time, batch)
    weight = jax.random.normal(jax.random.key(0), (time, batch, WIDTH))
    # Within a segment: its read tokens are what the old parameters made of them.
    carried, _ = unroll(core, jax.tree.map(lambda p: 0.5 * p, params), None, x[:3], start[:3])

    def in_chunks(params, x, state):
        loss, y = 0.0, []
        for chunk in (slice(0, 4), slice(4, time)):
            after: Any = core.apply(params, state, x[chunk], start[chunk], method="unroll")
            state, out = after
            loss += (out * weight[chunk]).sum()
            y.append(out)
        return loss + state.memory.sum(), (jnp.concatenate(y), state.memory)

    def stepped(params, x, state):
        def body(state, inputs) -> Any:
            return core.apply(params, state, *inputs, method="step")

        after, y = jax.lax.scan(body, state, (x, start))
        return (y * weight).sum() + after.memory.sum(), (y, after.memory)

    def learn(f):
        def loss(params, x, kept):
            return f(params, x, carried._replace(memory=kept[0], layers=kept[1]))

        return compiled(jax.grad(loss, argnums=(0, 1, 2), has_aux=True))(params, x, (carried.memory, carried.layers))

    chunked, expected = learn(in_chunks), learn(stepped)
    for a, b in zip(jax.tree.leaves(chunked), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * max(1.0, float(jnp.abs(b).max())))


def test_gradients_with_dropout_are_slopes():
    """The backward pass computes segments again: it has to drop what the forward pass dropped."""
    core, params = make(dropout=0.3)
    x, start = sequence(3, 7, 2)
    weight = jax.random.normal(jax.random.key(1), (7, 2, WIDTH))

    @compiled
    def noisy(params, key):
        def loss(params):
            after: Any = core.apply(params, None, x, start, False, method="unroll", rngs={"dropout": key})
            return (after[1] * weight).sum()

        return jax.value_and_grad(loss)(params)

    key = jax.random.key(2)
    value, grad = noisy(params, key)
    assert value != noisy(params, jax.random.key(3))[0]
    size = 1e-3 / np.sqrt(sum(float((g**2).sum()) for g in jax.tree.leaves(grad)))
    moved = [noisy(jax.tree.map(lambda p, g, to=to: p + to * size * g, params, grad), key)[0] for to in (1, -1)]
    slope = (moved[0] - moved[1]) / (2 * size)
    assert slope == pytest.approx((1e-3 / size) ** 2, rel=0.02)


def test_mapped_over_seeds():
    """Seeds whose episodes end at different times are computed together, with one loop."""
    core, params = make()
    x, _ = sequence(6, 7, 4)
    starts = jnp.stack([jnp.zeros((7, 4), bool), staggered(7, 4)])
    both = jax.tree.map(lambda p: jnp.stack([p, 2 * p]), params)

    def loss(params, start):
        y = outputs(core, params, x, start)
        return (y**2).sum(), y

    def one(params, start):
        return jax.value_and_grad(loss, has_aux=True)(params, start)

    mapped, single = compiled(jax.vmap(one)), compiled(one)
    got = mapped(both, starts)
    for seed in range(2):
        expected = single(jax.tree.map(lambda p, seed=seed: p[seed], both), starts[seed])
        for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a[seed], b, rtol=1e-5, atol=1e-4)
    stepped = jax.vmap(lambda p, start: scan_steps(core, p, core.initial_state(4), x, start)[1])(both, starts)
    np.testing.assert_allclose(got[0][1], stepped, rtol=0, atol=1e-5)


def test_long_sequences_keep_memories_alone():
    """The backward pass needs less room than a few layers' activations."""
    time, batch = 512, 4
    core, params = make(segment=8, layers=2)
    x, start = jax.ShapeDtypeStruct((time, batch, WIDTH), jnp.float32), jnp.zeros((time, batch), bool)
    grad = compiled(jax.grad(lambda x: outputs(core, params, x, start).sum()))
    analysis = grad.lower(x).compile().memory_analysis()
    assert analysis is not None
    assert analysis.temp_size_in_bytes < 8 * time * batch * WIDTH * 4
