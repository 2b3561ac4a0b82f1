"""Exploration: what agents do in each step, and what is planned for whole episodes beside it."""

from jaxmem.exploration.behaviour import GREEDY, Exploration, ExplorationOptions
from jaxmem.exploration.deviations import DeviationOptions, Deviations, Did, Plan
from jaxmem.exploration.schedule import Schedule
from jaxmem.exploration.weights import DEVIATION_WEIGHTS, deviation_weight

__all__ = [
    "DEVIATION_WEIGHTS",
    "GREEDY",
    "DeviationOptions",
    "Deviations",
    "Did",
    "Exploration",
    "ExplorationOptions",
    "Plan",
    "Schedule",
    "deviation_weight",
]
