"""Lengths and witnesses in words."""

from typing import Any

import numpy as np

from jaxmem.analysis.lengths.histories import History
from jaxmem.analysis.lengths.measure import Length, Lengths
from jaxmem.analysis.lengths.witness import CreditWitness, PairWitness
from jaxmem.config import lookup

# Larger observations are called by their number.
_MOST_SHOWN = 8
# Steps in a row that are the same and are told once.
_RUN = 3
# Of many different steps only those at either end are told.
_ENDS = 5

NAMES = {
    "reward_memory": "reward memory m_R",
    "transition_memory": "transition memory m_T",
    "value_memory": "value memory l_value",
    "policy_memory": "policy memory l_mem",
    "policy_memory_uniform": "policy memory, ties drawn",
    "credit_assignment": "credit assignment c",
}


def explain(lengths: Lengths, name: str) -> list[str]:
    """Why a length is what it is, in a few lines; none where there is nothing to show.

    Args:
        lengths: what was measured.
        name: one of `NAMES`.

    Raises:
        ConfigError: for another name.
    """
    lookup(NAMES, name, "length")
    witness = getattr(lengths, name).witness
    if isinstance(witness, PairWitness):
        return _explain_pair(lengths, witness)
    if isinstance(witness, CreditWitness):
        return _explain_credit(lengths, getattr(lengths, name), witness)
    return []


def _explain_pair(lengths: Lengths, witness: PairWitness) -> list[str]:
    what = {
        "reward": f"action {witness.action} is expected to pay {{}}",
        "percept": f"action {witness.action} is followed by {{}}",
        "value": f"action {witness.action} is worth {{}}",
        "policy": "the policy takes {}",
    }[witness.kind]
    last = "the last observation" if witness.shared == 1 else f"the last {witness.shared} observations"
    end = last if witness.shared else "nothing"
    lines = [f"share {end}:"]
    for one, consequence in zip((witness.first, witness.second), witness.consequences, strict=True):
        said = what.format(_consequence(lengths, witness.kind, consequence))
        lines.append(f"  {_history(lengths, one, witness.shared)}  =>  {said}")
    return lines


def _explain_credit(lengths: Lengths, length: Length, witness: CreditWitness) -> list[str]:
    actions = range(len(witness.returns))
    if len(witness.best) == len(actions):
        return ["after every history all actions are as good"]
    best = " or ".join(map(str, witness.best))
    others = [action for action in actions if action not in witness.best]
    lines = [f"after  {_history(lengths, witness.history, 0)}  the best action is {best}:"]
    for n in sorted({max(length.high - 1, 1), length.high}):
        ahead = witness.returns[list(witness.best), n].max()
        behind = witness.returns[others, n].max()
        lines.append(f"  return of {_count(n, 'step')}: {ahead:.6g}, of the best other action {behind:.6g}")
    lines.append(f"  {witness.gap:.3g} of value hangs on it")
    return lines


def _consequence(lengths: Lengths, kind: str, consequence: Any) -> str:
    if kind == "policy":
        return " or ".join(f"action {action}" for action in consequence)
    if kind == "percept":
        shown = []
        for chance, seen, ended in consequence:
            likely = "" if chance > 1 - 1e-9 else f" ({chance:.3g})"
            shown.append(f"{_observation(lengths, seen)}{' and the end' if ended else ''}{likely}")
        return ", ".join(shown[:4]) + (", ..." if len(shown) > 4 else "")
    return f"{consequence:.6g}"


def _history(lengths: Lengths, history: History, shared: int) -> str:
    """Observations with the actions between them, equal steps told once; what is shared follows a bar."""
    seen = [_observation(lengths, observation) for observation in history.observations]
    steps = [seen[0], *(f"{action}:{after}" for action, after in zip(history.actions, seen[1:], strict=True))]
    border = len(steps) - shared
    parts = [_runs(steps[:border])]
    if shared:
        # The action that leads to the first shared observation is not shared.
        before = [f"{history.actions[border - 1]}:"] if border else []
        parts = [" ".join([*parts, *before]).strip(), _runs([seen[border], *steps[border + 1 :]])]
    return " | ".join(parts)


def _runs(steps: list[str]) -> str:
    """Steps in words: equal ones once, and of many only the first and the last."""
    told, index = [], 0
    while index < len(steps):
        end = index
        while end < len(steps) and steps[end] == steps[index]:
            end += 1
        count = end - index
        told += [f"({steps[index]}) x{count}"] if count >= _RUN else [steps[index]] * count
        index = end
    if len(told) > 2 * _ENDS + 1:
        told[_ENDS:-_ENDS] = [f"... {len(told) - 2 * _ENDS} more ..."]
    return " ".join(told)


def _observation(lengths: Lengths, value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return str(value)
    if value.size <= _MOST_SHOWN:
        return "[" + " ".join(f"{number:.4g}" for number in value.ravel().tolist()) + "]"
    number = next(n for n, other in enumerate(lengths.pomdp.observations) if other is value)
    return f"o{number}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
