"""MinAtar with V-trace: by plain cores, and by every architecture that looks at pictures."""

from functools import partial

from jaxmem import envs
from jaxmem.experiment import Experiment
from jaxmem.networks import NetworkOptions
from jaxmem.networks.architectures import ARCHITECTURES, Architecture, small
from jaxmem.recipes import best_core, vtrace_recipe
from jaxmem.training import LoopOptions, RunConfig


def minatar(core: str, env_id: str, architecture: bool) -> RunConfig:
    """Games side by side, played on for 32 steps an iteration; the targets reach over the unroll.

    Architectures, whose steps are dear, play 32 games and make eight small updates of each unroll, 600 times: 614,400
    steps. Plain cores play 128 games and 10 million steps, behind a convolution of 16 kernels of 3x3 (Young & Tian
    2019, arXiv:1903.03176), with one update of each unroll.
    """
    games, parts, iterations, evaluations = (32, 8, 600, 12) if architecture else (128, 1, 2500, 20)
    plain = NetworkOptions(cnn_channels=(16,), cnn_kernel=3, obs_embed=128, action_embed=0, head=(128,))
    made = small(core) if architecture else Architecture(best_core(core, width=128), plain)
    return RunConfig(
        env=envs.options(env_id),
        core=made.core,
        agent=vtrace_recipe(
            discount=0.99,
            entropy_cost=0.01,
            barrier_cost=0.0,
            learning_rate=5e-4 if architecture else 1e-3,
            learning_rate_end=0.0,
        ),
        network=made.network,
        loop=LoopOptions(
            episodes=iterations * games,
            collect=games,
            unroll=32,
            minibatches=parts,
            eval_every=iterations // evaluations * games,
            eval_episodes=64,
            checkpoint_every=20,
        ),
    )


EXPERIMENTS = [
    Experiment(
        name="minatar_breakout",
        description="MinAtar's Breakout from its pictures, in unrolls of 32 steps",
        presets={"best": partial(minatar, env_id="Breakout-MinAtar", architecture=False)},
        difference="not of the paper",
        cores=("mlp", "lru", "lstm"),
    ),
    *(
        Experiment(
            name=f"look_minatar_{game}",
            description=f"MinAtar's {title} by architectures that attend, with sticky actions",
            presets={"best": partial(minatar, env_id=f"Sticky{title}-MinAtar", architecture=True)},
            difference="not of the paper, which has Atari",
            cores=tuple(ARCHITECTURES),
        )
        for game, title in (
            ("breakout", "Breakout"),
            ("asterix", "Asterix"),
            ("freeway", "Freeway"),
            ("spaceinvaders", "SpaceInvaders"),
        )
    ),
]
