"""Tasks of gymnax with V-trace: MinAtar Breakout, and bsuite's memory chain."""

from functools import partial

from jaxmem import envs
from jaxmem.experiment import Experiment
from jaxmem.networks import NetworkOptions
from jaxmem.recipes import best_core, vtrace_preset, vtrace_recipe
from jaxmem.training import LoopOptions, RunConfig


def minatar(core: str, env_id: str) -> RunConfig:
    """128 games side by side, played on for 32 steps an iteration; one update, the targets reaching over the unroll.

    The convolution is that of Young & Tian 2019 (arXiv:1903.03176): 16 channels, kernels of 3x3.
    """
    return RunConfig(
        env=envs.options(env_id),
        core=best_core(core, width=128),
        agent=vtrace_recipe(discount=0.99, entropy_cost=0.01, barrier_cost=0.0, learning_rate_end=0.0),
        network=NetworkOptions(cnn_channels=(16,), cnn_kernel=3, obs_embed=128, action_embed=0, head=(128,)),
        loop=LoopOptions(
            episodes=2500 * 128,
            collect=128,
            unroll=32,
            eval_every=125 * 128,
            eval_episodes=64,
            checkpoint_every=20,
        ),
    )


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
    Experiment(
        name="minatar_breakout",
        description="MinAtar's Breakout from its pictures, in unrolls of 32 steps",
        presets={"best": partial(minatar, env_id="Breakout-MinAtar")},
        difference="not of the paper",
        cores=("mlp", "lru", "lstm"),
    ),
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
