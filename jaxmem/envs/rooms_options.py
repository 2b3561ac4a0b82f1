"""Options of Key-to-Door and Visual Match.

They import no gymnax, so that reading a command line starts no backend.
"""

import dataclasses

from jaxmem.config import ConfigError, choice, flag, integer, integers, number, span
from jaxmem.envs.registry import EnvOptions, EnvSpec, Made
from jaxmem.envs.rooms_board import APPLE_SITES

_SOURCE = "Ni et al. 2023, arXiv 2307.03864; Hung et al. 2019, arXiv 1810.06721"
_MOST_STEPS = 1_000_000
# A room is 11 + 7 cells across: no apple and no door lies further away.
_ROOM = 18


@dataclasses.dataclass(frozen=True)
class _RoomsOptions(EnvOptions):
    max_frames: tuple[int, int, int] = integers((15, 60, 15), low=0, count=3)
    """Steps in the first room (at least 1), among the apples (0 leaves them out) and in the last room (at least 1)."""

    num_apples: int = integer(10, low=0, high=len(APPLE_SITES))
    """How many of the 22 sites have an apple at first."""

    apple_reward: float | tuple[float, float] = span(1.0)
    """Reward of an apple, or a range that it is drawn from uniformly."""

    fix_apple_reward: bool = flag(True)
    """Draw from the range once an episode, not for each apple."""

    final_reward: float = number(5.0, low=0)
    """Reward in the last room."""

    respawn_every: int = integer(20, low=0, high=_MOST_STEPS)
    """Steps for which an eaten apple is gone."""

    crop: bool = flag(True)
    """Observe 5x5 cells around the player, not the whole board."""

    def __post_init__(self) -> None:
        super().__post_init__()
        explore, _, reward = self.max_frames
        if min(explore, reward) < 1 or sum(self.max_frames) > _MOST_STEPS:
            raise ConfigError(
                f"{self.path}.max_frames is {self.max_frames}: allowed are at least 1, 0 and 1, "
                f"and at most {_MOST_STEPS} in all"
            )

    def _make(self, env_class: type, **flags: str) -> Made:
        from jaxmem.envs.rooms import RoomsParams

        low, high = self.apple_reward if isinstance(self.apple_reward, tuple) else (self.apple_reward,) * 2
        params = RoomsParams(
            max_frames=self.max_frames,
            num_apples=self.num_apples,
            apple_reward=(float(low), float(high)),
            final_reward=float(self.final_reward),
            respawn_every=self.respawn_every,
        )
        return env_class(crop=self.crop, fix_apple_reward=self.fix_apple_reward, **flags), params


@dataclasses.dataclass(frozen=True)
class KeyToDoorOptions(_RoomsOptions):
    """Key-to-Door: take a key that opens a door much later."""

    id: str = choice("KeyToDoor-v0", ("KeyToDoor-v0",))
    """Name of the environment in the registry."""

    max_frames: tuple[int, int, int] = integers((15, 60, 10), low=0, count=3)
    """Steps in the first room (at least 1), among the apples (0 leaves them out) and in the last room (at least 1)."""

    grid: str = choice("sr", ("sr", "cca"))
    """Last room: a single one with the door above it, or one like the first, where door and start are random."""

    def make(self) -> Made:
        """Build the task: `(KeyToDoor, RoomsParams)`."""
        from jaxmem.envs.key_to_door import KeyToDoor

        return self._make(KeyToDoor, grid=self.grid)

    def spec(self) -> EnvSpec:
        """Lengths in steps, the coarse ones of Ni et al. 2023, Table 1, whose memory length is just "short"."""
        horizon = sum(self.max_frames)
        return EnvSpec(
            id=self.id,
            source=f"{_SOURCE}; Raposo et al. 2021, arXiv 2102.12425",
            description="Take a key that pays nothing, pick apples, open a door with the key.",
            horizon=horizon,
            memory_length=None,
            credit_length=horizon,
        )


@dataclasses.dataclass(frozen=True)
class VisualMatchOptions(_RoomsOptions):
    """Visual Match: remember a colour and go to the door that has it."""

    id: str = choice("VisualMatch-v0", ("VisualMatch-v0",))
    """Name of the environment in the registry."""

    mode: str = choice("passive", ("passive", "active"))
    """Whether the colour is in view from the start or has to be looked for."""

    hue_order: str = choice("fixed", ("fixed", "episode"))
    """Order of the doors' colours: always red, green, blue, or drawn for each episode."""

    def make(self) -> Made:
        """Build the task: `(VisualMatch, RoomsParams)`."""
        from jaxmem.envs.visual_match import VisualMatch

        return self._make(VisualMatch, mode=self.mode, hue_order=self.hue_order)

    def spec(self) -> EnvSpec:
        """Lengths in steps, the coarse ones of Ni et al. 2023, Table 1."""
        horizon = sum(self.max_frames)
        passive = self.mode == "passive"
        return EnvSpec(
            id=self.id,
            source=_SOURCE,
            description="See a colour, pick apples, go to the door of that colour.",
            horizon=horizon,
            memory_length=horizon,
            credit_length=min(_ROOM, horizon) if passive else horizon,
        )
