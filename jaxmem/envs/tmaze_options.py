"""Options of the T-Mazes.

They import no gymnax, so that reading a command line starts no backend.
"""

import dataclasses

from jaxmem.config import ConfigError, choice, flag, integer, number
from jaxmem.envs.registry import EnvOptions, EnvSpec, Made

_SOURCE = "Ni et al. 2023, arXiv 2307.03864; Bakker 2001"
# Positions and times stay exact in int32 and in a float32 observation.
_LONGEST = 1_000_000


@dataclasses.dataclass(frozen=True)
class _TMazeOptions(EnvOptions):
    length: int = integer(10, low=1, high=_LONGEST)
    """Cells from the start to the junction, in steps."""

    penalty: float | None = number(None, high=0, optional=True)
    """Reward of a step behind the fastest walk; none: -1/length; 0: Bakker's unshaped maze."""

    goal_reward: float = number(1.0)
    """Reward for ending in the goal cell that the cue named."""

    distract_reward: float = number(0.0)
    """Reward of each step (but the last) that ends at the oracle."""

    expose_position: bool = flag(False)
    """Observe x and y themselves and not just the kind of cell."""

    expose_goal: bool = flag(False)
    """Keep the cue visible once the oracle was visited; needs expose_position."""

    time_step: bool = flag(False)
    """Append the number of steps taken to the observation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_exposure(self.expose_position, self.expose_goal, f"{self.path}.")

    def make(self) -> Made:
        """Build the maze: `(TMaze, TMazeParams)`."""
        from jaxmem.envs.tmaze import TMaze, TMazeParams

        penalty = -1 / self.length if self.penalty is None else self.penalty
        params = TMazeParams(
            length=self.length,
            oracle_distance=self._oracle_distance(),
            penalty=float(penalty),
            goal_reward=float(self.goal_reward),
            distract_reward=float(self.distract_reward),
            cue_every=self._cue_every() or 0,
        )
        return TMaze(self.expose_position, self.expose_goal, self.time_step, active=self._oracle_distance() > 0), params

    def spec(self) -> EnvSpec:
        """Horizon, memory and credit length in steps, by the definitions of Ni et al. 2023, without `distract_reward`.

        From the first possible sight of the cue to the last decision lie horizon - oracle_distance
        steps; from the last sight cue_every, if that is less. In the active maze the first action is
        paid for by the last reward. In the passive one a penalty tells right from wrong at once;
        without it only the last reward does.
        """
        distance = self._oracle_distance()
        horizon = self.length + 2 * distance + 1
        from_oracle = horizon - distance
        remembered = min(self._cue_every() or from_oracle, from_oracle)
        shaped = self.penalty is None or self.penalty < 0
        return EnvSpec(
            id=self.id,
            source=_SOURCE,
            description=self._description(),
            horizon=horizon,
            memory_length=1 if self.expose_goal else remembered,
            credit_length=1 if shaped and distance == 0 else horizon,
        )

    def _oracle_distance(self) -> int:
        raise NotImplementedError

    def _cue_every(self) -> int | None:
        return None

    def _description(self) -> str:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class PassiveTMazeOptions(_TMazeOptions):
    """T-Maze whose oracle is the start: the first observation is the cue."""

    id: str = choice("PassiveTMaze-v0", ("PassiveTMaze-v0",))
    """Name of the environment in the registry."""

    def _oracle_distance(self) -> int:
        return 0

    def _description(self) -> str:
        return "Recall at the junction of a corridor the cue seen at its start."


@dataclasses.dataclass(frozen=True)
class ActiveTMazeOptions(_TMazeOptions):
    """T-Maze whose oracle lies behind the start: the cue has to be fetched first."""

    id: str = choice("ActiveTMaze-v0", ("ActiveTMaze-v0",))
    """Name of the environment in the registry."""

    oracle_distance: int = integer(1, low=1, high=_LONGEST)
    """Steps from the start back to the oracle."""

    def _oracle_distance(self) -> int:
        return self.oracle_distance

    def _description(self) -> str:
        return "Walk away from the junction for the cue, then recall it at the junction."


@dataclasses.dataclass(frozen=True)
class TMazeOptions(_TMazeOptions):
    """T-Maze, passive or active, whose memory length and credit length are set apart.

    `cue_every` shortens what has to be remembered; `penalty` 0 and the oracle behind the start
    lengthen what has to be credited.
    """

    id: str = choice("TMaze-v0", ("TMaze-v0",))
    """Name of the environment in the registry."""

    oracle_distance: int = integer(0, low=0, high=_LONGEST)
    """Steps from the start back to the oracle; 0 makes the maze passive."""

    cue_every: int | None = integer(None, low=2, optional=True)
    """Steps from one sight of the cue to the next, once the oracle was visited; none: seen there alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.expose_goal and self.cue_every is not None:
            raise ConfigError(
                f"{self.path}.cue_every is {self.cue_every}: allowed is none where {self.path}.expose_goal is True"
            )

    def _oracle_distance(self) -> int:
        return self.oracle_distance

    def _cue_every(self) -> int | None:
        return self.cue_every

    def _description(self) -> str:
        return "Recall a cue at the junction of a corridor, with memory length and credit length set apart."


def check_exposure(expose_position: bool, expose_goal: bool, prefix: str = "") -> None:
    """Raise `ConfigError` where the goal is exposed without the position."""
    if expose_goal and not expose_position:
        raise ConfigError(f"{prefix}expose_goal is True: allowed is False unless {prefix}expose_position is True")
