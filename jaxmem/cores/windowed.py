"""Any core on a window of its last inputs, as if they were an episode."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmem.config import integer
from jaxmem.cores.protocol import Core


class WindowState(NamedTuple):
    """The last inputs of B rows.

    Attributes:
        inputs: [B, length, D], a ring: step p of an episode is in slot p % length.
        index: int32 [B], the steps of the current episode so far.
    """

    inputs: jax.Array
    index: jax.Array


class Windowed(Core):
    """Each step's output is what `core` gives at the end of the last `length` inputs, unrolled from nothing.

    For cores that learn on parts of episodes of `length` steps: wherever in an episode they act, they see what they
    learned on, positions included. Acting costs `length` steps of the core instead of one. So does each step of
    `unroll`, unless there are no more from no state than the core's own `max_length`; then it is the core's own. A
    learner that also looks at what follows a part's last step gives it a `max_length` of `length` + 1: that one step
    then sees a step more than it would while acting. The code of Ni et al. 2023 (arXiv:2307.03864, branch
    pybullet_jax) lets its transformer act in such a window, of `length` + 1 steps, so that late in an episode its
    policy stands where its loss never stood.

    Attributes:
        core: the core inside, whose `max_length` is at least `length`.
        length: steps of the window.
        input_width: width of the inputs, D.
    """

    core: Core | None = None
    length: int = integer(1, low=1)
    input_width: int = integer(1, low=1)

    @property
    def inner(self) -> Core:
        """The core inside."""
        assert self.core is not None
        return self.core

    def initial_state(self, batch_size: int) -> WindowState:
        """An empty ring."""
        inputs = jnp.zeros((batch_size, self.length, self.input_width), self.dtype)
        return WindowState(inputs, jnp.zeros((batch_size,), jnp.int32))

    def _step(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        state, window, last = self._advance(state, x, start)
        return state, self._ends(window, last, deterministic)

    def _unroll(self, state: Any, x: jax.Array, start: jax.Array, deterministic: bool) -> tuple[Any, jax.Array]:
        whole = state is None and x.shape[0] <= self.inner.max_length
        if state is None:
            state = self.initial_state(x.shape[1])

        def advance(state: WindowState, inputs: tuple[jax.Array, jax.Array]) -> tuple[WindowState, Any]:
            state, window, last = self._advance(state, *inputs)
            return state, () if whole else (window, last)

        state, windowed = jax.lax.scan(advance, state, (x, start))
        if whole:
            return state, self.inner.unroll(None, x, start, deterministic)[1]
        windows, last = windowed
        time, batch = start.shape
        # Every step's window as a row of its own: [T, length, B, D] -> [length, T * B, D].
        windows = windows.swapaxes(0, 1).reshape(self.length, time * batch, -1)
        return state, self._ends(windows, last.reshape(-1), deterministic).reshape(time, batch, -1)

    def _advance(self, state: WindowState, x: jax.Array, start: jax.Array) -> tuple[WindowState, jax.Array, jax.Array]:
        """The ring with x [B, D] in it; the window [length, B, D], oldest step first; and where its last step is, [B].

        What stands behind the last step is left from earlier.
        """
        index = jnp.where(start, 0, state.index)
        rows = jnp.arange(index.shape[0])
        inputs = state.inputs.at[rows, index % self.length].set(x)
        first = jnp.maximum(index + 1 - self.length, 0)
        order = (first + jnp.arange(self.length)[:, None]) % self.length
        return WindowState(inputs, index + 1), inputs[rows, order], index - first

    def _ends(self, window: jax.Array, last: jax.Array, deterministic: bool) -> jax.Array:
        """Outputs [B, width] at step `last` [B] of windows [length, B, D]."""
        start = jnp.zeros(window.shape[:2], bool).at[0].set(True)
        _, y = self.inner.unroll(None, window, start, deterministic)
        return y[last, jnp.arange(last.shape[0])]


def windowed(core: Core, length: int, input_width: int) -> Windowed:
    """`core` on its last `length` inputs, which are `input_width` wide."""
    return Windowed(core.width, core.max_length, core.dtype, core=core, length=length, input_width=input_width)
