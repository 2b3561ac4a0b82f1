"""Which model redistributes rewards, and how it learns."""

from dataclasses import dataclass, replace
from typing import ClassVar

from jaxmem.config import Config, choice, flag, integer, number
from jaxmem.networks import AuxiliaryOptions, Inputs, NetworkParts
from jaxmem.redistribution.base import Redistribution
from jaxmem.redistribution.rudder import ReturnModel, Rudder
from jaxmem.redistribution.synthetic import ContributionModel, SyntheticReturns


@dataclass(frozen=True)
class RedistributionOptions(Config):
    """A model that learns from whole episodes where their rewards come from, and gives the learner others.

    It has a network of its own, of the sizes that `network` and `core` say, and learns once an iteration: from the
    replay, or without one from the episodes that were just played.
    """

    path: ClassVar[str] = "redistribution"

    kind: str = choice("none", ["none", "rudder", "synthetic"])
    """rudder: differences of a predicted return; synthetic: what steps contribute to later rewards is paid at once"""
    share: float = number(1.0, 0, 1)
    """rudder: share of the rewards that is redistributed; the rest stays where it was paid"""
    by_quality: bool = flag(True)
    """rudder: of that share, redistribute only as much as the model explains of how returns differ"""
    alpha: float = number(0.1, 0)
    """synthetic: weight of a step's contribution to later rewards, in its reward"""
    beta: float = number(1.0, 0)
    """synthetic: weight of what was paid, in a step's reward"""
    updates: int = integer(1, low=1, high=1_000_000)
    """the model's gradient steps in an iteration"""
    batch_size: int = integer(64, low=1, high=1_000_000)
    """episodes in each of them, out of the replay; without one, all that were just played"""
    learning_rate: float = number(1e-3, above=0)
    """Adam's step size; the gradient's norm is clipped at 1"""

    def make(self, parts: NetworkParts, example: Inputs) -> Redistribution | None:
        """The model for one task; None for the kind "none".

        Args:
            parts: what its network is assembled from.
            example: inputs of one row, to initialise parameters with.
        """
        if self.kind == "none":
            return None
        # Nobody moves the model's centre, and what it predicts is the return.
        uncentred = replace(parts.options, centre=False, background=False)
        parts, actions = replace(parts, options=uncentred, auxiliary=AuxiliaryOptions()), parts.num_actions
        if self.kind == "rudder":
            return Rudder(self, ReturnModel(parts.trunk(), parts.head(outputs=1), actions), example)
        contribution, gate, baseline = (parts.head(outputs=1) for _ in range(3))
        model = ContributionModel(parts.embedding(history=False), contribution, gate, baseline, actions)
        return SyntheticReturns(self, model, example)
