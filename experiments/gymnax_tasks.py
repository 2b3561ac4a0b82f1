"""Tasks of gymnax with V-trace: bsuite's memory chain."""

from functools import partial

from jaxmem import envs
from jaxmem.experiment import Experiment
from jaxmem.networks import NetworkOptions
from jaxmem.recipes import vtrace_preset
from jaxmem.training import RunConfig


def memory_chain(core: str, length: int) -> RunConfig:
    """64 rows, played on for 32 steps an iteration with their memory carried, and one update on them."""
    return vtrace_preset(
        core,
        # An episode takes length + 1 steps.
        envs.options("MemoryChain-bsuite", memory_length=length, max_steps_in_episode=length + 2),
        NetworkOptions(obs_embed=32, action_embed=32, head=(64,)),
        unroll=32,
        stop_return=0.98,
    )


EXPERIMENTS = [
    *(
        Experiment(
            name=f"memory_chain_{length}",
            description=f"bsuite's memory chain: name a bit that was last seen {length - 1} steps ago",
            presets={"best": partial(memory_chain, length=length)},
            difference="not of the paper; in unrolls of 32 steps that know nothing of episodes",
            cores=("lru", "lstm", "gpt"),
        )
        for length in (5, 20)
    ),
]
