"""How much memory the least demanding of all optimal policies needs."""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from jaxmem.analysis.lengths.beliefs import BeliefGraph
from jaxmem.analysis.lengths.histories import children
from jaxmem.analysis.lengths.values import Values

# The latest n percepts and the n - 1 actions between them, in turn.
Window = tuple[int, ...]
Groups = dict[Window, frozenset[int]]


@dataclasses.dataclass(frozen=True)
class WindowPolicy:
    """An optimal policy that sees no more than the latest `size` observations.

    Attributes:
        size: n.
        actions: for each layer, what it does on each window that it meets.
    """

    size: int
    actions: list[dict[Window, int]]


@dataclasses.dataclass(frozen=True)
class Search:
    """What a search among all optimal policies has found.

    Attributes:
        low: no smaller window suffices, proven.
        high: this one does.
        policy: one for which it does; None where that is known from elsewhere.
    """

    low: int
    high: int
    policy: WindowPolicy | None


class _Spent(Exception):
    """The search has taken as many steps as it may."""


def search(graph: BeliefGraph, values: Values, enough: int, budget: int = 1_000_000) -> Search:
    """The smallest window on which some policy can act and be optimal.

    Optimal means: of the highest value from the beginning of an episode on. What a policy would do where it never gets
    is left open, and actions that are as good as others can be chosen with a view to what they leave in the window: a
    policy may write notes to itself. A deterministic policy suffices, as what a random one does can be chosen once and
    for all.

    A window size is decided by a search over choices, layer by layer: all beliefs that are met with one window must
    share a best action. Situations that have failed are not tried again. That is exact where it ends, but the number of
    situations can grow exponentially where many actions are as good; after `budget` steps a size is left undecided.

    Args:
        graph: all beliefs.
        values: their optimal values.
        enough: a window that is known to suffice.
        budget: beliefs, and observations and actions in windows, that are looked at for each size that is tried.
    """
    low, high, policy = 0, enough, None
    # Most often nothing smaller than what suffices will do. If it does, small windows come next, which leave little to
    # choose and are decided fast, in doubling steps, and then what lies between.
    trial, doubled = enough - 1, 0
    undecided: set[int] = set()
    while low < high and trial not in undecided:
        try:
            found = _find(graph, values, trial, budget)
        except _Spent:
            undecided.add(trial)
        else:
            if found is None:
                low = trial + 1
            else:
                high, policy = trial, found
        while doubled < low:
            doubled = max(1, 2 * doubled)
        trial = doubled if doubled < high else (low + high) // 2
    return Search(low, high, policy)


def _find(graph: BeliefGraph, values: Values, size: int, budget: int) -> WindowPolicy | None:
    """An optimal policy on windows of one size, by depth-first search; None if there is none."""
    first: dict[Window, set[int]] = {}
    for belief, percept, _, _ in graph.layers[0].arrived.tolist():
        first.setdefault(_cut((percept,), size), set()).add(belief)
    failed: set[tuple[int, frozenset]] = set()
    stack = [_Situation(_frozen(first), values, 0)]
    spent = 0
    while stack:
        layer = len(stack) - 1
        actions = stack[-1].next_choice()
        if actions is None:
            failed.add((layer, stack.pop().key))
            continue
        groups = _after(graph, layer, stack[-1].groups, actions, size)
        spent += sum(len(beliefs) + len(window) for window, beliefs in groups.items())
        if spent > budget:
            raise _Spent
        if not groups:
            return WindowPolicy(size, [situation.chosen for situation in stack])
        situation = _Situation(groups, values, layer + 1)
        if (layer + 1, situation.key) not in failed:
            stack.append(situation)
    return None


class _Situation:
    """The beliefs that are met in a layer, grouped by what the policy sees, and the choices that are left to try."""

    def __init__(self, groups: Groups, values: Values, layer: int) -> None:
        best = values.best[layer]
        self.groups = groups
        self.key = frozenset(groups.items())
        self.chosen: dict[Window, int] = {}
        options = [np.flatnonzero(best[sorted(beliefs)].all(axis=0)).tolist() for beliefs in groups.values()]
        self._choices: Iterator[tuple[int, ...]] = itertools.product(*options)

    def next_choice(self) -> dict[Window, int] | None:
        """The next way to choose an action for each window; None where there is no other."""
        choice = next(self._choices, None)
        if choice is None:
            return None
        self.chosen = dict(zip(self.groups, choice, strict=True))
        return self.chosen


def _after(graph: BeliefGraph, layer: int, groups: Groups, actions: dict[Window, int], size: int) -> Groups:
    """What is met next."""
    found: dict[Window, set[int]] = {}
    for window, beliefs in groups.items():
        action = actions[window]
        for belief in beliefs:
            for percept, child in children(graph, layer, belief, action):
                found.setdefault(_cut((*window, action, percept), size), set()).add(child)
    return _frozen(found)


def _cut(window: Window, size: int) -> Window:
    return window[-(2 * size - 1) :] if size else ()


def _frozen(groups: dict[Window, set[int]]) -> Groups:
    return {window: frozenset(beliefs) for window, beliefs in groups.items()}
