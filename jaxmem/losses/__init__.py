"""Losses: pure functions on one trajectory, without networks; callers `vmap` them over a batch."""

from jaxmem.losses.q_learning import TRACES, Trace, double_q_lambda
from jaxmem.losses.reduce import masked_mean

__all__ = ["TRACES", "Trace", "double_q_lambda", "masked_mean"]
