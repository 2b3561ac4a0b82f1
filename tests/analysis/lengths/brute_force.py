"""The definitions taken literally: every history, every window, every optimal policy of a tiny task."""

import itertools
import math

import numpy as np

CLOSE = 1e-9
MOST_POLICIES = 5000


class Brute:
    """All histories of a finite task, as tuples (o_1, a_1, o_2, ...), by the step at which they end."""

    def __init__(self, pomdp, discount):
        self.pomdp, self.discount, self.horizon = pomdp, discount, pomdp.horizon
        self.actions = range(pomdp.num_actions)
        self.weights = [self._first()]
        self.after = {}
        for t in range(self.horizon):
            following = {}
            for h, states in self.weights[t].items():
                for a in self.actions:
                    self.after[h, a] = self._advance(h, states, a, following, t + 1 == self.horizon)
            self.weights.append(following)
        self.weights.pop()
        self.q = {}
        for t in reversed(range(self.horizon)):
            for h in self.weights[t]:
                self.q[h] = [self._backup(h, a) for a in self.actions]
        self.best = {h: {a for a in self.actions if q[a] > max(q) - CLOSE} for h, q in self.q.items()}

    def _first(self):
        p, found = self.pomdp, {}
        for chance, state, seen in zip(p.initial_probability, p.initial_state, p.initial_observation, strict=True):
            states = found.setdefault((int(seen),), {})
            states[int(state)] = states.get(int(state), 0) + chance
        return found

    def _advance(self, h, states, a, following, last):
        """Expected reward and what is seen next: (reward, {(observation, ended): (chance, history or None)})."""
        p, total, reward, seen = self.pomdp, sum(states.values()), 0.0, {}
        for state, weight in states.items():
            begin, end = p.offsets[state * p.num_actions + a], p.offsets[state * p.num_actions + a + 1]
            for row in range(begin, end):
                chance = weight * p.probability[row] / total
                reward += chance * p.reward[row]
                key = int(p.observation[row]), bool(p.ended[row]) or last
                goes_on = not key[1]
                longer = (*h, a, key[0]) if goes_on else None
                seen[key] = (seen.get(key, (0.0,))[0] + chance, longer)
                if goes_on:
                    there = following.setdefault(longer, {})
                    after = int(p.next_state[row])
                    there[after] = there.get(after, 0) + weight * p.probability[row]
        return reward, seen

    def _backup(self, h, a):
        reward, seen = self.after[h, a]
        later = [chance * max(self.q[longer]) for chance, longer in seen.values() if longer is not None]
        return reward + self.discount * sum(later)

    def histories(self):
        return itertools.chain.from_iterable(self.weights)

    def smallest_window(self, described, histories=None):
        """The least n so that histories of one length and one window of n observations are described alike."""
        histories = list(self.histories() if histories is None else histories)
        for n in range(self.horizon + 1):
            groups = {}
            if all(_alike(groups.setdefault((len(h), window(h, n)), described(h)), described(h)) for h in histories):
                return n
        raise AssertionError("a whole history tells itself apart")

    def reward_memory(self):
        return self.smallest_window(lambda h: [self.after[h, a][0] for a in self.actions])

    def transition_memory(self):
        keys = sorted({key for _, seen in self.after.values() for key in seen})
        return self.smallest_window(
            lambda h: [self.after[h, a][1].get(key, (0.0,))[0] for a in self.actions for key in keys]
        )

    def value_memory(self):
        return self.smallest_window(lambda h: self.q[h])

    def uniform_memory(self):
        met = list(self.weights[0])
        for h in met:
            met += [longer for a in self.best[h] for _, longer in self.after[h, a][1].values() if longer is not None]
        return self.smallest_window(lambda h: [a in self.best[h] for a in self.actions], met)

    def policy_memory(self):
        return next(n for n in range(self.horizon + 1) if self._suffices(list(self.weights[0]), n))

    def _suffices(self, met, n):
        """Whether some choice of one best action for each window leads through histories that all allow one."""
        if not met:
            return True
        groups = {}
        for h in met:
            groups.setdefault(window(h, n), []).append(h)
        options = [set.intersection(*(self.best[h] for h in group)) for group in groups.values()]
        for choice in itertools.product(*options):
            chosen = {h: a for group, a in zip(groups.values(), choice, strict=True) for h in group}
            later = [x for h, a in chosen.items() for _, x in self.after[h, a][1].values() if x is not None]
            if self._suffices(later, n):
                return True
        return False

    def credit(self):
        """The task's c, the least over all policies that are optimal after every history; None if they are too many."""
        histories = list(self.histories())
        if math.prod(len(self.best[h]) for h in histories) > MOST_POLICIES:
            return None
        options = [sorted(self.best[h]) for h in histories]
        return min(self._credit(dict(zip(histories, c, strict=True))) for c in itertools.product(*options))

    def _credit(self, policy):
        met = list(self.weights[0])
        for h in met:
            met += [x for _, x in self.after[h, policy[h]][1].values() if x is not None]
        return max(self._credit_of(h, policy) for h in met)

    def _credit_of(self, h, policy):
        for n in range(1, self.horizon + 1):
            returns = [self._n_step(h, a, n, policy) for a in self.actions]
            others = [returns[a] for a in self.actions if a not in self.best[h]]
            if max(returns[a] for a in self.best[h]) > max(others, default=-np.inf) + CLOSE:
                return n
        raise AssertionError("the whole return tells them apart")

    def _n_step(self, h, a, n, policy):
        reward, seen = self.after[h, a]
        if n == 1:
            return reward
        later = (c * self._n_step(x, policy[x], n - 1, policy) for c, x in seen.values() if x is not None)
        return reward + self.discount * sum(later)


def window(h, n):
    """The last n observations of a history and the actions between them; all of a shorter one."""
    return h[-(2 * n - 1) :] if n else ()


def _alike(one, other):
    return np.allclose(one, other, rtol=0, atol=CLOSE)
