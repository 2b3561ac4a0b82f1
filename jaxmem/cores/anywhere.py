"""A condition for all rows at once, which stays one condition under `vmap`.

Under `vmap`, `lax.cond` with a condition for each mapped element runs both branches and selects, and
`lax.while_loop` selects every carry at every turn. A condition that is the same for all of them costs nothing.
"""

import jax


@jax.custom_batching.custom_vmap
def anywhere(mask: jax.Array) -> jax.Array:
    """Whether a bool array holds a True, in any element of the axes that are mapped as well."""
    return mask.any()


@anywhere.def_vmap
def _anywhere_mapped(axis_size: int, in_batched: list[bool], mask: jax.Array) -> tuple[jax.Array, bool]:
    del axis_size, in_batched
    return anywhere(mask), False
