"""Options of the T-Maze of RATE.

They import no gymnax, so that reading a command line starts no backend.
"""

import dataclasses

from jaxmem.config import ConfigError, choice, flag, integer
from jaxmem.envs.registry import EnvOptions, EnvSpec, Made

# Positions and times stay exact in int32.
_LONGEST = 1_000_000
# The turn, and one to spare.
_EXTRA_STEPS = 2


@dataclasses.dataclass(frozen=True)
class RateTMazeOptions(EnvOptions):
    """T-Maze of RATE: a clue at the start, noise all the way, a flag where to turn."""

    id: str = choice("RateTMaze-v0", ("RateTMaze-v0",))
    """Name of the environment in the registry."""

    length: int = integer(88, low=1, high=_LONGEST)
    """Cells from the start to the junction; an episode takes at most two steps more."""

    shortest: int | None = integer(None, low=1, high=_LONGEST, optional=True)
    """Draw the corridor's length anew for each episode, uniformly from shortest to length; none: always length."""

    flag_early: bool = flag(False)
    """Show the flag one cell before the junction, as the paper's text has it, and not at the junction."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shortest is not None and self.shortest > self.length:
            raise ConfigError(
                f"{self.path}.shortest is {self.shortest}: allowed is at most {self.path}.length, which is "
                f"{self.length}, or none"
            )

    def make(self) -> Made:
        """Build the maze: `(RateTMaze, RateTMazeParams)`."""
        from jaxmem.envs.rate_tmaze import RateTMaze, RateTMazeParams

        return RateTMaze(self.flag_early), RateTMazeParams(self.length, self.shortest)

    def with_horizon(self, steps: int) -> "RateTMazeOptions":
        """A maze whose episodes take at most `steps` steps, its corridor always as long as that allows."""
        if not _EXTRA_STEPS < steps <= _LONGEST + _EXTRA_STEPS:
            raise ConfigError(
                f"{self.id} of {steps} steps: allowed are {_EXTRA_STEPS + 1} to {_LONGEST + _EXTRA_STEPS}"
            )
        length = steps - _EXTRA_STEPS
        # Params of the same structure: a program that was compiled for one maze plays the other.
        return dataclasses.replace(self, length=length, shortest=None if self.shortest is None else length)

    def spec(self) -> EnvSpec:
        """Lengths in steps, in the longest corridor, by the definitions of Ni et al. 2023.

        All is as with a discount below 1, where only the shortest way is optimal: L + 1 steps, one less than the
        horizon. The clue is the first of L + 1 observations, and the turn is chosen after the last. (Without a discount
        an agent could spend the spare step on bumping into the wall as the clue says, halfway: a note to itself.) Only
        the step into a goal cell pays, so the first action is told from a worse one by the last reward.
        """
        return EnvSpec(
            id=self.id,
            source="Cherepanov et al. 2023, arXiv 2306.09459; after Ni et al. 2023, arXiv 2307.03864",
            description="Recall at the junction of a corridor the clue seen at its start, under noise.",
            horizon=self.length + _EXTRA_STEPS,
            memory_length=self.length + 1,
            credit_length=self.length + 1,
        )
