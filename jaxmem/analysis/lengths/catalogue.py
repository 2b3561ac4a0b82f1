"""The tasks of the registry at sizes that can be measured, beside what is claimed of them."""

import dataclasses
from typing import Any, NamedTuple

from jaxmem import envs
from jaxmem.analysis.lengths.measure import Lengths, measure
from jaxmem.config import ConfigError
from jaxmem.envs.registry import ADAPTERS
from jaxmem.failures import reason

# Tasks without an entry are tried as they are; what does not fit is not finite for practical purposes.
_TRIED_STATES = 2_000
_TRIED_BELIEFS = 20_000
_FEW_DRAWS, _TRIED_DRAWS = 8, 1024
DISCOUNT = 0.99


class Claim(NamedTuple):
    """What Table 1 of Ni et al. 2023 (arXiv 2307.03864) says, in its own words: l_mem, m and c."""

    policy_memory: str
    memory: str
    credit: str


@dataclasses.dataclass(frozen=True)
class Entry:
    """A task at one size.

    Attributes:
        id: name in the registry.
        options: what differs from the defaults.
        claim: what the paper's table says of it; None where it is not in there.
        note: why what is measured differs from what is claimed; empty where it does not.
    """

    id: str
    options: dict[str, Any]
    claim: Claim | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Result:
    """What was found: the lengths, or one line on why there are none."""

    entry: Entry
    spec: envs.EnvSpec | None
    lengths: Lengths | None
    reason: str = ""


_ALL = Claim("T", "T", "T")
_CUE_SECOND = "the cue is the second observation, so that T - 1 are enough to act; the paper rounds to T"
_NOTES = (
    "the smallest l_mem is that of a policy whose idle actions repeat the bit to itself; without such notes (ties "
    "drawn) it is the claimed one"
)
ENTRIES = (
    Entry("PassiveTMaze-v0", {"length": 20}, Claim("T", "T", "1")),
    Entry("PassiveTMaze-v0", {"length": 20, "penalty": 0}, _ALL),
    Entry("ActiveTMaze-v0", {"length": 20}, _ALL, _CUE_SECOND),
    Entry("ActiveTMaze-v0", {"length": 20, "penalty": 0}, None, _CUE_SECOND),
    Entry("TMaze-v0", {"length": 20, "cue_every": 5}),
    Entry("TMaze-v0", {"length": 20, "cue_every": 5, "penalty": 0}),
    Entry("TMaze-v0", {"length": 20, "cue_every": 5, "oracle_distance": 3}),
    Entry("RateTMaze-v0", {"length": 8}),
    Entry(
        "KeyToDoor-v0",
        {"num_apples": 0, "max_frames": (6, 3, 4)},
        Claim("short", "T", "T"),
        "without apples and with shorter rooms; c and m leave out a few first steps, which can be lost before the key "
        "is out of reach, and a few last ones, after the door has paid; with a note to itself a policy can do with its "
        "last observation",
    ),
    Entry(
        "VisualMatch-v0",
        {"num_apples": 0, "max_frames": (2, 2, 9)},
        Claim("T", "T", "at most 18"),
        "without apples and with shorter rooms; the colour is in the first two observations, the ways to the doors "
        "part six steps after the second, and from there on an agent can tell by its way what it saw",
    ),
    Entry("MemoryLength-v0", {"length": 20}, Claim("T", "T", "1"), _NOTES),
    Entry("UmbrellaLength-v0", {"length": 20, "distractors": 2}, Claim("1", "1", "T")),
    Entry(
        "DelayedCatch-v0",
        {"drops": 5},
        Claim("1", "T", "T"),
        "nothing is caught before the first ball is down, and before that the paddle has steps to spare: m and c are "
        "shorter than T by less than one fall",
    ),
    Entry("RepeatFirst-v0", {"ranks": 3}, Claim("2", "T", "1")),
    Entry(
        "Autoencode-v0",
        {"ranks": 1},
        Claim("T", "T", "1"),
        "four cards, all of different suits: the last to be named follows from the others, and so does the one before",
    ),
    Entry(
        "HeavenHell-v0",
        {},
        _ALL,
        "the priest is seen 7 moves before the junction, so that 8 observations suffice; the shortest way takes 14 "
        "of the 20 steps, and the first move is paid for by the 14th",
    ),
    Entry(
        "MemoryCards-v0",
        {"pairs": 2, "limit": 8},
        Claim("long", "long", "1"),
        "two pairs instead of five; the policy can name again the card whose partner it has seen",
    ),
    Entry(
        "ActionAssociativeRetrieval-v0",
        {"length": 20},
        None,
        "a policy that always acts alike is optimal and needs no memory; one that draws its first action (ties drawn) "
        "needs what is stated",
    ),
)


def entries() -> list[Entry]:
    """The tasks of `ENTRIES`, then every other environment of the registry as it is.

    Simulated ones are left out: with their continuous states and actions none of them is finite.
    """
    known = {entry.id for entry in ENTRIES}
    others = (id for id in envs.registered_envs if id not in known and not id.startswith(tuple(ADAPTERS)))
    return [*ENTRIES, *(Entry(id, {}) for id in others)]


def measure_entry(entry: Entry) -> Result:
    """Measure one task; what cannot be measured is told in the result."""
    try:
        spec = envs.spec(entry.id, **entry.options)
        env, params = envs.make(entry.id, **entry.options)
        if not hasattr(env, "as_pomdp"):
            # Tasks of too many states show it with a few draws, and many draws of them would take minutes.
            envs.as_pomdp(env, params, draws=_FEW_DRAWS, max_states=_TRIED_STATES)
        pomdp = envs.as_pomdp(env, params, draws=_TRIED_DRAWS, max_states=_TRIED_STATES)
        return Result(entry, spec, measure(pomdp, DISCOUNT, max_beliefs=_TRIED_BELIEFS))
    except ConfigError as error:
        return Result(entry, None, None, str(error))
    # What other people's environments raise is theirs to choose.
    except Exception as error:
        return Result(entry, None, None, reason(error))
