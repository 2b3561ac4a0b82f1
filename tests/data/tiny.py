"""A user's own experiment file: a run of a few seconds, for the tests."""

from jaxmem import agents, cores, envs
from jaxmem.experiment import Experiment
from jaxmem.networks import NetworkOptions
from jaxmem.training import LoopOptions, RunConfig


def best(core: str) -> RunConfig:
    return RunConfig(
        env=envs.options("PassiveTMaze-v0", length=3),
        core=cores.options(core, width=8),
        agent=agents.options("ddqn", batch_size=4, learning_rate=1e-2),
        network=NetworkOptions(obs_embed=4, action_embed=4, head=(8,)),
        loop=LoopOptions(
            episodes=40,
            collect=4,
            updates=2,
            random_episodes=6,
            replay_steps=1,
            eval_every=8,
            eval_episodes=4,
            checkpoint_every=0,
        ),
        seeds=2,
    )


EXPERIMENTS = [Experiment(name="tiny", description="seconds", presets={"best": best}, cores=("gpt",))]
