"""Functions of one seed, over all of them."""

from collections.abc import Callable, Sequence
from typing import Any

import jax


def over_seeds(function: Callable[..., Any], seeds: int, axes: Sequence[int] = (0,)) -> Callable[..., Any]:
    """`function` of one seed's arguments, as one of all seeds'; results have the seeds' axis first.

    Args:
        function: takes and gives trees of arrays.
        seeds: how many there are.
        axes: where the seeds' axis is, in the leaves of each argument.
    """
    if seeds > 1:
        return jax.vmap(function, in_axes=tuple(axes))

    # A batch axis of one would turn every matrix product into a batched one, which CPUs run more slowly.
    def one_seed(*arguments: Any) -> Any:
        first = [
            jax.tree.map(lambda leaf, axis=axis: leaf[(slice(None),) * axis + (0,)], argument)
            for argument, axis in zip(arguments, axes, strict=True)
        ]
        return jax.tree.map(lambda leaf: leaf[None], function(*first))

    return one_seed
