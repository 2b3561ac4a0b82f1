"""Atari with V-trace, by every architecture (arXiv:2310.03161)."""

from dataclasses import replace
from functools import partial

from jaxmem import agents, envs
from jaxmem.experiment import Experiment
from jaxmem.networks.architectures import ARCHITECTURES, atari
from jaxmem.recipes import vtrace_recipe
from jaxmem.training import LoopOptions, RunConfig

_DIFFERENCE = (
    "60x60 pixels without what stands still, games of 5 minutes and 4 million steps instead of 84x84, half an hour and "
    "30 million; strided convolutions where there is a residual network; Adam, unrolls of 32 steps, returns of some "
    "twenty steps, a third of the entropy cost"
)


def paper(core: str, game: str) -> RunConfig:
    """IMPALA's setting as TorchBeast has it for Pong (Küttler et al. 2019, arXiv:1910.03552), in one program.

    arXiv:2310.03161 says V-trace, 84x84 grey pixels, stacked frames, and that hyperparameters were tuned for each game,
    but not which they are. 32 games are played on for 80 steps, and learned from 8 at a time: the batch of TorchBeast.
    bfloat16 is left to GPUs: `--network.dtype bfloat16`.
    """
    made = atari(core)
    return RunConfig(
        env=envs.options(f"ale/{game}", sticky=0.0, episodic_life=True, fire_reset=True),
        core=made.core,
        agent=agents.options("vtrace", learning_rate=4e-4, entropy_cost=0.01),
        network=made.network,
        loop=_loop(rows=32, unroll=80, steps=30_000_000, eval_steps=1_000_000),
    )


def best(core: str, game: str) -> RunConfig:
    """What 2 cores of a CPU can do in an hour or two: smaller pictures, and more gradient steps for as many frames.

    Without `background` the value of Pong had learned next to nothing after 200,000 steps, and the policy nothing after
    600,000. Then advantages of deviation 1 and more passes over the same steps teach the policy noise.
    """
    made = atari(core)
    encoder = "strided" if made.network.encoder == "resnet" else made.network.encoder
    return RunConfig(
        env=envs.options(
            f"ale/{game}", sticky=0.0, episodic_life=True, fire_reset=True, size=60, max_frames=5 * 60 * 60
        ),
        core=made.core,
        agent=vtrace_recipe(
            discount=0.99,
            reward_clip="abs_one",
            entropy_cost=0.003,
            barrier_cost=0.0,
            learning_rate=5e-4,
            learning_rate_end=0.0,
        ),
        network=replace(made.network, encoder=encoder, background=True),
        loop=_loop(rows=32, unroll=32, steps=4_000_000, eval_steps=200_000),
    )


def _loop(rows: int, unroll: int, steps: int, eval_steps: int) -> LoopOptions:
    return LoopOptions(
        episodes=steps // unroll,
        collect=rows,
        unroll=unroll,
        minibatches=4,
        eval_every=eval_steps // unroll,
        eval_episodes=8,
        checkpoint_every=60,
    )


EXPERIMENTS = [
    Experiment(
        name=f"atari_{game.replace('_', '')}",
        description=f"Atari's {title}, by architectures that attend",
        presets={"best": partial(best, game=game), "paper": partial(paper, game=game)},
        difference=_DIFFERENCE,
        cores=tuple(ARCHITECTURES),
    )
    for game, title in (
        ("pong", "Pong"),
        ("enduro", "Enduro"),
        ("breakout", "Breakout"),
        ("ms_pacman", "Ms. Pac-Man"),
    )
]
