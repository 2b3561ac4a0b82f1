"""Key-to-Door and Visual Match of Ni et al. 2023 (arXiv:2307.03864), on pixels."""

from functools import partial
from typing import Any

from jaxmem import agents, cores, envs
from jaxmem.envs import EnvOptions
from jaxmem.experiment import Experiment
from jaxmem.networks import NetworkOptions
from jaxmem.recipes import paper_core, ppo_preset, sac_preset, vtrace_preset
from jaxmem.training import LoopOptions, RunConfig

# Training episodes by steps among the apples: the budgets of the paper's code, which has none for the active variant
# of Visual Match; that takes those of the passive one.
PAPER_KEY_TO_DOOR = {60: 40000, 120: 40000, 250: 30000, 500: 15000}
PAPER_VISUAL_MATCH = {60: 40000, 120: 30000, 250: 15000, 500: 10000, 750: 10000, 1000: 10000}
PAPER_ACTIVE_VISUAL_MATCH = {length: PAPER_VISUAL_MATCH[length] for length in (60, 120, 250)}

SAC_DIFFERENCE = (
    "16 episodes side by side and 8 updates on 32 of them instead of 1 and a quarter of an update a step; "
    "learning rate 1e-3 instead of 3e-4; lambda-return of 0.5 instead of one step; gradient norm clipped at 0.5; "
    "no dropout; one layer of width 64, an embedding of 64 and a head of 64; wider initial weights (gpt, trxl), forget "
    "bias 1 (lstm); 64 random episodes instead of 10, at most 60000 in all; evaluations every 320 episodes on 64; "
    "stops once greedy success is 0.98 in three of them in a row"
)
KEY_TO_DOOR_DIFFERENCE = (
    "PPO, by the recipe of the active T-Mazes, with discount 1, values and credit by the size of rewards, instead of "
    "SAC-Discrete with one-step targets and 0.99, on 128 episodes side by side, at most 300000; preset sac has the "
    "paper's algorithm, cheaper"
)
VISUAL_MATCH_DIFFERENCE = (
    SAC_DIFFERENCE + "; of both presets: the doors' colours keep their order, which the original draws anew for "
    "training and for evaluation"
)

# The most that the cheap recipe trains; it stops when it has solved the task.
BEST_EPISODES = 60000
NETWORK = NetworkOptions(obs_embed=64, action_embed=0, head=(64,))


def paper(core: str, env: EnvOptions, episodes: int, layers: int) -> RunConfig:
    """The published setting and budget: one environment, a quarter of an update a step, evaluations of 20 episodes.

    In Visual Match the order of the doors' colours is fixed; the original draws one each for training and evaluation.
    """
    return RunConfig(
        env=env,
        core=paper_core(core, 100 if cores.needs_equal_width(core) else 128, layers),
        agent=agents.options("sac_discrete"),
        network=NetworkOptions(obs_embed=100, action_embed=0),
        loop=LoopOptions(episodes=episodes, eval_every=50, eval_episodes=20),
    )


def sac(core: str, env: EnvOptions) -> RunConfig:
    """The cheapest recipe known with SAC-Discrete; the text above says how it departs from the paper's."""
    return sac_preset(core, env, NETWORK, episodes=BEST_EPISODES, updates=8)


def presets(env: EnvOptions, episodes: int, layers: int) -> dict[str, Any]:
    """The recipes by the names of their algorithms, and the published one."""
    return {
        "sac": partial(sac, env=env),
        "ppo": partial(ppo_preset, env=env, stop_success=0.98),
        "vtrace": partial(vtrace_preset, env=env, network=NETWORK, stop_success=0.98),
        "paper": partial(paper, env=env, episodes=episodes, layers=layers),
    }


def experiment(
    name: str, asks: str, recipes: dict[str, Any], best: str, difference: str, core_names: tuple[str, ...]
) -> Experiment:
    """An experiment of which one of the recipes is called `best`."""
    named = {"best": recipes[best], **{other: make for other, make in recipes.items() if other != best}}
    return Experiment(name=name, description=asks, presets=named, difference=difference, cores=core_names)


def key_to_door(length: int, episodes: int) -> Experiment:
    """What pays is the key; PPO finds it over hundreds of steps among apples."""
    return experiment(
        f"key_to_door_{length}",
        f"take a key that pays only {length} steps and more later, past many small rewards",
        presets(envs.options("KeyToDoor-v0", max_frames=(15, length, 10)), episodes, layers=2),
        best="ppo",
        difference=KEY_TO_DOOR_DIFFERENCE,
        core_names=("lru", "lstm", "gpt"),
    )


def visual_match(name: str, asks: str, env: EnvOptions, episodes: int, layers: int) -> Experiment:
    """A colour is seen, by itself or by looking for it; SAC-Discrete remembers it over sixty steps."""
    recipes = presets(env, episodes, layers)
    return experiment(name, asks, recipes, "sac", VISUAL_MATCH_DIFFERENCE, core_names=("lstm", "gpt", "gru"))


EXPERIMENTS = [
    *(key_to_door(length, episodes) for length, episodes in PAPER_KEY_TO_DOOR.items()),
    *(
        visual_match(
            f"visual_match_{length}",
            f"remember a colour over {length} steps of picking apples",
            envs.options("VisualMatch-v0", max_frames=(15, length, 15)),
            episodes,
            layers=1,
        )
        for length, episodes in PAPER_VISUAL_MATCH.items()
    ),
    *(
        visual_match(
            f"active_visual_match_{length}",
            f"look for a colour first, remember it over {length} steps of picking apples",
            envs.options("VisualMatch-v0", mode="active", max_frames=(15, length, 15)),
            episodes,
            layers=2,
        )
        for length, episodes in PAPER_ACTIVE_VISUAL_MATCH.items()
    ),
]
