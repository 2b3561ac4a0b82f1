"""Seeds spread over devices."""

from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec


def seed_sharding(seeds: int) -> NamedSharding | None:
    """How the leading seed axis lies over the local devices: the most that divide `seeds`; None for just one.

    Seeds learn nothing from each other. Devices do talk where a condition is the same for all rows: in the core `rmt`,
    and where loops take as many turns as the seed that needs most.
    """
    devices = jax.local_devices()
    count = max(n for n in range(1, len(devices) + 1) if seeds % n == 0)
    if count == 1:
        return None
    return NamedSharding(Mesh(devices[:count], ("seed",)), PartitionSpec("seed"))


def place(tree: Any, sharding: NamedSharding | None) -> Any:
    """Put arrays with a leading seed axis where `sharding` says."""
    return tree if sharding is None else jax.device_put(tree, sharding)


def device_name() -> str:
    """What decides whether a run can be repeated to the bit: kind and number of devices."""
    devices = jax.local_devices()
    return f"{len(devices)} x {devices[0].device_kind}"
