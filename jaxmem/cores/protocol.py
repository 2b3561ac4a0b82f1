"""What every memory core is: a Linen module with a state, a step and an unroll."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.config import ConfigError, integer, validate


class Core(nn.Module):
    """Base of all memory cores: checks what comes in and hands it to `_step` or `_unroll`.

    A subclass gives `initial_state`, `_step` and `_unroll`, and declares its options with the checked
    fields of `jaxmem.config`. The law that binds them: `unroll` equals `step` scanned over time.

    Attributes:
        width: width of the output, and of the input where `needs_equal_width`.
        max_length: the most steps of an episode that a core has to look back on.
        dtype: floating-point type of the computation and the outputs; parameters are float32.

    Raises:
        ConfigError: for an option that is not allowed, when the module is built.
    """

    width: int = integer(low=1)
    max_length: int = integer(low=1)
    dtype: Any = jnp.float32

    needs_equal_width: ClassVar[bool] = False
    """Whether the input must be exactly `width` wide."""

    @property
    def counts_steps(self) -> bool:
        """Whether outputs depend on how many steps of the episode came before, as a number.

        Such a core, which has learned on short parts of episodes, knows nothing of higher numbers.
        """
        return False

    def __post_init__(self) -> None:
        validate(self, "core")
        if not jnp.issubdtype(self.dtype, jnp.floating):
            name = jnp.dtype(self.dtype).name
            raise ConfigError(f"core.dtype is {name}: allowed is a floating-point type")
        super().__post_init__()

    def initial_state(self, batch_size: int) -> Any:
        """State before the first step of `batch_size` rows; every leaf has that leading axis.

        Needs no parameters, so it can be called on a module that is not bound.
        """
        raise NotImplementedError

    def _step(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        raise NotImplementedError

    def _unroll(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        raise NotImplementedError

    def step(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """One step of B rows.

        Args:
            state: what `initial_state`, `step` or `unroll` returned for B rows.
            x: inputs [B, D], cast to `dtype`.
            start: bool [B]; True forgets the row's past before its input is consumed. Transformers mask their caches
                and do not clear them, so that these have to be finite: NaN or infinity in a cache outlives a start.
            deterministic: False switches dropout on, which needs an rng named `dropout`.

        Returns:
            The new state, and outputs [B, width] in `dtype`.

        Raises:
            ValueError: when traced, for a wrong rank, width, batch size or dtype.
        """
        self._check(state, x, start, "[B, D]")
        return self._step(state, x.astype(self.dtype), start, deterministic)

    def unroll(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool = True) -> tuple[Any, jax.Array]:
        """T steps of B rows at once; the same function as `step` scanned over time.

        Args:
            state: as for `step`; None stands for the initial state and is the cheapest.
            x: inputs [T, B, D], cast to `dtype`.
            start: bool [T, B]; True where a step begins an episode.
            deterministic: False switches dropout on, which needs an rng named `dropout`.

        Returns:
            The state after the last step, and outputs [T, B, width] in `dtype`.

        Raises:
            ValueError: when traced, for a wrong rank, width, batch size or dtype.
        """
        self._check(state, x, start, "[T, B, D]")
        return self._unroll(state, x.astype(self.dtype), start, deterministic)

    def _check(self, state: Any, x: jax.Array, start: jax.Array, shape: str) -> None:
        name = type(self).__name__
        if x.ndim != shape.count(",") + 1 or 0 in x.shape:
            raise ValueError(f"{name}: x has shape {x.shape}, expected a non-empty {shape}")
        if self.needs_equal_width and x.shape[-1] != self.width:
            raise ValueError(f"{name}: x is {x.shape[-1]} wide, expected the width {self.width}")
        if start.shape != x.shape[:-1] or start.dtype != jnp.bool_:
            raise ValueError(
                f"{name}: start is {start.dtype.name}{list(start.shape)}, expected bool{list(x.shape[:-1])}"
            )
        if state is None and shape == "[T, B, D]":
            return
        if jax.tree.structure(state) != jax.tree.structure(jax.eval_shape(lambda: self.initial_state(1))):
            raise ValueError(f"{name}: the state is not one of this core: take it from initial_state, step or unroll")
        for leaf in jax.tree.leaves(state):
            if leaf.shape[0] != x.shape[-2]:
                raise ValueError(f"{name}: the state is for {leaf.shape[0]} rows, but x has {x.shape[-2]}")


def lacks_nothing(core: type[Core]) -> None:
    """Raise `ConfigError` for a class without the methods that every core has of its own."""
    missing = [name for name in ("initial_state", "_step", "_unroll") if getattr(core, name) is getattr(Core, name)]
    if missing:
        raise ConfigError(f"{core.__name__} lacks {', '.join(missing)}: every core has its own")


def reset_rows(state: Any, initial: Any, start: jax.Array) -> Any:
    """`state` with the rows where `start` [B] is True taken from `initial`; both have leaves [B, ...]."""

    def reset(old: jax.Array, new: jax.Array) -> jax.Array:
        return jnp.where(start.reshape(start.shape + (1,) * (old.ndim - 1)), new, old)

    return jax.tree.map(reset, state, initial)
