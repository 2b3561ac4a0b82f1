"""Where memory tokens look when they write, and who looks at them when a segment reads."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.offline.program import OfflineProgram
from jaxmem.offline.recall import Recall


class Looks(NamedTuple):
    """Attention of one seed, averaged over its episodes.

    Attributes:
        write: float [layers, heads, m, R]: of the write tokens of the first segment, over its R rows.
        read: float [layers, heads, R]: of the step that decides, over the rows of its segment.
        tokens: m, memory tokens; rows are read tokens, tokens of steps, write tokens.
    """

    write: np.ndarray
    read: np.ndarray
    tokens: int


def looks_of(program: OfflineProgram, params: Any, recall: Recall, segment: int, steps: int) -> Looks:
    """The attention in the first segment and in the one that decides.

    Args:
        program: the model's.
        params: of one seed.
        recall: its episodes.
        segment: steps of a segment.
        steps: the most steps of an episode, whose last but one decides.
    """
    core: Any = program.config.core
    number = (steps - 2) // segment
    weights = [
        _weights(program, params, recall, first, segment, of)
        for first, of in ((0, None), (number * segment, recall.memories[-1]))
    ]
    tokens, per_step = core.tokens, program.learner.model.tokens_per_step
    row = tokens + per_step * (steps - 2 - number * segment) + per_step - 1
    first, last = weights
    return Looks(first[:, :, -tokens:], last[:, :, row], tokens)


def _weights(
    program: OfflineProgram, params: Any, recall: Recall, first: int, segment: int, memory: np.ndarray | None
) -> np.ndarray:
    """Mean over the episodes of a segment's weights [layers, heads, P, P]."""
    model = program.learner.model
    seen = jax.tree.map(lambda leaf: jnp.asarray(leaf[first : first + segment]), recall.seen)
    rows = recall.memories.shape[1]
    incoming = jnp.zeros(recall.memories.shape[1:]) if memory is None else jnp.asarray(memory)
    number = jnp.full((rows,), first // segment, jnp.int32)
    _, sown = model.apply(params, incoming, number, seen, method="look", mutable=["intermediates"])
    kept: Any = sown
    blocks = kept["intermediates"]["core"]["transformer"]
    layers = sorted(blocks, key=lambda name: int(name.rpartition("_")[2]))
    return np.stack([np.asarray(blocks[name]["attention_weights"][0]).mean(0) for name in layers])
