"""Encoders that keep places: convolutions as products, IMPALA's residual network, and what cores are fed."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces

from jaxmem import cores
from jaxmem.config import ConfigError
from jaxmem.cores import convolution
from jaxmem.networks import NetworkOptions, first_inputs, parameter_count
from jaxmem.networks.grids import ConvGrid, ResNetGrid, StridedGrid, _pooled


@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 1, 1), (8, 4, 1), (4, 2, 2)])
def test_products_over_patches_are_the_convolution_of_other_devices(monkeypatch, size, stride, padding):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 13, 16, 3)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(size * size * 3, 5)), jnp.float32)

    def said(x, kernel):
        y = convolution.convolve(x, kernel, size, stride, padding)
        return jnp.sum(jnp.sin(y)), y

    # On CPUs it is the gradient that is made of products.
    learn = jax.value_and_grad(said, (0, 1), has_aux=True)
    (_, y), gradients = learn(x, kernel)
    np.testing.assert_allclose(y, said(x, kernel)[1], atol=1e-4)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    (_, expected), of_convolution = learn(x, kernel)
    np.testing.assert_allclose(y, expected, atol=1e-4)
    for one, other in zip(gradients, of_convolution, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_pooling_is_the_maximum_over_three_by_three(size):
    x = jax.random.normal(jax.random.key(size), (2, size, size + 1, 3))
    window = ((0, 0), (1, 1), (1, 1), (0, 0))
    want = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), window)
    np.testing.assert_array_equal(_pooled(x), want)


def test_the_residual_network_has_its_published_size():
    picture = jax.ShapeDtypeStruct((1, 84, 84, 4), jnp.float32)
    net: Any = ResNetGrid()
    made, params = jax.eval_shape(lambda x: net.init_with_output(jax.random.key(0), x), picture)
    assert made.shape == (1, 11, 11, 32)

    def conv(inputs, channels):
        return (9 * inputs + 1) * channels

    sections = [conv(4, 16) + 4 * conv(16, 16), conv(16, 32) + 4 * conv(32, 32), conv(32, 32) + 4 * conv(32, 32)]
    assert parameter_count(params) == sum(sections)


def test_grids_of_the_other_encoders():
    shapes = {}
    for name, net, size in (("conv", ConvGrid((6, 8), 3), 10), ("strided", StridedGrid(), 84)):
        encoder: Any = net
        picture = jax.ShapeDtypeStruct((2, size, size, 4), jnp.float32)
        shapes[name] = jax.eval_shape(lambda x, e=encoder: e.init_with_output(jax.random.key(0), x)[0], picture).shape
    assert shapes == {"conv": (2, 10, 10, 8), "strided": (2, 11, 11, 64)}


def parts(core, shape=(10, 10, 4), **network):
    options = NetworkOptions(**({"obs_embed": 8, "action_embed": 3, "reward_embed": 2, "head": (8,)} | network))
    sizes = {} if core == "timesformer" else {"channels": 6, "key_width": 2}
    sizes = sizes if cores.looks_at(core) else {}
    return options.parts(
        cores.options(core, width=8, **sizes), spaces.Box(0, 255, shape, jnp.uint8), spaces.Discrete(3), 4
    )


def test_a_core_is_fed_the_grid_first_and_then_what_is_known_beside_it():
    made = parts("mott", encoder="cnn", cnn_channels=(5,), cnn_kernel=3)
    assert made.grid == (10, 10, 5)
    assert made.input_width == 505
    assert made.core().grid == (10, 10, 5)
    embedding = made.embedding()
    picture = jax.random.randint(jax.random.key(0), (2, 10, 10, 4), 0, 255).astype(jnp.uint8)
    inputs = first_inputs(picture)._replace(prev_reward=jnp.array([1.0, -1.0]))
    variables: Any = embedding.init(jax.random.key(1), inputs)
    embedded: Any = embedding.apply(variables, inputs)
    assert embedded.shape == (2, 505)
    encoder: Any = ConvGrid((5,), 3)
    grid = encoder.apply({"params": variables["params"]["obs"]}, picture / 255)
    np.testing.assert_allclose(embedded[:, :500], grid.reshape(2, -1), atol=1e-6)
    reward = variables["params"]["reward"]
    np.testing.assert_allclose(embedded[0, 503:], np.maximum(reward["kernel"][0] + reward["bias"], 0), atol=1e-6)


def test_a_reward_is_squeezed_before_it_is_embedded():
    embedding = parts("mott", cnn_channels=(5,), cnn_kernel=3, reward_clip="abs_one").embedding()
    inputs = first_inputs(jnp.zeros((2, 10, 10, 4), jnp.uint8))._replace(prev_reward=jnp.array([1.0, 400.0]))
    embedded: Any = embedding.apply(embedding.init(jax.random.key(1), inputs), inputs)
    np.testing.assert_array_equal(embedded[0], embedded[1])


def test_pixels_go_to_the_core_as_they_are():
    made = parts("timesformer")
    assert made.grid == (10, 10, 4)
    picture = jax.random.randint(jax.random.key(0), (2, 10, 10, 4), 0, 255).astype(jnp.uint8)
    embedding, inputs = made.embedding(), first_inputs(picture)
    embedded: Any = embedding.apply(embedding.init(jax.random.key(1), inputs), inputs)
    np.testing.assert_allclose(embedded[:, :400], picture.reshape(2, -1) / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("core", "shape", "grid"),
    [
        ("mott", (10, 10, 4), (10, 10, 16)),
        ("mott", (35, 84, 4), (35, 84, 16)),
        ("mott", (36, 84, 4), (5, 11, 64)),
        ("mean_pool", (84, 84, 4), (11, 11, 64)),
        ("timesformer", (10, 10, 7), (10, 10, 7)),
        ("timesformer", (84, 84, 4), (84, 84, 4)),
    ],
)
def test_a_core_that_looks_needs_no_options_of_the_network(core, shape, grid):
    made = NetworkOptions().parts(cores.options(core), spaces.Box(0, 1, shape, jnp.bool_), spaces.Discrete(3), 4)
    assert made.grid == grid
    trunk: Any = made.trunk()
    inputs = jax.tree.map(lambda leaf: leaf[None], first_inputs(jnp.zeros((1, *shape), bool)))
    start = jnp.ones((1, 1), bool)

    def seen():
        return trunk.init_with_output(jax.random.key(0), None, inputs, start, method="unroll")[0]

    features: Any = jax.eval_shape(seen)[1]
    assert features.shape == (1, 1, 128)


def test_an_even_kernel_that_nobody_asked_for_is_that_of_vectors():
    assert parts("lstm").eye == parts("lstm", cnn_kernel=2).eye
    assert parts("mott").eye == parts("mott", cnn_kernel=3).eye


def test_the_residual_network_as_a_vector_encoder():
    made = parts("lstm", encoder="resnet", resnet_channels=(4, 6))
    assert made.grid is None
    embedding, inputs = made.embedding(), first_inputs(jnp.zeros((2, 10, 10, 4), jnp.uint8))
    embedded: Any = jax.eval_shape(lambda: embedding.init_with_output(jax.random.key(1), inputs)[0])
    assert embedded.shape == (2, 13)


@pytest.mark.parametrize(
    ("core", "shape", "network", "says"),
    [
        ("mott", (7,), {}, "core.name is 'mott': it looks at pictures, and env's observations have the shape"),
        (
            "mott",
            (10, 10, 4),
            {"encoder": "strided"},
            "network.encoder is 'strided': env's observations have the shape",
        ),
        ("mott", (10, 10, 4), {"encoder": "linear"}, "network.encoder is 'linear': mott looks at features, allowed is"),
        ("mott", (10, 10, 4), {"cnn_kernel": 2}, "network.cnn_kernel is 2: before a core that looks at features"),
        ("timesformer", (10, 10, 4), {"encoder": "resnet"}, "network.encoder is 'resnet': timesformer looks at pixels"),
        ("lstm", (10, 10, 4), {"encoder": "resnet", "resnet_channels": ()}, "network.resnet_channels is"),
        ("lstm", (7,), {"encoder": "resnet"}, "network.encoder is 'resnet': env's observations have the shape"),
    ],
)
def test_what_does_not_fit_is_one_line(core, shape, network, says):
    with pytest.raises(ConfigError) as error:
        parts(core, shape, **network)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
