"""Memory lengths and credit-assignment length of a task, with the histories that show why."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxmem import envs
from jaxmem.analysis.lengths.beliefs import BeliefGraph, belief_graph
from jaxmem.analysis.lengths.credit import credit_length
from jaxmem.analysis.lengths.policy_memory import search
from jaxmem.analysis.lengths.shared import TooManyPairs, longest_shared
from jaxmem.analysis.lengths.values import (
    Values,
    best_classes,
    percept_classes,
    reachable,
    reward_classes,
    solve,
    value_classes,
)
from jaxmem.analysis.lengths.witness import CreditWitness, PairWitness, credit_witness, pair_witness, window_witness
from jaxmem.config import ConfigError
from jaxmem.envs.pomdp import FinitePOMDP

# A hundred times the default tolerance.
_BLURRED = 1e-8
Task = FinitePOMDP | tuple[Any, Any] | str


@dataclasses.dataclass(frozen=True)
class Length:
    """A length in steps, and what shows it.

    Attributes:
        low: it is no less.
        high: it is no more.
        witness: two histories that one observation less would leave alike, or the history with the longest credit
            assignment; None where the length is 0 or no witness was found.
    """

    low: int
    high: int
    witness: PairWitness | CreditWitness | None = None

    @property
    def exact(self) -> bool:
        """Whether the two bounds are one."""
        return self.low == self.high

    @property
    def value(self) -> int:
        """The length where it is exact, else the upper bound: what certainly suffices."""
        return self.high

    def __str__(self) -> str:
        return str(self.high) if self.exact else f"{self.low} to {self.high}"


@dataclasses.dataclass(frozen=True)
class Lengths:
    """What a task asks of an agent, by the definitions of Ni et al. 2023 (arXiv 2307.03864).

    A memory length n counts observations, the present one included, and the n - 1 actions between them. Histories are
    compared that end at the same step: the time is known.

    Attributes:
        horizon: T, the most steps that an episode can take.
        discount: gamma of what is maximised.
        reward_memory: m_R, what the expected reward of any action depends on, after any history.
        transition_memory: m_T, what the next observation (and whether there is one) depends on, after any history. What
            the last step shows counts too.
        policy_memory: l_mem, what the least demanding of all optimal policies acts on, where it gets.
        policy_memory_uniform: the same of the optimal policy that draws among all best actions. It can be longer:
            others can choose among actions that are as good so as to write notes to themselves.
        value_memory: l_value, what the optimal values of all actions depend on, after any history.
        credit_assignment: c, the first n at which the n-step return of a best action is above all others', at its
            longest on the path of the optimal policy for which that is shortest.
        value: expected discounted return of an optimal policy.
        pomdp: what was measured.
        beliefs: how many beliefs can be reached.
        graph: these.
        values: optimal values of all of them.
    """

    horizon: int
    discount: float
    reward_memory: Length
    transition_memory: Length
    policy_memory: Length
    policy_memory_uniform: Length
    value_memory: Length
    credit_assignment: Length
    value: float
    pomdp: FinitePOMDP = dataclasses.field(repr=False)
    beliefs: int
    graph: BeliefGraph = dataclasses.field(repr=False)
    values: Values = dataclasses.field(repr=False)

    def __str__(self) -> str:
        told = [f"T {self.horizon}, discount {self.discount:g}, {self.beliefs} beliefs, best return {self.value:.6g}"]
        for field in dataclasses.fields(self):
            length = getattr(self, field.name)
            if isinstance(length, Length):
                told.append(f"{field.name} {length}{'' if length.exact else ' (bounds)'}")
        return "\n".join([*told, f"memory {self.memory}"])

    @property
    def blurred(self) -> bool:
        """Whether the discount makes the last steps so small that differences in them can pass for rounding."""
        return self.discount ** (len(self.graph.layers) - 1) < _BLURRED

    @property
    def memory(self) -> Length:
        """m = max(m_R, m_T)."""
        longest = max((self.reward_memory, self.transition_memory), key=lambda length: length.high)
        return Length(max(self.reward_memory.low, self.transition_memory.low), longest.high, longest.witness)


def measure(
    task: Task,
    discount: float = 0.99,
    *,
    tolerance: float = 1e-10,
    max_beliefs: int = 500_000,
    max_pairs: int = 20_000_000,
    search_budget: int = 1_000_000,
    **options: Any,
) -> Lengths:
    """Measure a finite task.

    Exact are m_R, m_T, l_value and the uniform policy's memory: they are searched for over all pairs of beliefs; only
    where more than `max_pairs` would have to be kept are they bounds. l_mem is a minimum over all optimal policies,
    found by a search that may give up (`search_budget`); c is a minimum over all optimal policies too, bounded from
    both sides. Both are exact where no two actions are as good; else their bounds say how far they are known.

    Values are float64; two that differ by no more than `tolerance` of the largest one are the same. With a discount
    below 1 what happens after 1 / (1 - discount) * 23 steps is lost in that: measure long tasks with a discount of 1 or
    close to it.

    Args:
        task: a finite task; an environment and its params; or the id of an environment.
        discount: gamma, above 0 and at most 1.
        tolerance: see above.
        max_beliefs: give up above that many.
        max_pairs: pairs of beliefs that are kept at once, 40 bytes each.
        search_budget: steps of the search for the least demanding policy, for each size of window.
        options: of the environment, where `task` is an id.

    Raises:
        ConfigError: a task that is not finite or too large, or a discount that is not allowed.
    """
    if not 0 < discount <= 1:
        raise ConfigError(f"discount is {discount}: allowed is a number above 0, and at most 1")
    pomdp = as_pomdp(task, **options)
    graph = belief_graph(pomdp, max_beliefs)
    values = solve(graph, discount, tolerance)
    uniform = _pair_length(graph, values, "policy", max_pairs)
    credit = credit_length(graph, values)
    return Lengths(
        horizon=len(graph.layers),
        discount=discount,
        reward_memory=_pair_length(graph, values, "reward", max_pairs),
        transition_memory=_pair_length(graph, values, "percept", max_pairs),
        policy_memory=_policy_length(graph, values, uniform, search_budget),
        policy_memory_uniform=uniform,
        value_memory=_pair_length(graph, values, "value", max_pairs),
        credit_assignment=Length(credit.low, credit.high, credit_witness(graph, values, credit)),
        value=float(graph.initial @ values.value(0)),
        pomdp=pomdp,
        beliefs=graph.size,
        graph=graph,
        values=values,
    )


def as_pomdp(task: Task, **options: Any) -> FinitePOMDP:
    """The finite task that is meant; raises `ConfigError` where there is none."""
    if isinstance(task, str):
        return envs.as_pomdp(*envs.make(task, **options))
    if options:
        raise ConfigError(f"unknown option {next(iter(options))!r}: options of an environment need its id as the task")
    if isinstance(task, FinitePOMDP):
        return task
    if isinstance(task, tuple) and len(task) == 2:
        return envs.as_pomdp(*task)
    raise ConfigError(
        f"the task is a {type(task).__name__}: allowed are a FinitePOMDP, a pair of environment and params, and the "
        "id of an environment"
    )


def _pair_length(graph: BeliefGraph, values: Values, kind: str, max_pairs: int) -> Length:
    """The window that tells apart whatever differs in some consequence: one more than the longest that does not."""
    allowed = met = None
    if kind == "reward":
        classes = reward_classes(graph, values)
    elif kind == "percept":
        classes = percept_classes(graph, values)
    elif kind == "value":
        classes = value_classes(graph, values)
    else:
        classes, allowed = best_classes(values), values.best
        met = reachable(graph, allowed)
    try:
        pair = longest_shared(graph, classes, allowed, met, max_pairs)
    except TooManyPairs as error:
        found = error.found
        return Length(found.shared + 1, len(graph.layers), pair_witness(graph, values, found, kind, allowed, met))
    if pair is None:
        return Length(0, 0)
    return Length(pair.shared + 1, pair.shared + 1, pair_witness(graph, values, pair, kind, allowed, met))


def _policy_length(graph: BeliefGraph, values: Values, uniform: Length, budget: int) -> Length:
    found = search(graph, values, uniform.high, budget)
    if found.policy is None:
        return Length(found.low, found.high, uniform.witness)
    return Length(found.low, found.high, window_witness(graph, values, found.policy))


def gaps(lengths: Lengths, discounts: Sequence[float]) -> list[float]:
    """What hangs on the decision whose credit assignment takes longest, for several discounts.

    That is the value of what is best there, less that of the best other action; acting optimally afterwards. What is
    best is so for the discount that the lengths were measured with, so that the gap is negative where another discount
    makes another action better. All are 0 where every action is as good.

    Args:
        lengths: what was measured.
        discounts: gammas.
    """
    witness = lengths.credit_assignment.witness
    assert isinstance(witness, CreditWitness)
    best = np.isin(np.arange(len(witness.returns)), witness.best)
    if best.all():
        return [0.0 for _ in discounts]
    found = []
    for discount in discounts:
        q = solve(lengths.graph, discount, 0.0).q[witness.layer][witness.belief]
        found.append(float(q[best].max() - q[~best].max()))
    return found
