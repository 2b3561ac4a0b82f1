"""How a cost grows with the length of an episode."""

from collections.abc import Sequence

import numpy as np


def exponent(lengths: Sequence[int], costs: Sequence[float]) -> float:
    """The k of `cost ~ length^k`, by least squares between logarithms; needs two lengths or more."""
    return float(np.polyfit(np.log(lengths), np.log(costs), 1)[0])
