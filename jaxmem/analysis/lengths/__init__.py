"""Memory lengths and credit-assignment length of a task, measured (Ni et al. 2023, arXiv 2307.03864)."""

from jaxmem.analysis.lengths.histories import History
from jaxmem.analysis.lengths.measure import Length, Lengths, gaps, measure
from jaxmem.analysis.lengths.replay import Replayed, replay
from jaxmem.analysis.lengths.witness import CreditWitness, PairWitness
from jaxmem.envs.pomdp import Beginning, FinitePOMDP, Outcome

__all__ = [
    "Beginning",
    "CreditWitness",
    "FinitePOMDP",
    "History",
    "Length",
    "Lengths",
    "Outcome",
    "PairWitness",
    "Replayed",
    "gaps",
    "measure",
    "replay",
]
