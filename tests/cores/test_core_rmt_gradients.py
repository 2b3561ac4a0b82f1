"""Which parameters of the recurrent memory transformer learn from which segments, and that gradients are right."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import QUICK, WIDTH, outputs, random_parameters, sequence

from jaxmem import cores

SEGMENTS, LENGTH = 4, 2

compiled = partial(jax.jit, compiler_options=QUICK)

# Segment by segment, whether a loss on its outputs alone teaches what makes the memory.
TAUGHT = {
    "detach": {"first_memory": "1000", "retain": "0000"},
    1: {"first_memory": "1100", "retain": "0101"},
    "full": {"first_memory": "1111", "retain": "0111"},
}


def make(**options):
    core = cores.make("rmt", WIDTH, 16, **{"segment": LENGTH, "tokens": 2, "dropout": 0.0, **options})
    return core, random_parameters(core)


@pytest.mark.parametrize("memory_gradient", TAUGHT)
# What stops a gradient is in front of the valve, whichever it is.
@pytest.mark.parametrize(
    "valve", ["ca2", *(pytest.param(v, marks=pytest.mark.slow) for v in ("ca1", "gate", "gru", "lstm"))]
)
def test_what_each_segment_teaches(valve, memory_gradient):
    core, params = make(valve=valve, memory_gradient=memory_gradient)
    x, start = sequence(1, SEGMENTS * LENGTH, 1)
    weight = jax.random.normal(jax.random.key(1), (SEGMENTS, LENGTH * WIDTH))

    def losses(params):
        return (outputs(core, params, x, start).reshape(weight.shape) * weight).sum(axis=1)

    taught = compiled(jax.jacrev(losses))(params)["params"]["transformer"]
    for name, expected in TAUGHT[memory_gradient].items():
        leaves = [(leaf != 0).reshape(SEGMENTS, -1).any(axis=1) for leaf in jax.tree.leaves(taught[name])]
        # A gradient with no path to it is a zero, not a small number.
        assert "".join("1" if any(of) else "0" for of in zip(*leaves, strict=True)) == expected, name
    for leaf in jax.tree.leaves(taught["blocks_0"]["project"]):
        assert (leaf != 0).reshape(SEGMENTS, -1).any(axis=1).all()


@pytest.mark.parametrize("memory_gradient", ["full", pytest.param(1, marks=pytest.mark.slow)])
def test_gradients_are_those_of_a_loop_over_segments(memory_gradient):
    """`unroll` writes its backward pass out, and finds rows in a ring and a log; a loop over segments needs neither."""
    options = {"valve": "lstm", "cache": 9, "block": "rate", "heads": 2, "layers": 2}
    core, params = make(memory_gradient=memory_gradient, **options)
    x, start = sequence(2, SEGMENTS * LENGTH, 2)
    weight = jax.random.normal(jax.random.key(0), x.shape)
    segment, _ = core.bind(params).transformer.unbind()

    def unrolled(params, x):
        y = outputs(core, params, x, start)
        return (y * weight).sum(), y

    def looped(params, x):
        own = {"params": params["params"]["transformer"]}
        none = jnp.zeros(2, jnp.int32)
        memory = core.initial_state(2).memory
        past = tuple(jnp.zeros((2, core.cache, WIDTH)) for _ in range(core.layers))
        y = []
        for number in range(SEGMENTS):
            xs = x[number * LENGTH : (number + 1) * LENGTH].swapaxes(0, 1)
            out, memory, rows, _ = segment.apply(own, memory, none + number, xs, past, None, none, None)
            past = tuple(jnp.concatenate(of, axis=1)[:, -core.cache :] for of in zip(past, rows, strict=True))
            y.append(out.swapaxes(0, 1))
        y = jnp.concatenate(y)
        return (y * weight).sum(), y

    both = compiled(lambda *a: [jax.value_and_grad(f, (0, 1), has_aux=True)(*a) for f in (unrolled, looped)])(params, x)
    for a, b in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * max(1.0, float(jnp.abs(b).max())))


def test_no_gradient_enters_the_cache():
    """With a cache alone, a segment hears of the one before, but no gradient of it shows that."""
    core, params = make(tokens=0, cache=3)
    x, start = sequence(3, 2 * LENGTH, 1)

    def second(params, x):
        return outputs(core, params, x, start)[LENGTH:].sum()

    value, of_x = compiled(jax.value_and_grad(second, argnums=1))(params, x)
    assert (of_x[:LENGTH] == 0).all()
    assert (of_x[LENGTH:] != 0).any(axis=-1).all()
    other = compiled(second)(params, x.at[:LENGTH].set(x[:LENGTH, :, ::-1]))
    assert abs(other - value) > 1e-3
