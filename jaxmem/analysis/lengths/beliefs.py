"""Histories that mean the same, merged: the beliefs that can be reached, step by step."""

import dataclasses

import numpy as np

from jaxmem.config import ConfigError
from jaxmem.envs.pomdp import FinitePOMDP

# Beliefs are the same whose probabilities differ by less than about this share of each: small ones can grow again.
_GRID = 2.0**40
NONE = -1


@dataclasses.dataclass(frozen=True)
class Layer:
    """The N beliefs after t - 1 steps, and what follows from each: A actions with up to K different percepts.

    A percept is what an agent sees of a step: the observation and whether the episode ended, as one number.

    Attributes:
        beliefs: for each, the states that are possible and their probabilities, int64 [k] and float64 [k].
        reward: float64 [N, A], expected.
        percept: int64 [N, A, K]; -1 where there are fewer.
        child: int64 [N, A, K], the belief in the next layer; -1 where the episode has ended.
        chance: float64 [N, A, K], of each percept; 0 where there are fewer.
        arrived: int64 [M, 4], each way into a belief: (belief, percept, belief before, action); those of the first
            layer have -1 as the latter two.
    """

    beliefs: list[tuple[np.ndarray, np.ndarray]]
    reward: np.ndarray
    percept: np.ndarray
    child: np.ndarray
    chance: np.ndarray
    arrived: np.ndarray

    def __len__(self) -> int:
        """N."""
        return len(self.beliefs)


@dataclasses.dataclass(frozen=True)
class BeliefGraph:
    """All beliefs that some actions can lead to.

    Attributes:
        pomdp: the task.
        layers: T of them, fewer where every episode ends before.
        initial: float64 [number of beliefs in the first layer], how likely an episode begins with each.
    """

    pomdp: FinitePOMDP
    layers: list[Layer]
    initial: np.ndarray

    @property
    def size(self) -> int:
        """Beliefs in all layers."""
        return sum(len(layer) for layer in self.layers)

    def observation(self, percept: int) -> int:
        """The observation's number in a percept."""
        return percept // 2


def belief_graph(pomdp: FinitePOMDP, max_beliefs: int = 500_000) -> BeliefGraph:
    """Every belief that can be reached within the horizon.

    Time and memory grow with the number of beliefs (times actions, states in a belief and outcomes), not with that of
    histories: two histories of one length that leave the same belief are one from there on.

    Args:
        pomdp: the task.
        max_beliefs: give up above that.

    Raises:
        ConfigError: more beliefs than that.
    """
    chances, beliefs, arrived = _begin(pomdp)
    layers: list[Layer] = []
    total = len(beliefs)
    for time in range(1, pomdp.horizon + 1):
        layer, reached, came = _expand(pomdp, beliefs, arrived, last=time == pomdp.horizon)
        layers.append(layer)
        total += len(reached)
        if total > max_beliefs:
            raise ConfigError(
                f"more than {max_beliefs} beliefs can be reached, after {time} of {pomdp.horizon} steps: "
                "allowed is a smaller task, or a larger max_beliefs"
            )
        if not reached:
            break
        beliefs, arrived = reached, came
    return BeliefGraph(pomdp, layers, chances)


def _begin(pomdp: FinitePOMDP) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """The first layer: chances, beliefs and ways into them, one for each first observation."""
    seen = np.unique(pomdp.initial_observation)
    beliefs, chances = [], []
    for observation in seen:
        of = pomdp.initial_observation == observation
        states, inverse = np.unique(pomdp.initial_state[of], return_inverse=True)
        weights = np.bincount(inverse, pomdp.initial_probability[of])
        chances.append(weights.sum())
        beliefs.append((states, weights / weights.sum()))
    index = np.arange(len(seen))
    nowhere = np.full(len(seen), NONE)
    return np.array(chances), beliefs, np.stack([index, 2 * seen, nowhere, nowhere], axis=1)


def _expand(
    pomdp: FinitePOMDP, beliefs: list[tuple[np.ndarray, np.ndarray]], arrived: np.ndarray, last: bool
) -> tuple[Layer, list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """A layer with all that follows from it, the beliefs of the next one, and the ways into those."""
    actions, count = pomdp.num_actions, len(beliefs)
    sizes = np.array([len(states) for states, _ in beliefs])
    states, weights = (np.concatenate([belief[part] for belief in beliefs]) for part in range(2))
    # Every state of every belief with every action, then every outcome of those.
    pair = (np.repeat(np.arange(count), sizes)[:, None] * actions + np.arange(actions)).ravel()
    row = (states[:, None] * actions + np.arange(actions)).ravel()
    lengths = pomdp.offsets[row + 1] - pomdp.offsets[row]
    first = np.repeat(pomdp.offsets[row], lengths)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    outcome = first + within
    pair = np.repeat(pair, lengths)
    chance = np.repeat(np.repeat(weights, actions), lengths) * pomdp.probability[outcome]
    reward = np.bincount(pair, chance * pomdp.reward[outcome], minlength=count * actions).reshape(count, actions)

    ended = pomdp.ended[outcome] | last
    percept = 2 * pomdp.observation[outcome] + ended
    state = np.where(ended, NONE, pomdp.next_state[outcome])
    order = np.lexsort((state, percept, pair))
    pair, percept, state, chance = pair[order], percept[order], state[order], chance[order]
    starts = _starts(pair, percept, state)
    chance = np.add.reduceat(chance, starts)
    pair, percept, state = pair[starts], percept[starts], state[starts]
    # Now one row a state; edges are runs of the same pair and percept.
    edges = _starts(pair, percept)
    stops = np.append(edges[1:], len(pair))
    likely = np.add.reduceat(chance, edges)
    child, reached = _merge(state, chance / np.repeat(likely, stops - edges), edges, stops)
    layer = _tables(beliefs, reward, arrived, pair[edges], percept[edges], child, likely)
    goes_on = child != NONE
    came = np.stack([child, percept[edges], pair[edges] // actions, pair[edges] % actions], axis=1)[goes_on]
    return layer, reached, came


def _starts(*columns: np.ndarray) -> np.ndarray:
    """Where rows differ from the row before."""
    differs = np.zeros(len(columns[0]), bool)
    differs[0] = True
    for column in columns:
        differs[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(differs)


def _merge(
    state: np.ndarray, weight: np.ndarray, edges: np.ndarray, stops: np.ndarray
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """The number of the belief that each edge leads to, -1 where the episode has ended, and those beliefs."""
    mantissa, exponent = np.frexp(weight)
    coarse = np.ldexp(np.rint(mantissa * _GRID), exponent)
    known: dict[tuple[bytes, bytes], int] = {}
    child, reached = np.full(len(edges), NONE), []
    for edge, (begin, end) in enumerate(zip(edges.tolist(), stops.tolist(), strict=True)):
        if state[begin] == NONE:
            continue
        key = (state[begin:end].tobytes(), coarse[begin:end].tobytes())
        number = known.setdefault(key, len(reached))
        if number == len(reached):
            reached.append((state[begin:end], weight[begin:end]))
        child[edge] = number
    return child, reached


def _tables(
    beliefs: list[tuple[np.ndarray, np.ndarray]],
    reward: np.ndarray,
    arrived: np.ndarray,
    pair: np.ndarray,
    percept: np.ndarray,
    child: np.ndarray,
    chance: np.ndarray,
) -> Layer:
    """Edges, sorted by belief and action, as tables of equal rows."""
    first = _starts(pair)
    lengths = np.diff(np.append(first, len(pair)))
    slot = np.arange(len(pair)) - np.repeat(first, lengths)
    shape = (reward.size, int(lengths.max()))

    def table(values: np.ndarray, empty: float) -> np.ndarray:
        found = np.full(shape, empty, values.dtype)
        found[pair, slot] = values
        return found.reshape(*reward.shape, -1)

    return Layer(beliefs, reward, table(percept, NONE), table(child, NONE), table(chance, 0.0), arrived)
