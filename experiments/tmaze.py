"""The T-Mazes of Ni et al. 2023 (arXiv:2307.03864), passive and active, and the quickstart."""

from functools import partial
from typing import Any

from jaxmem import agents, cores, envs
from jaxmem.experiment import Experiment
from jaxmem.networks import NetworkOptions
from jaxmem.training import LoopOptions, RunConfig

PASSIVE, ACTIVE = "PassiveTMaze-v0", "ActiveTMaze-v0"

# Training episodes by corridor length: the budgets of the paper's code.
PAPER_PASSIVE = {50: 20000, 100: 20000, 250: 16000, 500: 8000, 750: 8000, 1000: 8000, 1250: 8000, 1500: 6700}
PAPER_ACTIVE = {20: 40000, 50: 40000, 100: 40000, 250: 32000, 500: 16000}

DIFFERENCE = (
    "lambda-return (Peng, lambda 1) instead of one step; 16 episodes side by side and 4 updates on 32 of them instead of "
    "1 and a quarter of an update a step; learning rate 1e-3 instead of 3e-4; no dropout; width 64 and one hidden layer; "
    "epsilon to a quarter of 1/T in a twentieth of the episodes; stops once solved"
)


def paper(core: str, env_id: str, length: int, episodes: int, layers: int) -> RunConfig:
    """The published setting and budget: one environment, a quarter of an update a step, evaluation every 10 episodes."""
    depth: dict[str, Any] = {} if core == "mlp" else {"layers": layers}
    if core == "gpt":
        depth["heads"] = layers
    embed = (64, 64) if core == "gpt" else (32, 16)
    return RunConfig(
        env=envs.options(env_id, length=length),
        core=cores.options(core, width=128, **depth),
        agent=agents.options("ddqn"),
        network=NetworkOptions(obs_embed=embed[0], action_embed=embed[1]),
        loop=LoopOptions(episodes=episodes),
    )


def best(core: str, env_id: str, length: int, episodes: int = 20000) -> RunConfig:
    """The cheapest recipe known; `DIFFERENCE` says how it departs from the paper's.

    The return of a whole episode tells every step of it whether the cue was used; the one-step target says so at the
    last step alone, and carries it back a step at a time.
    """
    env = envs.options(env_id, length=length)
    horizon = env.spec().horizon
    return RunConfig(
        env=env,
        core=cores.options(core, width=64, **({"dropout": 0.0} if core == "gpt" else {})),
        agent=agents.options(
            "ddqn",
            learning_rate=1e-3,
            batch_size=32,
            td_lambda=1.0,
            epsilon_end=0.25 / horizon,
            epsilon_fraction=0.05,
            separate_selector=False,
        ),
        network=NetworkOptions(obs_embed=32, action_embed=32, head=(64,)),
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


def experiment(name: str, env_id: str, length: int, episodes: int, layers: int, asks: str) -> Experiment:
    return Experiment(
        name=f"{name}_{length}",
        description=asks,
        presets={
            "best": partial(best, env_id=env_id, length=length),
            "paper": partial(paper, env_id=env_id, length=length, episodes=episodes, layers=layers),
        },
        difference=DIFFERENCE,
    )


EXPERIMENTS = [
    Experiment(
        name="quickstart",
        description="passive T-Maze of length 20: remember a cue for 20 steps, learned in under a minute",
        presets={"best": partial(best, env_id=PASSIVE, length=20, episodes=8000)},
        difference="not of the paper; the recipe of passive_tmaze_50",
    ),
    *(
        experiment("passive_tmaze", PASSIVE, length, episodes, 1, f"remember a cue for {length} steps")
        for length, episodes in PAPER_PASSIVE.items()
    ),
    *(
        experiment(
            "active_tmaze", ACTIVE, length, episodes, 2, f"fetch the cue first, be paid {length + 2} steps later"
        )
        for length, episodes in PAPER_ACTIVE.items()
    ),
]
