"""A tree of three decisions, small enough that expectations over everything that can happen are sums.

Each decision has three actions, and each action two outcomes. Some edges end the episode early; those of the last
decisions all do. An end is a termination or a time limit, behind which the child's value goes on. In float64 NumPy.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ACTIONS, OUTCOMES, DEPTH = 3, 2, 3
_EDGES = ACTIONS * OUTCOMES
NODES = sum(_EDGES**depth for depth in range(DEPTH + 1))
_DECISIONS = NODES - _EDGES**DEPTH
_LAST_DECISIONS = _EDGES ** (DEPTH - 1)
GOES_ON, TERMINATES, TIME_LIMIT = range(3)


_PAIRS = list(itertools.product(range(ACTIONS), range(OUTCOMES)))


def _child(node: int, action: int, outcome: int) -> int:
    return node * _EDGES + action * OUTCOMES + outcome + 1


@dataclass(frozen=True)
class Paths:
    """Every way through the tree, N of them, T = `DEPTH` steps; behind the end of one stands its last step again.

    Attributes:
        s_tm1, s_t: int [N, T], nodes before and after each step.
        a_tm1: int [N, T].
        r_t: float [N, T], 0 behind the end.
        length: int [N].
        terminated: bool [N].
        chance: float [N], of the outcomes, given the actions.
    """

    s_tm1: np.ndarray
    s_t: np.ndarray
    a_tm1: np.ndarray
    r_t: np.ndarray
    length: np.ndarray
    terminated: np.ndarray
    chance: np.ndarray

    @property
    def continues(self) -> np.ndarray:
        """Bool [N, T]: the steps after which there is another one."""
        return np.arange(1, DEPTH + 1) < self.length[:, None]

    def discounts(self, discount: float) -> np.ndarray:
        """Float [N, T]: 0 where the episode terminated, and behind its end."""
        last = np.arange(1, DEPTH + 1) == self.length[:, None]
        return discount * (self.continues | (last & ~self.terminated[:, None]))

    def probability(self, mu: np.ndarray) -> np.ndarray:
        """Of each path, [N], if `mu` [nodes, A] acts after the first action, which is given."""
        later = (np.arange(DEPTH) > 0) & (np.arange(DEPTH) < self.length[:, None])
        return self.chance * np.where(later, mu[self.s_tm1, self.a_tm1], 1).prod(axis=1)

    def expectation(self, mu: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Mean [A] of what `first` [N] is worth, for each first action."""
        return np.bincount(self.a_tm1[:, 0], self.probability(mu) * first)


@dataclass(frozen=True)
class Tree:
    """[decisions, A, outcomes] each: what an edge pays, its probability given the action, and how it ends."""

    reward: np.ndarray
    chance: np.ndarray
    end: np.ndarray

    def backup(self, discount: float, after: Callable[[np.ndarray, int, bool], float]) -> np.ndarray:
        """`g(s, a) = E[r + discount * after(g, s', goes on)]`, [nodes, A]; nothing comes after a termination.

        `g` has the later nodes already when `after` is called.
        """
        g = np.zeros((NODES, ACTIONS))
        for node in reversed(range(_DECISIONS)):
            for edge in _PAIRS:
                end = self.end[node][edge]
                worth = 0.0 if end == TERMINATES else after(g, _child(node, *edge), end == GOES_ON)
                g[node, edge[0]] += self.chance[node][edge] * (self.reward[node][edge] + discount * worth)
        return g

    def paths(self) -> Paths:
        """All of them."""
        found = []

        def walk(node: int, steps: list[tuple], chance: float) -> None:
            for edge in _PAIRS:
                end, behind = self.end[node][edge], _child(node, *edge)
                taken = [*steps, (node, behind, edge[0], self.reward[node][edge])]
                likely = chance * self.chance[node][edge]
                if end == GOES_ON:
                    walk(behind, taken, likely)
                else:
                    padding = [(*taken[-1][:3], 0.0)] * (DEPTH - len(taken))
                    found.append(([*taken, *padding], len(taken), end == TERMINATES, likely))

        walk(0, [], 1.0)
        steps, length, terminated, chance = zip(*found, strict=True)
        s_tm1, s_t, a_tm1, r_t = np.moveaxis(np.array(steps), -1, 0)
        nodes = (s_tm1.astype(int), s_t.astype(int), a_tm1.astype(int))
        return Paths(*nodes, r_t, np.array(length), np.array(terminated), np.array(chance))


def make_tree(seed: int = 0) -> Tree:
    """A random one; the root already has edges that go on, terminate and meet a time limit."""
    rng = np.random.default_rng(seed)
    shape = (_DECISIONS, ACTIONS, OUTCOMES)
    chance = rng.uniform(0.2, 1, shape)
    end = rng.choice([GOES_ON, TERMINATES, TIME_LIMIT], shape, p=[0.7, 0.15, 0.15])
    end[0, :2] = (GOES_ON, TERMINATES), (TIME_LIMIT, GOES_ON)
    end[-_LAST_DECISIONS:] = rng.choice([TERMINATES, TIME_LIMIT], end[-_LAST_DECISIONS:].shape)
    return Tree(rng.normal(size=shape), chance / chance.sum(-1, keepdims=True), end)
