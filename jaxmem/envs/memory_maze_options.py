"""Options of the Memory Maze.

They import no gymnax, so that reading a command line starts no backend.
"""

import dataclasses

from jaxmem.config import ConfigError, choice, integer
from jaxmem.envs.registry import EnvOptions, EnvSpec, Made

_OBJECTS = {9: 3, 11: 4, 13: 5, 15: 6}
_TIME_LIMITS = {9: 1000, 11: 2000, 13: 3000, 15: 4000}


@dataclasses.dataclass(frozen=True)
class MemoryMazeOptions(EnvOptions):
    """Memory Maze: find coloured objects in a maze, again and again."""

    id: str = choice("MemoryMaze-v0", ("MemoryMaze-v0",))
    """Name of the environment in the registry."""

    size: int = choice(9, tuple(_OBJECTS))
    """Cells in a row of the maze, the border not included."""

    objects: int | None = integer(None, low=2, high=6, optional=True)
    """Objects to be found; none: 3, 4, 5 or 6, by size."""

    time_limit: int | None = integer(None, low=1, high=1_000_000, optional=True)
    """Steps after which an episode is truncated; none: 1000, 2000, 3000 or 4000, by size."""

    pixels: int = integer(64, low=16, high=128)
    """Width and height of the picture, a multiple of 4."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pixels % 4:
            raise ConfigError(f"{self.path}.pixels is {self.pixels}: allowed is a multiple of 4")

    def make(self) -> Made:
        """Build the maze: `(MemoryMaze, MemoryMazeParams)`."""
        from jaxmem.envs.memory_maze import MemoryMaze
        from jaxmem.envs.memory_maze_state import MemoryMazeParams

        objects = _OBJECTS[self.size] if self.objects is None else self.objects
        return MemoryMaze(self.size, objects, self.pixels), MemoryMazeParams(self._time_limit())

    def with_horizon(self, steps: int) -> "MemoryMazeOptions":
        """The same mazes with another time limit."""
        return dataclasses.replace(self, time_limit=steps)

    def spec(self) -> EnvSpec:
        """Horizon in steps. Memory and credit length are not known exactly, hence not stated."""
        return EnvSpec(
            id=self.id,
            source="Pasukonis et al. 2022, arXiv 2210.13383",
            description="Find the object of the colour asked for, again and again, in a maze seen in first person.",
            horizon=self._time_limit(),
            memory_length=None,
            credit_length=None,
        )

    def _time_limit(self) -> int:
        return _TIME_LIMITS[self.size] if self.time_limit is None else self.time_limit
