"""Occluded continuous control: positions alone (-P) or velocities alone (-V) are seen; TD3 and SAC.

Section 5.3 of Ni et al. 2023 (arXiv:2307.03864) has PyBullet's robots; here they are Brax's, whose physics compile, so
that returns are not comparable with theirs. The pendulum is small and needs no extra.
"""

from functools import partial
from typing import Any

from jaxmem import agents, cores, envs
from jaxmem.envs import EnvOptions
from jaxmem.experiment import Experiment
from jaxmem.networks import AuxiliaryOptions, NetworkOptions
from jaxmem.recipes import best_core, paper_core
from jaxmem.training import LoopOptions, RunConfig

# Memoryless, LSTM, GRU, transformer and linear recurrence.
CORES = ("lstm", "gpt", "gru", "lru", "mlp")
ROBOTS = ("hopper", "walker2d", "ant", "halfcheetah")
SEEN = {"P": "positions alone", "V": "velocities alone"}

# A mean return of the pendulum that no policy has which does not swing it up and hold it there.
SWUNG_UP = -220.0
# Four episodes side by side, half an update for each step.
PENDULUM_LOOP = LoopOptions(
    episodes=300,
    collect=4,
    updates_per_step=0.5,
    eval_every=8,
    eval_episodes=32,
    stop_return=SWUNG_UP,
    checkpoint_every=10,
)


def network(core: str, obs: int, action: int, **options: Any) -> NetworkOptions:
    """The memoryless control sees the observation alone, all others the action before it too.

    Heads start orthogonal, as the paper's; with those of the mazes, near zero, the pendulum takes twice as long.
    """
    action = 0 if core == "mlp" else action
    return NetworkOptions(obs_embed=obs, action_embed=action, head_init="orthogonal", **options)


def paper(core: str, env: EnvOptions) -> RunConfig:
    """The published setting: an episode at a time, an update on 256 parts for each of its steps.

    The original counts steps and not episodes: 1.5 million in all, 10,000 random ones, an evaluation every 5,000, a
    replay of a million. That is the same for the half-cheetah. Robots that fall over have shorter episodes, and so
    fewer steps here. The original also makes its first updates on the last random episode alone.
    """
    obs, action = (64, 64) if cores.needs_equal_width(core) else (32, 16)
    return RunConfig(
        env=env,
        core=paper_core(core, 128, 1),
        agent=agents.options("td3"),
        network=network(core, obs, action, embed_init="orthogonal"),
        loop=LoopOptions(episodes=1500, updates_per_step=1.0, eval_every=5),
    )


def recipe(
    core: str,
    env: EnvOptions,
    algorithm: str,
    agent: dict[str, Any],
    loop: LoopOptions,
    transformer: dict[str, Any] | None = None,
    auxiliary: AuxiliaryOptions | None = None,
) -> RunConfig:
    """What the cheaper presets share; `transformer` is what one has otherwise than in all of them.

    Rotary positions let the transformer act with a rolling cache. Its weights start as narrow as GPT-2's: five times as
    wide, as in the mazes, it takes twice as long to swing the pendulum up. With one head it looks at the mean of the
    past, and a velocity's change is a difference of two steps: four heads know it twice as well.
    """
    all_transformers = {"positions": "rotary", "init_std": 0.02, "heads": 4}
    options = all_transformers | (transformer or {}) if core == "gpt" else {}
    return RunConfig(
        env=env,
        core=best_core(core, width=64, **options),
        agent=agents.options(algorithm, learning_rate=1e-3, **agent),
        network=network(core, 32, 32, head=(64, 64)),
        loop=loop,
        auxiliary=auxiliary or AuxiliaryOptions(),
    )


def pendulum_p(core: str, env: EnvOptions, algorithm: str = "td3") -> RunConfig:
    """32 parts of 32 steps in an update."""
    return recipe(core, env, algorithm, dict(batch_size=32, context=32, tau=0.01), PENDULUM_LOOP)


def pendulum_v(core: str, env: EnvOptions, algorithm: str = "td3") -> RunConfig:
    """Whole episodes in an update, and predictions to be learned.

    A position has to be added up over the episode: after parts of 32 steps a pendulum that hangs still looks like one
    that stands still, and some are left hanging. Values hardly say which change of a velocity is which angle, so that
    predictions of the next velocity and of the reward teach the memory as well; their weights are large since squared
    errors of values are in the hundreds. One layer of attention holds the pendulum a third of a radian off and lets go
    of it in the end: the transformer has two, and sees 4 episodes where the others see 8.
    """
    agent = dict(batch_size=4 if core == "gpt" else 8, context=None, tau=0.01)
    predictions = AuxiliaryOptions(next_obs=300.0, reward=10.0)
    return recipe(core, env, algorithm, agent, PENDULUM_LOOP, dict(layers=2, init_std=0.05), predictions)


def robot(core: str, env: EnvOptions, algorithm: str = "td3") -> RunConfig:
    """Sixteen episodes side by side, an update for every eighth step, on 64 parts of 64 steps."""
    agent = dict(batch_size=64)
    # Falling over ends an episode early: there have to be more of them.
    loop = LoopOptions(
        episodes=8000,
        collect=16,
        updates_per_step=0.125,
        random_episodes=32,
        replay_episodes_min=4000,
        eval_every=80,
        eval_episodes=16,
        checkpoint_every=30,
    )
    return recipe(core, env, algorithm, agent, loop)


def pendulum_experiment(occlude: str) -> Experiment:
    make, learning = {
        "P": (pendulum_p, "the recipe of the robots, smaller"),
        "V": (pendulum_v, "the recipe of the robots, smaller, with whole episodes and predictions of what follows"),
    }[occlude]
    env = envs.options("OccludedPendulum-v0", occlude=occlude)
    return Experiment(
        name=f"pendulum_{occlude.lower()}",
        description=f"swing a pendulum up and hold it, seeing {SEEN[occlude]}",
        presets={"best": partial(make, env=env), "sac": partial(make, env=env, algorithm="sac")},
        difference=f"not of the paper; {learning}",
        cores=CORES,
    )


def robot_experiment(name: str, occlude: str) -> Experiment:
    env = envs.options(f"brax/{name}", occlude=occlude)
    return Experiment(
        name=f"{name}_{occlude.lower()}",
        description=f"Brax's {name}, seeing {SEEN[occlude]}; needs the extra brax",
        presets={
            "best": partial(robot, env=env),
            "sac": partial(robot, env=env, algorithm="sac"),
            "paper": partial(paper, env=env),
        },
        difference=(
            "16 episodes side by side and an update on 64 parts for 8 steps instead of one on 256 for each; at most "
            "8000 episodes instead of 1500, 32 random ones instead of 10, a replay of 4000; learning rate 1e-3 instead "
            "of 3e-4; core of width 64, embeddings of 32, heads of 64 and 64; no dropout; rotary positions with a "
            "rolling cache instead of sine ones with a window, four heads of attention (gpt), forget bias 1 (lstm); "
            "preset sac is the same with SAC"
        ),
        cores=CORES,
    )


EXPERIMENTS = [
    *(pendulum_experiment(occlude) for occlude in SEEN),
    *(robot_experiment(name, occlude) for name in ROBOTS for occlude in SEEN),
]
