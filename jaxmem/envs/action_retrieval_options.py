"""Options of Action Associative Retrieval.

They import no gymnax, so that reading a command line starts no backend.
"""

import dataclasses

from jaxmem.config import choice, integer
from jaxmem.envs.registry import EnvOptions, EnvSpec, Made


@dataclasses.dataclass(frozen=True)
class ActionAssociativeRetrievalOptions(EnvOptions):
    """Action Associative Retrieval: act as one likes, wait, then act the same way."""

    id: str = choice("ActionAssociativeRetrieval-v0", ("ActionAssociativeRetrieval-v0",))
    """Name of the environment in the registry."""

    length: int = integer(90, low=2, high=1_000_000)
    """Steps of an episode, the first and the last action included."""

    def make(self) -> Made:
        """Build the task: `(ActionAssociativeRetrieval, ActionAssociativeRetrievalParams)`."""
        from jaxmem.envs.action_retrieval import ActionAssociativeRetrieval, ActionAssociativeRetrievalParams

        return ActionAssociativeRetrieval(), ActionAssociativeRetrievalParams(self.length)

    def spec(self) -> EnvSpec:
        """Lengths in steps.

        The last reward compares the last action with the first, N - 1 steps before: so much has to be remembered to
        foretell it, or to repeat either first action. (Who always begins alike, or acts in between as in the beginning,
        remembers nothing and succeeds.) A first action that does nothing is told from a better one by the last reward.
        """
        return EnvSpec(
            id=self.id,
            source="Cherepanov et al. 2023, arXiv 2306.09459",
            description="Repeat at the end the action taken at the start, which nothing that is seen reveals.",
            horizon=self.length,
            memory_length=self.length,
            credit_length=self.length,
        )
