"""The small CNN: a convolution as products, scaling, and when it is chosen."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces

from jaxmem import cores
from jaxmem.config import ConfigError
from jaxmem.networks import NetworkOptions, first_inputs, parameter_count
from jaxmem.networks.vision import SmallCNN, StridedCNN, smallest_strided_picture


def test_it_is_two_convolutions_and_a_linear_layer():
    picture = jax.random.uniform(jax.random.key(0), (3, 5, 6, 3))
    net: Any = SmallCNN(width=10, channels=(8, 16), kernel=2)
    variables = net.init(jax.random.key(1), picture)
    params = variables["params"]
    x = picture
    for name, channels in (("conv_0", 8), ("conv_1", 16)):
        # Patches lie row by row, channels last: a kernel [2, 2, C_in, C_out], flattened.
        kernel = params[name]["kernel"].reshape(2, 2, -1, channels)
        x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.nn.relu(x + params[name]["bias"])
    want = x.reshape(3, -1) @ params["out"]["kernel"] + params["out"]["bias"]
    np.testing.assert_allclose(net.apply(variables, picture), want, rtol=1e-5, atol=1e-5)


def test_the_paper_has_these_sizes():
    params = SmallCNN(width=100, channels=(8, 16), kernel=2).init(jax.random.key(0), jnp.zeros((1, 5, 5, 3)))
    assert parameter_count(params) == (12 * 8 + 8) + (32 * 16 + 16) + (9 * 16 * 100 + 100)


def test_the_strided_one_is_three_convolutions_and_a_linear_layer():
    assert smallest_strided_picture() == 36
    picture = jax.random.uniform(jax.random.key(0), (2, 41, 36, 3))
    net: Any = StridedCNN(width=10, channels=(4, 6, 8))
    variables = net.init(jax.random.key(1), picture)
    variables = jax.tree.map(lambda leaf: leaf + 0.1, variables)
    params, x = variables["params"], picture
    for index, (size, stride, channels) in enumerate(((8, 4, 4), (4, 2, 6), (3, 1, 8))):
        # Blocks of a kernel, row by row, and in each its pixels: -> [size, size, C_in, C_out].
        blocks = size // stride
        kernel = params[f"conv_{index}"]["kernel"].reshape(blocks, blocks, stride, stride, -1, channels)
        kernel = kernel.swapaxes(1, 2).reshape(size, size, -1, channels)
        x = jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = jax.nn.relu(x + params[f"conv_{index}"]["bias"])
    want = x.reshape(2, -1) @ params["out"]["kernel"] + params["out"]["bias"]
    np.testing.assert_allclose(net.apply(variables, picture), want, rtol=1e-5, atol=1e-5)


def made(shape, encoder="auto", dtype=jnp.uint8):
    options = NetworkOptions(encoder=encoder, obs_embed=8, action_embed=0, head=(8,))
    core = cores.options("lstm", width=8)
    parts = options.parts(core, spaces.Box(0, 255, shape, dtype), spaces.Discrete(3), 4)
    trunk: Any = parts.trunk()
    inputs = first_inputs(jnp.full((2, *shape), 255, dtype))
    start = jnp.ones((1, 2), bool)
    inputs = jax.tree.map(lambda leaf: leaf[None], inputs)
    return trunk, trunk.init(jax.random.key(0), None, inputs, start, method="unroll"), inputs, start


@pytest.mark.parametrize(
    ("shape", "encoder", "cnn"),
    [((5, 5, 3), "auto", True), ((5, 5, 3), "linear", False), ((4,), "auto", False), ((7, 7), "auto", False)],
)
def test_the_observation_space_decides(shape, encoder, cnn):
    _, params, _, _ = made(shape, encoder)
    assert ("conv_0" in params["params"]["embedding"]["obs"]) == cnn


def test_pixels_are_scaled_inside():
    trunk, params, inputs, start = made((5, 5, 3))
    scaled = inputs._replace(obs=inputs.obs.astype(jnp.float32) / 255)
    results = [trunk.apply(params, None, seen, start, method="unroll")[1] for seen in (inputs, scaled)]
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)


@pytest.mark.parametrize("shape", [(4,), (2, 5, 3), (7, 7)])
def test_a_cnn_for_what_is_no_picture_is_one_line(shape):
    with pytest.raises(ConfigError, match=r"network.encoder is 'cnn': .* allowed is \(height, width, channels\)"):
        made(shape, "cnn")
