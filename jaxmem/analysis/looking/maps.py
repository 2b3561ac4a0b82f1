"""Attention maps: what a core that looks sows, and maps brought to another size."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem import cores
from jaxmem.agents.base import Params
from jaxmem.analysis.attention import sown_by_core
from jaxmem.config import ConfigError
from jaxmem.cores.looking import MAPS
from jaxmem.networks import Inputs, PolicyValue, PolicyValueOutputs

MEAN = "mean of all"
"""Name of the mean of the maps of a step, where there are several."""


def attention_maps(
    net: PolicyValue, params: Params, memory: Any, inputs: Inputs, start: jax.Array
) -> tuple[jax.Array, tuple[str, ...]]:
    """Where a network's core looks in T steps of B rows.

    Args:
        net: the network.
        params: its variables.
        memory: its memory before the first step; None where every row begins an episode.
        inputs: what is seen, [T, B, ...].
        start: bool [T, B].

    Returns:
        float32 [T, B, N, h, w], each map with the sum 1, and the names of the N maps.

    Raises:
        ConfigError: if the core has no maps.
    """
    maps = unrolled(net, params, memory, inputs, start)[2]
    if maps is None:
        looking = [name for name in cores.registered_cores if cores.looks_at(name)]
        name = type(net.trunk.core).__name__
        raise ConfigError(f"the core is a {name}: allowed is one with attention maps, {' or '.join(looking)}")
    return maps, map_names(net)


def map_names(net: PolicyValue) -> tuple[str, ...]:
    """Names of a core's maps; none where it has no maps."""
    return getattr(net.trunk.core, "map_names", ())


def unrolled(
    net: PolicyValue, params: Params, memory: Any, inputs: Inputs, start: jax.Array
) -> tuple[Any, PolicyValueOutputs, jax.Array | None]:
    """`net.unroll`, without dropout, and the maps [T, B, N, h, w] that its core sowed; None where it sowed none."""
    apply: Any = net.apply
    (memory, said), sown = apply(params, memory, inputs, start, True, method="unroll", mutable=["intermediates"])
    return memory, said, sown_by_core(sown).get(MAPS, (None,))[0]


def upsampled(maps: jax.Array | np.ndarray, height: int, width: int) -> jax.Array:
    """Maps [..., h, w] at another size, as pictures are resized (bilinear), with the sum 1: float32 [..., H, W]."""
    resized = jax.image.resize(maps, (*maps.shape[:-2], height, width), "linear")
    return resized / jnp.sum(resized, axis=(-2, -1), keepdims=True)
