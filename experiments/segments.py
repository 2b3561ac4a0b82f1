"""What a recurrent-memory transformer needs to remember across segments: memory tokens, and gradients through them.

Hard is the beginning. At first a cue changes the memory that is handed on by a hundredth of its length, and
every update moves the map from one memory to the next: Adam at 1e-3, driven by noise, makes it contract within
a hundred updates, and nothing crosses ten segments any more. So the step size is small, and noise is kept low:
one-step targets, a small weight of the value's loss, and a narrow embedding of the actions, which mean nothing
before the last step. A strong barrier keeps the policy even until it knows better; rewards tell less of an
uneven one.

Some noise is wanted. Without any, blocks that nobody taught to hand a cue on still hand on a trace of it that
the last segment can learn to read, and gradients across segments only make it faster. The wider the embedding
of the actions, the less of that is left, and the fewer initial values the preset `best` learns from: with 24 of
64 it failed from two of two that it learned from with 16.
"""

from functools import partial

from jaxmem import cores, envs
from jaxmem.config import ConfigError
from jaxmem.experiment import Experiment
from jaxmem.networks import NetworkOptions
from jaxmem.recipes import vtrace_recipe
from jaxmem.training import LoopOptions, RunConfig

SEGMENT = 5
SEGMENTS = (1, 2, 5, 10)

# What each preset changes in the core.
ARMS = {"best": {}, "cut": {"memory_gradient": "detach"}, "blind": {"tokens": 0}}

DIFFERENCE = (
    "not of the paper; 'cut' lets no gradient cross the border of a segment, as the code of RATE does, 'blind' has no "
    "memory tokens"
)


def config(core: str, segments: int, arm: str) -> RunConfig:
    """A bit is seen in the first step and asked for in the first step of a segment that is `segments` later."""
    options = {"segment": SEGMENT, "dropout": 0.0, "init_std": 0.1, **ARMS[arm]} if core == "rmt" else {}
    if ARMS[arm] and core != "rmt":
        raise ConfigError(f"preset {arm} is about memory tokens: allowed is the core rmt, not {core}")
    return RunConfig(
        env=envs.options("MemoryLength-v0", length=SEGMENT * segments + 1),
        core=cores.options(core, width=64, **options),
        agent=vtrace_recipe(td_lambda=0.0, learning_rate=1e-4, baseline_cost=0.01, barrier_cost=0.1),
        network=NetworkOptions(obs_embed=48, action_embed=16, head=(64,)),
        loop=LoopOptions(
            episodes=64 * 1000,
            collect=64,
            eval_every=64 * 25,
            eval_episodes=64,
            stop_success=0.98,
            checkpoint_every=20,
        ),
    )


EXPERIMENTS = [
    Experiment(
        name=f"segments_{segments}",
        description=f"name a bit that was seen {segments} segment{'s' if segments > 1 else ''} ago",
        presets={arm: partial(config, segments=segments, arm=arm) for arm in ARMS},
        difference=DIFFERENCE,
        cores=("rmt",),
    )
    for segments in SEGMENTS
]
