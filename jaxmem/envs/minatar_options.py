"""MinAtar's games with sticky actions, as they were published.

They import no gymnax, so that reading a command line starts no backend.
"""

import dataclasses

from jaxmem.config import choice, integer, number
from jaxmem.envs.registry import EnvOptions, EnvSpec, Made

GAMES = ("Breakout", "Asterix", "Freeway", "SpaceInvaders")
_STICKY = "Sticky"


@dataclasses.dataclass(frozen=True)
class StickyMinAtarOptions(EnvOptions):
    """A game of MinAtar (Young & Tian 2019, arXiv:1903.03176): gymnax's, with the sticky actions that it leaves out.

    Without them a game begins in a few ways and has no chance after that, so that it can be played from memory.
    """

    sticky: float = number(0.1, 0, 1)
    """Probability that the last action is taken again in place of the one that was chosen."""

    max_steps_in_episode: int | None = integer(None, low=1, optional=True)
    """The most steps of an episode; none takes gymnax's."""

    def make(self) -> Made:
        """Build the game: gymnax's environment in `Sticky`, and gymnax's params."""
        import gymnax

        from jaxmem.envs.sticky import Sticky

        env, params = gymnax.make(self.id.removeprefix(_STICKY))
        if self.max_steps_in_episode is not None:
            params = params.replace(max_steps_in_episode=self.max_steps_in_episode)  # pyright: ignore[reportAttributeAccessIssue]
        return Sticky(env, self.sticky), params

    def spec(self) -> EnvSpec:
        """What the task asks; memory and credit lengths are not stated."""
        _, params = self.make()
        description = f"{self.id.removeprefix(_STICKY)} with sticky actions."
        source = "Young & Tian 2019, arXiv 1903.03176; gymnax"
        return EnvSpec(self.id, source, description, int(params.max_steps_in_episode), None, None)


def sticky_games() -> dict[str, type[StickyMinAtarOptions]]:
    """The options of each game, by id."""
    found = {}
    for game in GAMES:
        id = f"{_STICKY}{game}-MinAtar"
        found[id] = dataclasses.make_dataclass(
            f"{_STICKY}{game}Options",
            [("id", str, choice(id, (id,)))],
            bases=(StickyMinAtarOptions,),
            namespace={"__doc__": StickyMinAtarOptions.__doc__, "__module__": __name__},
            frozen=True,
        )
    return found
