"""How many rewards it takes until the best action shows to be the best."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from jaxmem.analysis.lengths.beliefs import BeliefGraph, Layer
from jaxmem.analysis.lengths.histories import steps_to
from jaxmem.analysis.lengths.values import Values, follow, reachable

_NOTHING = np.zeros((0, 0, 0))


@dataclasses.dataclass(frozen=True)
class Credit:
    """The credit-assignment length, and where it is attained.

    Attributes:
        low: it is no less for any optimal policy, proven.
        high: it is this for one.
        layer: where that policy's longest is, from 0.
        belief: its number there.
        steps: the history that leads there: percepts, each with the action before it (-1 for the first).
        best: bool [A], the best actions there.
        returns: float64 [A, R], n-step returns of each action for n = 0 to R - 1, that policy afterwards.
    """

    low: int
    high: int
    layer: int
    belief: int
    steps: list[tuple[int, int]]
    best: np.ndarray
    returns: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Returns:
    """What is known of one layer, from it on to the end.

    Attributes:
        returns: float64 [N, A, R], n-step returns with which the policy that is followed is scored.
        first: int64 [N], the n at which it is ahead.
        least: int64 [N], the same for whichever optimal policy is ahead first.
        path: int64 [N], the longest `first` from here on.
        path_least: int64 [N], the longest `least` from here on, on the path where that is shortest.
        action: int64 [N], what the policy does.
    """

    returns: np.ndarray
    first: np.ndarray
    least: np.ndarray
    path: np.ndarray
    path_least: np.ndarray
    action: np.ndarray


def credit_length(graph: BeliefGraph, values: Values) -> Credit:
    """The smallest credit-assignment length of any optimal policy (Ni et al. 2023, arXiv 2307.03864, Definition 2).

    An optimal policy is here optimal after every history, also after an action that it would not take: else a policy
    could shorten its own credit assignment by punishing such actions. For a history h, c(h) is the first n at which
    some best action's n-step return is above that of every action that is not best; it is 1 where all actions are best.
    The length is the largest c(h) among the histories that the policy meets, for the optimal policy for which that is
    smallest.

    Optimal policies differ in which of several best actions they take. Where they go after an action that is not best,
    or after a best one that they do not take, is theirs to choose for each history alone, so that there every n is
    scored with the choice that is best for it. On the path itself one policy has to do for all its histories at once.
    So `low` scores each history with the choice that is best for it alone, `high` a policy that is followed through;
    where both agree, as they do without ties on the path, the length is exact.

    Time grows with beliefs * actions * horizon.
    """
    # The returns of all layers at once would be too large: they are made again for the one that is shown.
    layers = [dataclasses.replace(layer, returns=_NOTHING) for layer in _backwards(graph, values)][::-1]
    low = int(layers[0].path_least.max())
    high = int(layers[0].path.max())
    taken = [np.eye(graph.pomdp.num_actions, dtype=bool)[layer.action] for layer in layers]
    met = reachable(graph, taken)
    number, belief = _longest(layers, values, met, high)
    steps = steps_to(graph, number, belief, None, taken, met)
    depth = len(graph.layers) - number
    for back, layer in enumerate(_backwards(graph, values), start=1):
        if back == depth:
            return Credit(low, high, number, belief, steps, values.best[number][belief], layer.returns[belief])
    raise AssertionError("every layer is passed on the way back")


def _longest(layers: list[_Returns], values: Values, met: list[np.ndarray], high: int) -> tuple[int, int]:
    """The first belief of a policy's path where c is `high`, and some action is not best if there is such a one."""
    of_high = [here & (layer.first == high) for layer, here in zip(layers, met, strict=True)]
    decisive = [found & ~best.all(axis=1) for found, best in zip(of_high, values.best, strict=True)]
    for found in (decisive, of_high):
        for number, beliefs in enumerate(found):
            if beliefs.any():
                return number, int(np.argmax(beliefs))
    raise AssertionError("the longest is somewhere on the path")


def _backwards(graph: BeliefGraph, values: Values) -> Iterator[_Returns]:
    """What is known of each layer, the last one first."""
    most = least = policy = np.zeros((0, 1))
    path = path_least = np.zeros(0, np.int64)
    for number in range(len(graph.layers) - 1, -1, -1):
        layer, best = graph.layers[number], values.best[number]
        of_most, of_least, of_policy = (_further(layer, values.discount, after) for after in (most, least, policy))
        ahead = np.where(best[:, :, None], of_most, of_least)
        shortest = _first_ahead(ahead, best, values.tolerance)
        after_least = _worst(layer, path_least)
        action = _choose(after_least, layer.reward, best)
        rows = np.arange(len(layer))
        of_path = ahead.copy()
        of_path[rows, action] = of_policy[rows, action]
        first = _first_ahead(of_path, best, values.tolerance)
        path = np.maximum(first, _worst(layer, path)[rows, action])
        path_least = np.maximum(shortest, after_least[rows, action])
        most = np.where(best[:, :, None], of_most, -np.inf).max(axis=1)
        least = np.where(best[:, :, None], of_least, np.inf).min(axis=1)
        policy = of_policy[rows, action]
        yield _Returns(of_path, first, shortest, path, path_least, action)


def _further(layer: Layer, discount: float, after: np.ndarray) -> np.ndarray:
    """n-step returns of each belief and action, n = 0, 1, ...: from those after it, one step shorter."""
    returns = np.zeros((*layer.reward.shape, after.shape[1] + 1))
    returns[:, :, 1:] = layer.reward[:, :, None] + discount * follow(layer, after)
    return returns


def _first_ahead(returns: np.ndarray, best: np.ndarray, tolerance: float) -> np.ndarray:
    """The first n at which a best action is above all that are not: int64 [N]; 1 where all are best."""
    good = np.where(best[:, :, None], returns, -np.inf).max(axis=1)
    bad = np.where(best[:, :, None], -np.inf, returns).max(axis=1)
    ahead = good > bad + tolerance
    ahead[:, 0] = False
    # Of the whole return this is so by the definition of best, whatever rounding says.
    ahead[:, -1] = True
    return np.argmax(ahead, axis=1)


def _worst(layer: Layer, after: np.ndarray) -> np.ndarray:
    """The largest of `after` among what can follow each action: int64 [N, A]; 0 where nothing does."""
    padded = np.concatenate([after, [0]])
    return padded[layer.child].max(axis=2)


def _choose(after: np.ndarray, reward: np.ndarray, best: np.ndarray) -> np.ndarray:
    """The best action whose path is shortest, of several the one that pays most at once: int64 [N]."""
    after = np.where(best, after, np.iinfo(np.int64).max)
    shortest = best & (after == after.min(axis=1, keepdims=True))
    return np.argmax(np.where(shortest, reward, -np.inf), axis=1)
