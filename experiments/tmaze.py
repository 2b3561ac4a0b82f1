"""The T-Mazes of Ni et al. 2023 (arXiv:2307.03864), passive and active, and the quickstart."""

from functools import partial

from jaxmem import agents, cores, envs
from jaxmem.experiment import Experiment
from jaxmem.networks import NetworkOptions
from jaxmem.training import LoopOptions, RunConfig

# Training episodes by corridor length, from the budgets of the paper's code.
PASSIVE_EPISODES = {50: 20000, 100: 20000, 250: 16000, 500: 8000, 750: 8000, 1000: 8000, 1250: 8000, 1500: 6700}
ACTIVE_EPISODES = {20: 40000, 50: 40000, 100: 40000, 250: 32000, 500: 16000}


def network(core: str) -> NetworkOptions:
    if core == "gpt":
        return NetworkOptions(obs_embed=64, action_embed=64)
    return NetworkOptions(obs_embed=32, action_embed=16)


def paper(core: str, env_id: str, length: int, episodes: int, layers: int) -> RunConfig:
    """The published setting: one environment, a quarter of an update a step, evaluation every 10 episodes."""
    options = {"layers": layers} | ({"heads": layers} if core == "gpt" else {})
    return RunConfig(
        env=envs.options(env_id, length=length),
        core=cores.options(core, width=128, **(options if core != "mlp" else {})),
        agent=agents.options("ddqn"),
        network=network(core),
        loop=LoopOptions(episodes=episodes),
    )


def best(core: str, env_id: str, length: int, episodes: int) -> RunConfig:
    """The cheap recipe: 16 episodes side by side, 4 updates on 32 of them, a larger step."""
    dropout = {"dropout": 0.0} if core == "gpt" else {}
    embed = 32
    return RunConfig(
        env=envs.options(env_id, length=length),
        core=cores.options(core, width=64, **dropout),
        agent=agents.options("ddqn", learning_rate=1e-3, batch_size=32, separate_selector=False),
        network=NetworkOptions(obs_embed=embed, action_embed=embed, head=(64,)),
        loop=LoopOptions(
            episodes=episodes,
            collect=16,
            updates=4,
            random_episodes=32,
            eval_every=160,
            eval_episodes=64,
            stop_return=0.98,
        ),
    )


EXPERIMENTS = [
    Experiment(
        name="quickstart",
        description="passive T-Maze of length 20, learned in under a minute",
        presets={"best": partial(best, env_id="PassiveTMaze-v0", length=20, episodes=8000)},
    ),
    *(
        Experiment(
            name=f"passive_tmaze_{length}",
            description=f"passive T-Maze of length {length}: remember a cue for {length} steps",
            presets={
                "best": partial(best, env_id="PassiveTMaze-v0", length=length, episodes=20000),
                "paper": partial(paper, env_id="PassiveTMaze-v0", length=length, episodes=episodes, layers=1),
            },
        )
        for length, episodes in PASSIVE_EPISODES.items()
    ),
    *(
        Experiment(
            name=f"active_tmaze_{length}",
            description=f"active T-Maze of length {length}: fetch the cue first, be paid {length + 2} steps later",
            presets={
                "best": partial(best, env_id="ActiveTMaze-v0", length=length, episodes=episodes),
                "paper": partial(paper, env_id="ActiveTMaze-v0", length=length, episodes=episodes, layers=2),
            },
        )
        for length, episodes in ACTIVE_EPISODES.items()
    ),
]
