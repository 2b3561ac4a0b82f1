"""Where memory tokens look when they write, and who looks at them when a segment reads."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.offline.recall import Recall, Recaller


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


def looks_of(recaller: Recaller, params: Any, recall: Recall) -> Looks:
    """The attention in the first segment and in the one that decides.

    Args:
        recaller: who played the episodes.
        params: of one seed.
        recall: its episodes.
    """
    core: Any = recaller.program.config.core
    # In the first segment the learned memory stands for whatever is given.
    first = _weights(recaller, params, recall, 0, np.zeros_like(recall.memories[0]))
    last = _weights(recaller, params, recall, recaller.borders, recall.memories[-1])
    tokens, per_step = core.tokens, recaller.program.learner.model.tokens_per_step
    row = tokens + per_step * recaller.slot + per_step - 1
    return Looks(first[:, :, -tokens:], last[:, :, row], tokens)


def _weights(recaller: Recaller, params: Any, recall: Recall, number: int, memory: np.ndarray) -> np.ndarray:
    """Mean over the episodes of the weights of segment `number` [layers, heads, P, P]; memory [B, m, F] comes in."""
    steps = slice(number * recaller.segment, (number + 1) * recaller.segment)
    seen = jax.tree.map(lambda leaf: jnp.asarray(leaf[steps]), recall.seen)
    numbers = jnp.full((recaller.rows,), number, jnp.int32)
    model = recaller.program.learner.model
    _, sown = model.apply(params, jnp.asarray(memory), numbers, seen, method="look", mutable=["intermediates"])
    kept: Any = sown
    blocks = kept["intermediates"]["core"]["transformer"]
    layers = sorted(blocks, key=lambda name: int(name.rpartition("_")[2]))
    return np.stack([np.asarray(blocks[name]["attention_weights"][0]).mean(0) for name in layers])
