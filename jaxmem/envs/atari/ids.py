"""Atari games as `ale/NAME` (Bellemare et al. 2013; Machado et al. 2018), and their options.

It imports neither gymnax nor ale-py, so that reading a command line starts no backend.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence

from jaxmem.config import ConfigError, choice, flag, integer, lookup, number
from jaxmem.envs.registry import EnvOptions, EnvSpec, Made

_PREFIX = "ale/"
# What lists show; every other game can be named as well.
_NAMES = (
    "breakout",
    "enduro",
    "freeway",
    "montezuma_revenge",
    "ms_pacman",
    "pong",
    "qbert",
    "seaquest",
    "space_invaders",
)
# The games of ale-py 0.12.
_ROMS = """
    adventure air_raid alien amidar assault asterix asteroids atlantis atlantis2 backgammon bank_heist basic_math
    battle_zone beam_rider berzerk blackjack bowling boxing breakout carnival casino centipede chopper_command
    combat crazy_climber crossbow darkchambers defender demon_attack donkey_kong double_dunk earthworld
    elevator_action enduro entombed et fishing_derby flag_capture freeway frogger frostbite galaxian gopher gravitar
    hangman haunted_house hero human_cannonball ice_hockey jamesbond journey_escape joust kaboom kangaroo
    keystone_kapers king_kong klax koolaid krull kung_fu_master laser_gates lost_luggage mario_bros maze_craze
    miniature_golf montezuma_revenge mr_do ms_pacman name_this_game othello pacman phoenix pitfall pitfall2 pong
    pooyan private_eye qbert riverraid road_runner robotank seaquest sir_lancelot skiing solaris space_invaders
    space_war star_gunner superman surround tennis tetris tic_tac_toe_3d time_pilot trondead turmoil tutankham
    up_n_down venture video_checkers video_chess video_cube video_pinball warlords wizard_of_wor word_zapper
    yars_revenge zaxxon
"""
_GAMES = tuple(_ROMS.split())


@dataclasses.dataclass(frozen=True)
class AtariOptions(EnvOptions):
    """Options of an Atari game: sticky actions of Machado et al. 2018, all else as is usual in the literature since."""

    sticky: float = number(0.25, 0, 1)
    """Chance in each frame that the action before is repeated instead (sticky actions, Machado et al. 2018)."""

    full_actions: bool = flag(False)
    """All 18 actions of the joystick, instead of those alone that do something in the game."""

    stack: int = integer(4, low=1, high=64)
    """Frames that are seen at once, the newest last; those before the first one are black."""

    frame_skip: int = integer(4, low=1, high=1000)
    """Emulator frames that an action lasts; the brighter of the last two is seen, pixel by pixel."""

    size: int = integer(84, low=1, high=1000)
    """Width and height to which the screen is resized."""

    grayscale: bool = flag(True)
    """Grey frames; else red, green and blue."""

    clip_rewards: bool = flag(False)
    """Rewards are the signs of what the game pays: -1, 0 or 1. The score of games stays the true one."""

    episodic_life: bool = flag(False)
    """The loss of a life ends the episode, and the next one begins with the next life; no score is reported then."""

    noop_max: int = integer(30, low=0, high=100_000)
    """A game begins with a random number of frames in which nothing is done: fewer than this."""

    fire_reset: bool = flag(False)
    """Fire is pressed at the beginning of a game and of each next life, where the game has it."""

    max_frames: int = integer(108_000, low=1, high=2**31 - 1)
    """Emulator frames after which a game is truncated: half an hour. Those before the first action do not count."""

    threads: int = integer(0, low=0, high=100_000)
    """Threads of the emulators; 0: as many as there are cores, at most one a game. They do not change what happens."""

    @property
    def name(self) -> str:
        """Name of the game's ROM in ale-py."""
        return self.id.removeprefix(_PREFIX)

    @property
    def horizon(self) -> int:
        """The most steps of a game."""
        return math.ceil(self.max_frames / self.frame_skip)

    def evaluated(self) -> "AtariOptions":
        """Whole games with the rewards that they pay."""
        return dataclasses.replace(self, episodic_life=False, clip_rewards=False)

    def make(self) -> Made:
        """Build the game: `(AtariGame, NoParams)`.

        Raises:
            ConfigError: ale-py is not there, or cannot play this game.
        """
        try:
            import ale_py.vector_env  # noqa: F401
        except ImportError as error:
            raise ConfigError(
                f"environment {self.id!r} needs ale-py ({_line(error)}): pip install 'jaxmem[atari]', "
                "in a clone make install EXTRA=atari"
            ) from error
        import jax

        if jax.default_backend() not in ("cpu", "gpu"):
            raise ConfigError(
                f"environment {self.id!r} plays beside CPUs and NVIDIA GPUs alone: this is a {jax.default_backend()}"
            )
        from jaxmem.envs.atari.games import AtariGame
        from jaxmem.envs.probes.base import NoParams

        try:
            return AtariGame(self), NoParams()
        # ale-py asserts that it has the game, and reads its ROM. Whatever else goes wrong in it ends the process.
        except (AssertionError, OSError) as error:
            raise ConfigError(f"environment {self.id!r} could not be made: {_line(error)}") from error

    def spec(self) -> EnvSpec:
        """Horizon in steps. Memory and credit length are not stated. ale-py need not be there."""
        title = self.name.replace("_", " ").title()
        colours = "grey" if self.grayscale else "in colour"
        return EnvSpec(
            id=self.id,
            source="ALE, Bellemare et al. 2013, arXiv 1207.4708; Machado et al. 2018, arXiv 1709.06009",
            description=f"{title} on an Atari 2600: {self.stack} frames of {self.size} x {self.size}, {colours}.",
            horizon=self.horizon,
            memory_length=None,
            credit_length=None,
        )


def ids() -> tuple[str, ...]:
    """The ids of well-known games, whether or not ale-py is installed; `options_class` takes all others too."""
    return tuple(_PREFIX + name for name in _NAMES)


@functools.cache
def options_class(id: str) -> type[AtariOptions]:
    """The options class of one game.

    Raises:
        ConfigError: ale-py has none of that name.
    """
    name = id.removeprefix(_PREFIX)
    if name not in _GAMES and name not in _installed():
        hint = f"known are {_PREFIX} and the names of ale-py's {len(_GAMES)} ROMs, in snake_case"
        lookup(dict.fromkeys(_PREFIX + game for game in _GAMES), id, "environment", hint)
    title = "".join(part.capitalize() for part in name.split("_"))
    return dataclasses.make_dataclass(
        f"Ale{title}Options",
        [("id", str, choice(id, (id,)))],
        bases=(AtariOptions,),
        namespace={"__doc__": f"Options of {id}.", "__module__": __name__},
        frozen=True,
    )


def _installed() -> Sequence[str]:
    try:
        from ale_py import roms
    except ImportError:
        return ()
    return roms.get_all_rom_ids()


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
