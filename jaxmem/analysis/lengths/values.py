"""Optimal values of beliefs, and which beliefs have the same consequences."""

import dataclasses

import numpy as np

from jaxmem.analysis.lengths.beliefs import NONE, BeliefGraph, Layer


@dataclasses.dataclass(frozen=True)
class Values:
    """What actions are worth to someone who acts optimally afterwards, layer by layer.

    Attributes:
        discount: gamma.
        relative: two numbers are the same that differ by no more than this share of the largest of their kind.
        tolerance: what that is for values.
        q: float64 [N, A] a layer.
        best: bool [N, A] a layer, whether no action is better.
    """

    discount: float
    relative: float
    tolerance: float
    q: list[np.ndarray]
    best: list[np.ndarray]

    def value(self, layer: int) -> np.ndarray:
        """Of each belief, float64 [N]."""
        return self.q[layer].max(axis=1)


def solve(graph: BeliefGraph, discount: float, tolerance: float) -> Values:
    """Backward induction.

    Args:
        graph: all beliefs.
        discount: gamma, from 0 to 1.
        tolerance: what counts as the same, as a share of the largest absolute value that any action has.
    """
    q: list[np.ndarray] = []
    after = np.zeros(0)
    for layer in reversed(graph.layers):
        q.append(layer.reward + discount * follow(layer, after))
        after = q[-1].max(axis=1)
    q.reverse()
    absolute = tolerance * max(1e-300, *(float(np.abs(values).max()) for values in q))
    best = [values >= values.max(axis=1, keepdims=True) - absolute for values in q]
    return Values(discount, tolerance, absolute, q, best)


def follow(layer: Layer, after: np.ndarray) -> np.ndarray:
    """The expectation of `after` [N', ...] over what follows each belief and action: [N, A, ...]; 0 after the end."""
    padded = np.concatenate([after, np.zeros((1, *after.shape[1:]))])
    total = np.zeros((*layer.reward.shape, *after.shape[1:]))
    for slot in range(layer.child.shape[2]):
        chance = layer.chance[:, :, slot].reshape(*layer.reward.shape, *([1] * (after.ndim - 1)))
        total += chance * padded[layer.child[:, :, slot]]
    return total


def same_numbers(numbers: np.ndarray, tolerance: float) -> np.ndarray:
    """Which rows of numbers [N, C] are the same: int64 [N], equal for equal rows.

    Numbers of a column are the same that are next to each other and differ by no more than the tolerance.
    """
    found = np.zeros(numbers.shape, np.int64)
    for column in range(numbers.shape[1]):
        order = np.argsort(numbers[:, column], kind="stable")
        jumps = np.diff(numbers[order, column]) > tolerance
        found[order, column] = np.concatenate([[0], np.cumsum(jumps)])
    return same_rows(found)


def same_rows(rows: np.ndarray) -> np.ndarray:
    """Which rows of integers [N, C] are the same: int64 [N]."""
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)


def reward_classes(graph: BeliefGraph, values: Values) -> list[np.ndarray]:
    """Beliefs with the same expected reward of every action: int64 [N] a layer."""
    largest = max(float(np.abs(layer.reward).max()) for layer in graph.layers)
    return [same_numbers(layer.reward, values.relative * largest) for layer in graph.layers]


def value_classes(graph: BeliefGraph, values: Values) -> list[np.ndarray]:
    """Beliefs with the same optimal values of every action: int64 [N] a layer."""
    return [same_numbers(q, values.tolerance) for q in values.q]


def percept_classes(graph: BeliefGraph, values: Values) -> list[np.ndarray]:
    """Beliefs after which every action is followed by the same percepts, as likely: int64 [N] a layer."""
    found = []
    for layer in graph.layers:
        # Slots are in order of percepts, so that equal distributions are equal rows.
        chance = same_numbers(layer.chance.reshape(-1, 1), values.relative).reshape(len(layer), -1)
        found.append(same_rows(np.concatenate([layer.percept.reshape(len(layer), -1), chance], axis=1)))
    return found


def best_classes(values: Values) -> list[np.ndarray]:
    """Beliefs with the same best actions: int64 [N] a layer."""
    return [same_rows(best.astype(np.int64)) for best in values.best]


def reachable(graph: BeliefGraph, allowed: list[np.ndarray]) -> list[np.ndarray]:
    """Which beliefs are met by someone who takes allowed actions only: bool [N] a layer.

    Args:
        graph: all beliefs.
        allowed: bool [N, A] a layer.
    """
    met = [np.ones(len(graph.layers[0]), bool)]
    for layer, actions, following in zip(graph.layers, allowed, graph.layers[1:], strict=False):
        taken = (met[-1][:, None] & actions)[:, :, None] & (layer.child != NONE)
        after = np.zeros(len(following), bool)
        after[layer.child[taken]] = True
        met.append(after)
    return met
