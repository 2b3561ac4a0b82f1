"""Learned models that move rewards to the steps that earned them; agents know nothing of it."""

from jaxmem.redistribution.base import ModelState, Redistribution
from jaxmem.redistribution.options import RedistributionOptions

__all__ = ["ModelState", "Redistribution", "RedistributionOptions"]
