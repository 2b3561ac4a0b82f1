"""What an agent saw and did, put together from beliefs."""

import dataclasses
from typing import Any

import numpy as np

from jaxmem.analysis.lengths.beliefs import NONE, BeliefGraph


@dataclasses.dataclass(frozen=True)
class History:
    """What was seen and done up to some step: h = (o_1, a_1, ..., a_{t-1}, o_t).

    Attributes:
        observations: t of them, as the task shows them.
        actions: t - 1 of them.
    """

    observations: tuple[Any, ...]
    actions: tuple[int, ...]


def history(graph: BeliefGraph, steps: list[tuple[int, int]]) -> History:
    """A history from its steps, each a percept and the action before it (-1 for the first)."""
    observations = tuple(graph.pomdp.observations[graph.observation(percept)] for percept, _ in steps)
    return History(observations, tuple(int(action) for _, action in steps[1:]))


def steps_to(
    graph: BeliefGraph,
    layer: int,
    belief: int,
    percept: int | None = None,
    allowed: list[np.ndarray] | None = None,
    met: list[np.ndarray] | None = None,
) -> list[tuple[int, int]]:
    """The steps of one history that leads to a belief: percepts, each with the action before it (-1 for the first).

    Args:
        graph: all beliefs.
        layer: the belief's.
        belief: its number there.
        percept: what is seen last; None for anything.
        allowed: bool [N, A] a layer, the actions that it may hold; None for all.
        met: bool [N] a layer, the beliefs that histories of allowed actions meet; None for all.
    """
    steps = []
    while layer >= 0:
        ways = graph.layers[layer].arrived
        fit = ways[:, 0] == belief
        if percept is not None:
            fit &= ways[:, 1] == percept
        if allowed is not None and met is not None and layer > 0:
            fit &= met[layer - 1][ways[:, 2]] & allowed[layer - 1][ways[:, 2], ways[:, 3]]
        _, seen, belief, action = (int(item) for item in ways[np.argmax(fit)])
        steps.append((seen, action))
        layer, percept = layer - 1, None
    return steps[::-1]


def children(graph: BeliefGraph, layer: int, belief: int, action: int) -> list[tuple[int, int]]:
    """What can follow an action where the episode goes on: (percept, belief in the next layer)."""
    table = graph.layers[layer]
    pairs = zip(table.percept[belief, action].tolist(), table.child[belief, action].tolist(), strict=True)
    return [(percept, child) for percept, child in pairs if child != NONE]
