"""The longest window that two histories can share and yet differ in what follows."""

import dataclasses

import numpy as np

from jaxmem.analysis.lengths.beliefs import NONE, BeliefGraph


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two beliefs of one layer that differ, although their histories have shared the latest steps.

    Attributes:
        layer: where they differ, from 0.
        beliefs: their numbers in that layer.
        shared: how many of the latest observations, and the actions between them, are the same in both histories.
        path: the beliefs in the layers in which they share them, first to last, int64 [shared, 2].
        percepts: what both saw there, int64 [shared].
        actions: what both did in between, int64 [shared - 1].
    """

    layer: int
    beliefs: tuple[int, int]
    shared: int
    path: np.ndarray
    percepts: np.ndarray
    actions: np.ndarray


class TooManyPairs(Exception):
    """More pairs of beliefs than may be kept; `found` is the best pair of those that began earlier."""

    def __init__(self, found: Pair) -> None:
        super().__init__()
        self.found = found


@dataclasses.dataclass
class _Trail:
    """The pairs of one layer: codes `i * N + j` with i < j, and where each comes from.

    `since` is the layer since which all is shared; `parent` the pair before, -1 for one that begins here; `percept` and
    `action` are what led here, -1 as the action of one that begins here.
    """

    code: np.ndarray
    since: np.ndarray
    parent: np.ndarray
    percept: np.ndarray
    action: np.ndarray


def longest_shared(
    graph: BeliefGraph,
    classes: list[np.ndarray],
    allowed: list[np.ndarray] | None = None,
    met: list[np.ndarray] | None = None,
    max_pairs: int = 20_000_000,
) -> Pair | None:
    """The pair of histories of one length, of different classes, that share the most of their latest steps.

    It is found on pairs of beliefs. Pairs that begin to share a window in some layer are followed through all steps
    that they can share, and each pair is followed once a layer, from the earliest beginning: all later ones share less.
    So time and memory grow with T * A * N^2 at worst, for N beliefs a layer; but as pairs that begin in the first
    layers are followed first (2, 4, 8, ... layers), it stops as soon as no later beginning could share more, which for
    tasks of a long memory is almost at once.

    Args:
        graph: all beliefs.
        classes: int64 [N] a layer; beliefs of different classes differ.
        allowed: bool [N, A] a layer, the actions that a history may hold; None for all.
        met: bool [N] a layer, the beliefs that histories of allowed actions meet; None for all.
        max_pairs: give up above that many in all layers, of 40 bytes each.

    Returns:
        The pair; None if no two beliefs of a layer differ. `shared` is 0 where any two that differ have seen different
        things last.

    Raises:
        TooManyPairs: more pairs than that.
    """
    if met is None:
        met = [np.ones(len(layer), bool) for layer in graph.layers]
    found = _share_nothing(classes, met)
    if found is None:
        return None
    last = len(graph.layers) - 1
    begin_until = 1
    while True:
        begin_until = min(2 * begin_until, last)
        try:
            better = _follow(graph, classes, allowed, met, begin_until, found.shared, max_pairs)
        except _Full:
            raise TooManyPairs(found) from None
        found = better or found
        # What begins in layer s shares at most last - s + 1 steps.
        if begin_until >= last or found.shared >= last - begin_until:
            return found


def _share_nothing(classes: list[np.ndarray], met: list[np.ndarray]) -> Pair | None:
    """Any two beliefs that differ."""
    none = np.zeros(0, np.int64)
    for number, (of, here) in enumerate(zip(classes, met, strict=True)):
        index = np.flatnonzero(here)
        others = index[of[index] != of[index[0]]] if len(index) else index
        if len(others):
            return Pair(number, (int(index[0]), int(others[0])), 0, np.zeros((0, 2), np.int64), none, none)
    return None


def _follow(
    graph: BeliefGraph,
    classes: list[np.ndarray],
    allowed: list[np.ndarray] | None,
    met: list[np.ndarray],
    begin_until: int,
    shared: int,
    max_pairs: int,
) -> Pair | None:
    """The best pair among those that begin to share in layers up to `begin_until`, if it shares more than `shared`."""
    last = len(graph.layers) - 1
    trails: list[_Trail] = [_empty()]
    best, where, total = shared, (NONE, NONE), 0
    for number in range(1, last + 1):
        size = len(graph.layers[number])
        parts = [_continued(graph, trails[-1], number - 1, allowed)]
        if number <= begin_until and last - number + 1 > best:
            parts.append(_begun(graph, number, allowed, met, max_pairs))
        trail = _joined(parts, last, best)
        trails.append(trail)
        total += len(trail.code)
        _check_pairs(total, max_pairs)
        differ = np.flatnonzero(classes[number][trail.code // size] != classes[number][trail.code % size])
        if len(differ):
            first = differ[np.argmin(trail.since[differ])]
            if number - trail.since[first] + 1 > best:
                best, where = int(number - trail.since[first] + 1), (number, int(first))
    return None if where[0] == NONE else _traced(graph, trails, *where)


class _Full(Exception):
    """More pairs than may be kept."""


def _empty() -> _Trail:
    return _Trail(*(np.zeros(0, np.int64) for _ in range(5)))


def _begun(
    graph: BeliefGraph, number: int, allowed: list[np.ndarray] | None, met: list[np.ndarray], max_pairs: int
) -> _Trail:
    """All pairs of beliefs in a layer into which the same percept leads, from beliefs that are met."""
    arrived, size = graph.layers[number].arrived, len(graph.layers[number])
    usable = met[number - 1][arrived[:, 2]]
    if allowed is not None:
        usable &= allowed[number - 1][arrived[:, 2], arrived[:, 3]]
    ways = np.unique(arrived[usable][:, 1::-1], axis=0)
    codes, percepts = [], []
    for percept in np.unique(ways[:, 0]):
        beliefs = ways[ways[:, 0] == percept, 1]
        _check_pairs(len(beliefs) ** 2 // 2, max_pairs)
        one, other = np.triu_indices(len(beliefs), 1)
        codes.append(beliefs[one] * size + beliefs[other])
        percepts.append(np.full(len(one), percept))
    code = np.concatenate(codes) if codes else np.zeros(0, np.int64)
    percept = np.concatenate(percepts) if codes else code
    nowhere = np.full(len(code), NONE)
    return _Trail(code, np.full(len(code), number), nowhere, percept, nowhere)


def _continued(graph: BeliefGraph, trail: _Trail, number: int, allowed: list[np.ndarray] | None) -> _Trail:
    """What the pairs of a layer become with every action and percept that both can share."""
    if not len(trail.code):
        return _empty()
    layer = graph.layers[number]
    one, other = np.divmod(trail.code, len(layer))
    size = len(graph.layers[number + 1])
    parts = []
    for action in range(layer.reward.shape[1]):
        rows = np.arange(len(one))
        if allowed is not None:
            rows = rows[allowed[number][one, action] & allowed[number][other, action]]
        for slot in range(layer.child.shape[2]):
            percept, child = layer.percept[one[rows], action, slot], layer.child[one[rows], action, slot]
            for beside in range(layer.child.shape[2]):
                twin = layer.child[other[rows], action, beside]
                both = (percept == layer.percept[other[rows], action, beside]) & (child != NONE) & (twin != NONE)
                both &= child != twin
                low, high = np.minimum(child[both], twin[both]), np.maximum(child[both], twin[both])
                chosen = rows[both]
                parts.append(
                    _Trail(low * size + high, trail.since[chosen], chosen, percept[both], np.full(len(chosen), action))
                )
    return _concatenated(parts)


def _joined(parts: list[_Trail], last: int, best: int) -> _Trail:
    """Each pair once, as it has shared the most; without those that can no longer share more than `best`."""
    whole = _concatenated(parts)
    useful = last - whole.since + 1 > best
    order = np.lexsort((whole.since[useful], whole.code[useful]))
    code = whole.code[useful][order]
    first = np.ones(len(code), bool)
    first[1:] = code[1:] != code[:-1]
    chosen = np.flatnonzero(useful)[order[first]]
    return _Trail(*(getattr(whole, field.name)[chosen] for field in dataclasses.fields(_Trail)))


def _concatenated(parts: list[_Trail]) -> _Trail:
    fields = [field.name for field in dataclasses.fields(_Trail)]
    return _Trail(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def _check_pairs(pairs: int, max_pairs: int) -> None:
    if pairs > max_pairs:
        raise _Full


def _traced(graph: BeliefGraph, trails: list[_Trail], number: int, row: int) -> Pair:
    """The steps that a pair has shared, followed back; which of the two is the first one may change on the way."""
    end = number
    steps = []
    while row != NONE:
        trail = trails[number]
        steps.append((trail.code[row], trail.percept[row], trail.action[row], number))
        row, number = int(trail.parent[row]), number - 1
    steps.reverse()
    pairs = [divmod(int(code), len(graph.layers[layer])) for code, _, _, layer in steps]
    path = [pairs[0]]
    for after, (_, percept, action, layer) in zip(pairs[1:], steps[1:], strict=True):
        table = graph.layers[layer - 1]
        one = path[-1][0]
        slot = np.flatnonzero(table.percept[one, action] == percept)[0]
        path.append(after if table.child[one, action, slot] == after[0] else (after[1], after[0]))
    percepts = np.array([step[1] for step in steps])
    actions = np.array([step[2] for step in steps[1:]], np.int64)
    return Pair(end, path[-1], len(steps), np.array(path), percepts, actions)


def spread_by_window(graph: BeliefGraph, numbers: list[np.ndarray], max_pairs: int = 3_000_000) -> np.ndarray | None:
    """How wrong a guess of some numbers can be that sees the last n observations alone.

    The best guess for histories of one window is in the middle between their numbers, and off by half of how far those
    are apart.

    Args:
        graph: all beliefs.
        numbers: float64 [N, C] a layer, of each belief.
        max_pairs: give up above that many, in all layers.

    Returns:
        float64 [T + 1]: the largest error for n = 0 to T; None where there are more pairs.
    """
    layers = len(graph.layers)
    errors = np.zeros(layers + 1)
    trail, total = _empty(), 0
    for number, layer in enumerate(graph.layers):
        errors[0] = max(errors[0], float(np.ptp(numbers[number], axis=0).max()) / 2)
        if number == 0:
            continue
        total += len(layer) ** 2 // 2
        if total > max_pairs:
            return None
        met = [np.ones(len(other), bool) for other in graph.layers[:number]]
        parts = [_continued(graph, trail, number - 1, None), _begun(graph, number, None, met, max_pairs)]
        trail = _joined(parts, layers, -1)
        one, other = np.divmod(trail.code, len(layer))
        apart = np.abs(numbers[number][one] - numbers[number][other]).max(axis=1) / 2
        np.maximum.at(errors, number - trail.since + 1, apart)
    # Who shares more shares less as well.
    return np.maximum.accumulate(errors[::-1])[::-1]
