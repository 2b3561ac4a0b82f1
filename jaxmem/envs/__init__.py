"""Environments: jaxmem's own and gymnax's, by name.

`make(id, **options)` builds one, `options` gives the same choice as a frozen configuration, `spec`
says what it asks of an agent, and `registered_envs` lists every id. Classes of environments are
imported on first use: they need gymnax, whose import starts JAX's backend.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxmem.envs import registry
from jaxmem.envs.action_retrieval_options import ActionAssociativeRetrievalOptions
from jaxmem.envs.control_options import ControlOptions
from jaxmem.envs.memory_maze_options import MemoryMazeOptions
from jaxmem.envs.minatar_options import sticky_games
from jaxmem.envs.pendulum import OccludedPendulumOptions
from jaxmem.envs.policies import ScriptedPolicy, scripted_policies, scripted_policy
from jaxmem.envs.pomdp import Beginning, FinitePOMDP, Outcome
from jaxmem.envs.probes.options import (
    AutoencodeOptions,
    DelayedCatchOptions,
    HeavenHellOptions,
    MemoryCardsOptions,
    MemoryLengthOptions,
    RepeatFirstOptions,
    UmbrellaLengthOptions,
)
from jaxmem.envs.rate_tmaze_options import RateTMazeOptions
from jaxmem.envs.registry import (
    EnvOptions,
    EnvSpec,
    as_pomdp,
    cue,
    decisive_action,
    episode_metrics,
    fixed_horizon,
    horizon,
    is_known,
    make,
    options,
    plays_rows,
    register,
    spec,
)
from jaxmem.envs.rooms_options import KeyToDoorOptions, VisualMatchOptions
from jaxmem.envs.tmaze_options import ActiveTMazeOptions, PassiveTMazeOptions, TMazeOptions

if TYPE_CHECKING:
    from jaxmem.envs.action_retrieval import (
        ActionAssociativeRetrieval,
        ActionAssociativeRetrievalLayout,
        ActionAssociativeRetrievalParams,
        ActionAssociativeRetrievalState,
    )
    from jaxmem.envs.key_to_door import KeyToDoor, KeyToDoorLayout, KeyToDoorState
    from jaxmem.envs.memory_maze import MemoryMaze
    from jaxmem.envs.memory_maze_layout import MemoryMazeLayout
    from jaxmem.envs.memory_maze_state import MemoryMazeParams, MemoryMazeState
    from jaxmem.envs.probes.autoencode import Autoencode
    from jaxmem.envs.probes.cards import CardsLayout
    from jaxmem.envs.probes.delayed_catch import DelayedCatch, DelayedCatchLayout
    from jaxmem.envs.probes.heaven_hell import HeavenHell, HeavenHellLayout
    from jaxmem.envs.probes.memory_cards import MemoryCards, MemoryCardsLayout
    from jaxmem.envs.probes.memory_length import MemoryLength, MemoryLengthLayout
    from jaxmem.envs.probes.repeat_first import RepeatFirst
    from jaxmem.envs.probes.umbrella_length import UmbrellaLength, UmbrellaLengthLayout
    from jaxmem.envs.rate_tmaze import RateTMaze, RateTMazeLayout, RateTMazeParams, RateTMazeState
    from jaxmem.envs.rooms import RoomsParams
    from jaxmem.envs.sticky import Sticky, StickyState
    from jaxmem.envs.tmaze import TMaze, TMazeLayout, TMazeParams, TMazeState
    from jaxmem.envs.visual_match import VisualMatch, VisualMatchLayout, VisualMatchState
    from jaxmem.envs.wrapper_base import Wrapper
    from jaxmem.envs.wrappers import Delayed, DelayedState, Flickering, Noisy, Occluded, Repeated

    registered_envs: list[str]

__all__ = [
    "ActionAssociativeRetrieval",
    "ActionAssociativeRetrievalLayout",
    "ActionAssociativeRetrievalOptions",
    "ActionAssociativeRetrievalParams",
    "ActionAssociativeRetrievalState",
    "ActiveTMazeOptions",
    "Autoencode",
    "AutoencodeOptions",
    "Beginning",
    "CardsLayout",
    "ControlOptions",
    "Delayed",
    "DelayedCatch",
    "DelayedCatchLayout",
    "DelayedCatchOptions",
    "DelayedState",
    "EnvOptions",
    "EnvSpec",
    "FinitePOMDP",
    "Flickering",
    "HeavenHell",
    "HeavenHellLayout",
    "HeavenHellOptions",
    "KeyToDoor",
    "KeyToDoorLayout",
    "KeyToDoorOptions",
    "KeyToDoorState",
    "MemoryCards",
    "MemoryCardsLayout",
    "MemoryCardsOptions",
    "MemoryLength",
    "MemoryLengthLayout",
    "MemoryLengthOptions",
    "MemoryMaze",
    "MemoryMazeLayout",
    "MemoryMazeOptions",
    "MemoryMazeParams",
    "MemoryMazeState",
    "Noisy",
    "Occluded",
    "OccludedPendulumOptions",
    "Outcome",
    "PassiveTMazeOptions",
    "RateTMaze",
    "RateTMazeLayout",
    "RateTMazeOptions",
    "RateTMazeParams",
    "RateTMazeState",
    "RepeatFirst",
    "RepeatFirstOptions",
    "Repeated",
    "RoomsParams",
    "ScriptedPolicy",
    "Sticky",
    "StickyState",
    "TMaze",
    "TMazeLayout",
    "TMazeOptions",
    "TMazeParams",
    "TMazeState",
    "UmbrellaLength",
    "UmbrellaLengthLayout",
    "UmbrellaLengthOptions",
    "VisualMatch",
    "VisualMatchLayout",
    "VisualMatchOptions",
    "VisualMatchState",
    "Wrapper",
    "as_pomdp",
    "cue",
    "decisive_action",
    "episode_metrics",
    "fixed_horizon",
    "horizon",
    "is_known",
    "make",
    "options",
    "plays_rows",
    "register",
    "registered_envs",
    "scripted_policies",
    "scripted_policy",
    "spec",
]

_CLASSES = {
    "jaxmem.envs.action_retrieval": (
        "ActionAssociativeRetrieval",
        "ActionAssociativeRetrievalLayout",
        "ActionAssociativeRetrievalParams",
        "ActionAssociativeRetrievalState",
    ),
    "jaxmem.envs.key_to_door": ("KeyToDoor", "KeyToDoorLayout", "KeyToDoorState"),
    "jaxmem.envs.memory_maze": ("MemoryMaze",),
    "jaxmem.envs.memory_maze_layout": ("MemoryMazeLayout",),
    "jaxmem.envs.memory_maze_state": ("MemoryMazeParams", "MemoryMazeState"),
    "jaxmem.envs.probes.autoencode": ("Autoencode",),
    "jaxmem.envs.probes.cards": ("CardsLayout",),
    "jaxmem.envs.probes.delayed_catch": ("DelayedCatch", "DelayedCatchLayout"),
    "jaxmem.envs.probes.heaven_hell": ("HeavenHell", "HeavenHellLayout"),
    "jaxmem.envs.probes.memory_cards": ("MemoryCards", "MemoryCardsLayout"),
    "jaxmem.envs.probes.memory_length": ("MemoryLength", "MemoryLengthLayout"),
    "jaxmem.envs.probes.repeat_first": ("RepeatFirst",),
    "jaxmem.envs.probes.umbrella_length": ("UmbrellaLength", "UmbrellaLengthLayout"),
    "jaxmem.envs.rate_tmaze": ("RateTMaze", "RateTMazeLayout", "RateTMazeParams", "RateTMazeState"),
    "jaxmem.envs.rooms": ("RoomsParams",),
    "jaxmem.envs.sticky": ("Sticky", "StickyState"),
    "jaxmem.envs.tmaze": ("TMaze", "TMazeLayout", "TMazeParams", "TMazeState"),
    "jaxmem.envs.visual_match": ("VisualMatch", "VisualMatchLayout", "VisualMatchState"),
    "jaxmem.envs.wrapper_base": ("Wrapper",),
    "jaxmem.envs.wrappers": ("Delayed", "DelayedState", "Flickering", "Noisy", "Occluded", "Repeated"),
}

register("PassiveTMaze-v0", PassiveTMazeOptions)
register("ActiveTMaze-v0", ActiveTMazeOptions)
register("TMaze-v0", TMazeOptions)
register("RateTMaze-v0", RateTMazeOptions)
register("ActionAssociativeRetrieval-v0", ActionAssociativeRetrievalOptions)
register("KeyToDoor-v0", KeyToDoorOptions)
register("VisualMatch-v0", VisualMatchOptions)
register("MemoryLength-v0", MemoryLengthOptions)
register("UmbrellaLength-v0", UmbrellaLengthOptions)
register("DelayedCatch-v0", DelayedCatchOptions)
register("RepeatFirst-v0", RepeatFirstOptions)
register("Autoencode-v0", AutoencodeOptions)
register("HeavenHell-v0", HeavenHellOptions)
register("MemoryCards-v0", MemoryCardsOptions)
register("MemoryMaze-v0", MemoryMazeOptions)
register("OccludedPendulum-v0", OccludedPendulumOptions)
for _id, _options in sticky_games().items():
    register(_id, _options)


def __getattr__(name: str) -> Any:
    if name == "registered_envs":
        return registry.registered_envs()
    for module, names in _CLASSES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
