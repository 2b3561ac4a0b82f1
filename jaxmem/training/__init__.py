"""Training: the compiled loop, evaluation, checkpoints and what a run writes."""

from jaxmem.training.options import LoopOptions, RunConfig

__all__ = ["LoopOptions", "RunConfig"]
