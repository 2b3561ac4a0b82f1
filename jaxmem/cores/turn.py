"""Taking turns: what was remembered asks, what is looked at answers, and the answer is remembered."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.cores.looking import GridPositions
from jaxmem.cores.protocol import Core


class Seen(NamedTuple):
    """What a turn is given, with leading axes [B] or [T, B].

    Attributes:
        keys: [..., cells, K].
        values: [..., cells, V].
        beside: [..., E], what is known beside the picture.
        start: bool [...].
    """

    keys: jax.Array
    values: jax.Array
    beside: jax.Array
    start: jax.Array


class Ask(nn.Module):
    """Queries: of what the memory said, or constants.

    Attributes:
        queries: how many, Q.
        width: of each, K.
        of: memory, learned or random.
        hidden: widths of the layers in between.
        spread: of the constant part at first: of the last layer's bias, or of the constants.
        dtype: of the computation.
    """

    queries: int
    width: int
    of: str
    hidden: Sequence[int]
    spread: float
    dtype: Any

    @nn.compact
    def __call__(self, said: jax.Array) -> jax.Array:
        """What the memory said, float32 [B, D] -> [B, Q, K]."""
        shape = (self.queries, self.width)
        constant = nn.initializers.normal(self.spread)
        if self.of == "memory":
            for width in self.hidden:
                said = nn.relu(nn.Dense(width, dtype=self.dtype)(said))
            return nn.Dense(self.queries * self.width, dtype=self.dtype, bias_init=constant)(said).reshape(-1, *shape)
        constants = self.param("constants", constant, shape).astype(self.dtype)
        if self.of == "random":
            constants = jax.lax.stop_gradient(constants)
        return jnp.broadcast_to(constants, (said.shape[0], *shape))


class Turn(nn.Module):
    """One step of what waits for each other: ask, look, remember.

    Attributes:
        memory: remembers.
        ask: asks; None for the mean of all cells.
        where: what stands beside each cell, in keys and in values.
        answer_hidden: widths of the layers in between.
        dtype: of the computation.
    """

    memory: Core
    ask: Ask | None
    where: GridPositions
    answer_hidden: Sequence[int]
    dtype: Any

    def setup(self) -> None:
        """Layers from the answers to the memory's input."""
        self.layers = [nn.Dense(width, dtype=self.dtype) for width in (*self.answer_hidden, self.memory.width)]

    def __call__(self, carry: tuple[jax.Array, Any], seen: Seen) -> tuple[tuple, tuple]:
        """(what was said [B, D], memory), `Seen` -> (the same after the step, (output, maps [B, Q, cells], answer))."""
        said, memory = carry
        said = jnp.where(seen.start[:, None], 0, said)
        rows, cells = seen.keys.shape[:2]
        where = self.where().astype(self.dtype)
        if self.ask is None:
            maps = jnp.full((rows, 1, cells), 1 / cells, jnp.float32)
            asked = jnp.zeros((rows, 0), self.dtype)
        else:
            queries = self.ask(said)
            # What stands beside cells is the same for all rows and steps: it is not put beside each of them.
            what, place = jnp.split(queries, [seen.keys.shape[-1]], axis=-1)
            scores = jnp.einsum("bqk,bck->bqc", what, seen.keys, preferred_element_type=jnp.float32)
            scores += jnp.einsum("bqk,ck->bqc", place, where, preferred_element_type=jnp.float32)
            maps = jax.nn.softmax(scores)
            asked = queries.reshape(rows, -1)
        weights = maps.astype(self.dtype)
        answers = jnp.einsum("bqc,bcv->bqv", weights, seen.values).reshape(rows, -1)
        places = jnp.einsum("bqc,cv->bqv", weights, where).reshape(rows, -1)
        x = jnp.concatenate([answers, places, asked, seen.beside.astype(self.dtype)], axis=-1)
        for layer in self.layers:
            x = nn.relu(layer(x))
        memory, y = self.memory.step(memory, x, seen.start)
        return (y.astype(jnp.float32), memory), (y, maps, x)
