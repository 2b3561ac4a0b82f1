"""Attention maps: found where a core left them, and brought to another size."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from looking_cases import Gaze, frames, parameters, planted

from jaxmem import cores
from jaxmem.analysis.looking.maps import attention_maps, named_maps, upsampled
from jaxmem.config import ConfigError
from jaxmem.cores.looking import Placement


def test_maps_of_a_core_are_found_by_name():
    net = planted(Gaze(7, 9, grid=(3, 4, 2)), nn.Dense(3), nn.Dense(1))
    inputs = frames((5, 2, 3, 4, 2), jnp.float32)
    start = jnp.zeros((5, 2), bool).at[0].set(True)
    params = parameters(net, frames((2, 3, 4, 2), jnp.float32))
    maps, names = attention_maps(net, params, None, inputs, start)
    assert names == ("first", "second")
    expected = np.moveaxis(np.asarray(inputs.obs), -1, 2)
    np.testing.assert_allclose(maps, expected / expected.sum((-2, -1), keepdims=True), rtol=0, atol=1e-5)


def test_a_core_without_maps_is_refused():
    net = planted(cores.make("lstm", 4, 9), nn.Dense(3), nn.Dense(1))
    inputs = frames((2, 3, 4, 2), jnp.float32)
    params = parameters(net, inputs)
    one = inputs._replace(**{name: getattr(inputs, name)[None] for name in inputs._fields})
    with pytest.raises(ConfigError, match=r"^the core is a LSTM: allowed is one with attention maps, .*mott"):
        attention_maps(net, params, None, one, jnp.ones((1, 2), bool))


def test_maps_grow_as_pictures_do():
    grown = np.asarray(upsampled(np.array([[[0.0, 1.0], [0.0, 0.0]]], np.float32), 4, 4, Placement(2, 0.5)))
    # Centres of the small cells lie at 0.5 and 2.5 of the large ones: in between is a straight line.
    across, down = np.array([0, 0.25, 0.75, 1]), np.array([1, 0.75, 0.25, 0])
    np.testing.assert_allclose(grown[0], np.outer(down, across) / 4, rtol=0, atol=1e-6)
    uneven = np.random.default_rng(0).random((2, 3, 7, 7)).astype(np.float32)
    np.testing.assert_allclose(upsampled(uneven, 84, 83, Placement(12, 5)).sum((-2, -1)), 1, rtol=1e-5)


def test_maps_have_names_and_the_mean_of_several_is_the_last():
    maps = np.random.default_rng(0).random((5, 3, 2, 4, 6))
    named = named_maps(maps, ("left", "right"))
    assert list(named) == ["left", "right", "mean of all"]
    np.testing.assert_array_equal(named["right"], maps[:, :, 1])
    np.testing.assert_allclose(named["mean of all"], (maps[:, :, 0] + maps[:, :, 1]) / 2, rtol=1e-12)
    assert list(named_maps(maps[:, :, :1], ("one",))) == ["one"]
