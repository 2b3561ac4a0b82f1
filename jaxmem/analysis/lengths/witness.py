"""Why a length is what it is: histories, in observations and actions, that show it."""

import dataclasses
from typing import Any

import numpy as np

from jaxmem.analysis.lengths.beliefs import NONE, BeliefGraph
from jaxmem.analysis.lengths.credit import Credit
from jaxmem.analysis.lengths.histories import History, children, history, steps_to
from jaxmem.analysis.lengths.policy_memory import WindowPolicy
from jaxmem.analysis.lengths.shared import Pair
from jaxmem.analysis.lengths.values import Values

Steps = list[tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class PairWitness:
    """Two histories of one length whose latest steps are the same and whose consequences are not.

    Attributes:
        kind: what differs: "reward", "percept", "value" or "policy".
        first: one history.
        second: the other.
        shared: how many of the latest observations, and the actions between them, are the same.
        action: the action whose consequence differs; -1 for a policy.
        consequences: what follows each: the expected reward, the distribution of the next observation as pairs of
            (probability, observation, whether the episode has ended), the optimal value, or the actions that are taken.
    """

    kind: str
    first: History
    second: History
    shared: int
    action: int
    consequences: tuple[Any, Any]


@dataclasses.dataclass(frozen=True)
class CreditWitness:
    """The history after which it takes longest until the best action shows to be the best.

    Attributes:
        history: it.
        layer: how many actions it has.
        belief: the number of what is believed after it, in its layer of the graph.
        best: the best actions.
        returns: float64 [A, R], n-step returns of each action, n = 0 to R - 1.
        gap: how much the best of the other actions is worth less; 0 where all are best.
    """

    history: History
    layer: int
    belief: int
    best: tuple[int, ...]
    returns: np.ndarray
    gap: float


def pair_witness(
    graph: BeliefGraph,
    values: Values,
    pair: Pair,
    kind: str,
    allowed: list[np.ndarray] | None = None,
    met: list[np.ndarray] | None = None,
) -> PairWitness:
    """Two histories that lead to a pair of beliefs and share what the pair does.

    Args:
        graph: all beliefs.
        values: their optimal values.
        pair: the beliefs.
        kind: what differs.
        allowed: bool [N, A] a layer, the actions that histories may hold; None for all.
        met: bool [N] a layer, the beliefs that histories of allowed actions meet; None for all.
    """
    both = []
    for side in range(2):
        if pair.shared:
            begin = pair.layer - pair.shared + 1
            steps = steps_to(graph, begin, int(pair.path[0, side]), int(pair.percepts[0]), allowed, met)
            steps += [(int(seen), int(did)) for seen, did in zip(pair.percepts[1:], pair.actions, strict=True)]
        else:
            steps = steps_to(graph, pair.layer, pair.beliefs[side], None, allowed, met)
        both.append(history(graph, steps))
    action, consequences = _consequences(graph, values, pair, kind)
    return PairWitness(kind, both[0], both[1], pair.shared, action, consequences)


def credit_witness(graph: BeliefGraph, values: Values, credit: Credit) -> CreditWitness:
    """The history of the longest credit assignment."""
    best = credit.best
    q = values.q[credit.layer][credit.belief]
    gap = 0.0 if best.all() else float(q.max() - q[~best].max())
    return CreditWitness(
        history=history(graph, credit.steps),
        layer=credit.layer,
        belief=credit.belief,
        best=tuple(np.flatnonzero(best).tolist()),
        returns=credit.returns,
        gap=gap,
    )


def window_witness(graph: BeliefGraph, values: Values, policy: WindowPolicy) -> PairWitness | None:
    """Two histories of a policy that it treats differently although one observation less would leave them alike.

    None for a policy that needs no observation.
    """
    if policy.size == 0:
        return None
    # What is met, as (window, belief), with one history that leads there.
    met: dict[tuple[tuple[int, ...], int], Steps] = {}
    for belief, percept, _, _ in graph.layers[0].arrived.tolist():
        met.setdefault(((percept,), belief), [(percept, NONE)])
    for layer, actions in enumerate(policy.actions):
        seen: dict[tuple[int, ...], tuple[tuple[int, ...], Steps]] = {}
        for (window, _), steps in met.items():
            other, other_steps = seen.setdefault(_shorter(window, policy.size), (window, steps))
            if actions[other] != actions[window]:
                # What differs lies before the part that is the same.
                pair = (history(graph, other_steps), history(graph, steps))
                return PairWitness("policy", *pair, policy.size - 1, NONE, ((actions[other],), (actions[window],)))
        after: dict[tuple[tuple[int, ...], int], Steps] = {}
        for (window, belief), steps in met.items():
            action = actions[window]
            for percept, child in children(graph, layer, belief, action):
                longer = (*window, action, percept)[-(2 * policy.size - 1) :]
                after.setdefault((longer, child), [*steps, (percept, action)])
        met = after
    return None


def _shorter(window: tuple[int, ...], size: int) -> tuple[int, ...]:
    """The window of one observation less; where the history is shorter than that it is all of it."""
    return window[-(2 * size - 3) :] if size > 1 else ()


def _consequences(graph: BeliefGraph, values: Values, pair: Pair, kind: str) -> tuple[int, tuple[Any, Any]]:
    """An action whose consequence differs after the two, and what it is after each."""
    layer, (one, other) = graph.layers[pair.layer], pair.beliefs
    if kind == "policy":
        best = values.best[pair.layer]
        return NONE, (tuple(np.flatnonzero(best[one]).tolist()), tuple(np.flatnonzero(best[other]).tolist()))
    if kind == "percept":
        after = [_distributions(graph, pair.layer, belief) for belief in (one, other)]
        action = next(action for action, (a, b) in enumerate(zip(*after, strict=True)) if not _alike(a, b))
        return action, (_readable(graph, after[0][action]), _readable(graph, after[1][action]))
    numbers = layer.reward if kind == "reward" else values.q[pair.layer]
    action = int(np.argmax(np.abs(numbers[one] - numbers[other])))
    return action, (float(numbers[one, action]), float(numbers[other, action]))


def _distributions(graph: BeliefGraph, number: int, belief: int) -> list[dict[int, float]]:
    """For each action the probabilities of what is seen next."""
    layer = graph.layers[number]
    return [
        {int(p): float(c) for p, c in zip(percepts, chances, strict=True) if p != NONE}
        for percepts, chances in zip(layer.percept[belief], layer.chance[belief], strict=True)
    ]


def _alike(one: dict[int, float], other: dict[int, float]) -> bool:
    return one.keys() == other.keys() and all(abs(one[key] - other[key]) < 1e-9 for key in one)


def _readable(graph: BeliefGraph, chances: dict[int, float]) -> tuple[tuple[float, Any, bool], ...]:
    seen = graph.pomdp.observations
    return tuple((chance, seen[graph.observation(p)], bool(p % 2)) for p, chance in chances.items())
