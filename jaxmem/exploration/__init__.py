"""Exploration that is planned for whole episodes, beside what agents do in each step."""

from jaxmem.exploration.deviations import DeviationOptions, Deviations, Did, Plan
from jaxmem.exploration.weights import DEVIATION_WEIGHTS, deviation_weight

__all__ = ["DEVIATION_WEIGHTS", "DeviationOptions", "Deviations", "Did", "Plan", "deviation_weight"]
