"""Algorithms, cores and loops that several experiments share."""

from typing import Any

from jaxmem import agents, cores
from jaxmem.agents import AgentOptions
from jaxmem.cores import CoreOptions
from jaxmem.envs import EnvOptions
from jaxmem.exploration import DeviationOptions
from jaxmem.networks import NetworkOptions
from jaxmem.training.options import LoopOptions, RunConfig

_ATTENTIVE = {"dropout": 0.0, "init_std": 0.1}
_HEAD_STARTS: dict[str, dict[str, Any]] = {
    "gpt": _ATTENTIVE,
    "trxl": _ATTENTIVE,
    "gtrxl": _ATTENTIVE,
    "rmt": _ATTENTIVE,
    "lstm": {"forget_bias": 1.0},
}
# Memories that keep and add, for many episodes' time: what was seen once leaves a trace as large after hundreds of
# steps as after one. A bias would add up as well.
_LASTING = {"reach": 20.0}
_KEEPERS: dict[str, dict[str, Any]] = {
    "lru": {"max_phase": 0.0, "block": "bare", "gain": "unit", **_LASTING},
    "lstm": {"forget_bias": None, "candidate_bias": False, **_LASTING},
}
# The recurrent-memory transformer learns passive T-Mazes longer than a segment with these, and not with what other
# cores have: double DQN in 1.2 million environment steps at length 50, V-trace in 2.5 million at length 20.
_DDQN_CHANGES: dict[str, dict[str, Any]] = {
    "gpt": {"td_lambda": 0.9},
    "rmt": {"td_lambda": 0.9, "learning_rate": 3e-4},
}
_VTRACE_CHANGES: dict[str, dict[str, Any]] = {"rmt": {"learning_rate": 2e-4}}
# Kept as open as others, the transformer's policy unlearns to walk as soon as it goes for the cue.
_PPO_CHANGES: dict[str, dict[str, Any]] = {"gpt": {"entropy_cost": 0.01}}


# Epsilon reaches 1/T after this many episodes: 250 updates.
_EXPLORING_EPISODES = 1000


def ddqn_preset(
    core: str, env: EnvOptions, network: NetworkOptions, episodes: int, *, rare: bool, **loop: Any
) -> RunConfig:
    """The presets with double DQN: 16 episodes an iteration, and four updates on 32 out of the replay.

    The lambda-return is a compromise. In a T-Maze a long one tells every step of an episode whether the cue was used,
    from which a transformer learns where to look; but it carries the noise of all later slips, under which the LSTM
    takes long to find that turning pays at all. Where a visit to the oracle and no slip after it is the rare event to
    learn from, that noise is too much: the one-step target, which has none, is kept.

    Args:
        core: name of the core.
        env: the task.
        network: what stands around the core.
        episodes: the most that it trains; it stops when it has solved the task.
        rare: whether what is to be learned from is a rare event.
        **loop: what stops the run, and other fields of the loop that differ.
    """
    recipe = {"learning_rate": 2e-3, "td_lambda": 0.5} | _DDQN_CHANGES.get(core, {})
    settings: dict[str, Any] = dict(
        collect=16, updates=4, random_episodes=32, eval_every=160, eval_episodes=64, checkpoint_every=5
    )
    return RunConfig(
        env=env,
        core=best_core(core, width=64),
        agent=agents.options(
            "ddqn",
            batch_size=32,
            epsilon_fraction=_EXPLORING_EPISODES / episodes,
            separate_selector=False,
            **recipe | ({"td_lambda": 0.0} if rare else {}),
        ),
        network=network,
        loop=LoopOptions(episodes=episodes, **settings | loop),
    )


def sac_preset(
    core: str, env: EnvOptions, network: NetworkOptions, episodes: int, updates: int, **agent: Any
) -> RunConfig:
    """The presets with SAC-Discrete: 16 episodes an iteration, and updates on 32 out of the replay.

    Args:
        core: name of the core.
        env: the task.
        network: what stands around the core.
        episodes: the most that it trains; it stops when it has solved the task.
        updates: in an iteration.
        **agent: fields of the algorithm that a task has otherwise.
    """
    recipe: dict[str, Any] = dict(learning_rate=1e-3, max_grad_norm=0.5, batch_size=32, td_lambda=0.5)
    return RunConfig(
        env=env,
        core=best_core(core, width=64),
        agent=agents.options("sac_discrete", **recipe | agent),
        network=network,
        loop=LoopOptions(
            episodes=episodes,
            collect=16,
            updates=updates,
            random_episodes=64,
            eval_every=320,
            eval_episodes=64,
            stop_success=0.98,
            checkpoint_every=20,
        ),
    )


def vtrace_recipe(**changes: Any) -> AgentOptions:
    """The algorithm of the presets with V-trace: Adam, the task's own rewards, returns of some twenty steps.

    What keeps the policy exploring is a log barrier and not the entropy. In a T-Maze a slip at the beginning costs
    fifty times as much as one at the end: an entropy bonus that is felt at the end drowns the walk, a smaller one lets
    the policy become so sure of walking on that at the junction it never turns. A barrier leaves each action a
    probability in proportion to 1 / what it costs.

    Args:
        **changes: fields that a task has otherwise.
    """
    recipe: dict[str, Any] = dict(
        discount=1.0,
        td_lambda=0.95,
        reward_clip="off",
        reduce="mean",
        optimizer="adam",
        learning_rate=1e-3,
        learning_rate_end=1.0,
        max_grad_norm=0.5,
        entropy_cost=0.0,
        barrier_cost=3e-4,
    )
    return agents.options("vtrace", **(recipe | changes))


def vtrace_preset(core: str, env: EnvOptions, network: NetworkOptions, **loop: Any) -> RunConfig:
    """The `vtrace` presets: `vtrace_recipe` on 64 whole episodes an iteration, one update on all of them.

    Args:
        core: name of the core.
        env: the task.
        network: what stands around the core.
        **loop: what stops the run, and other fields of the loop that differ.
    """
    settings: dict[str, Any] = dict(
        episodes=200_000, collect=64, updates=1, eval_every=1280, eval_episodes=64, checkpoint_every=5
    )
    return RunConfig(
        env=env,
        core=best_core(core, width=64),
        agent=vtrace_recipe(**_VTRACE_CHANGES.get(core, {})),
        network=network,
        loop=LoopOptions(**settings | loop),
    )


def ppo_recipe(**changes: Any) -> AgentOptions:
    """The algorithm of the presets with PPO: whole episodes, and discount 1.

    Values learn from Monte-Carlo returns, the policy from shorter ones, which end in values.

    Args:
        **changes: fields that a task has otherwise.
    """
    recipe: dict[str, Any] = dict(
        discount=1.0,
        td_lambda=1.0,
        policy_lambda=0.95,
        calibrate=True,
        relative_values=True,
        reward_sizes=(0.03, 0.3, 3.0),
        far_size=3.0,
        sizes_alike=True,
        step_baseline=True,
        normalize_over="iteration",
        normalize_least=0.02,
        separate_critic=True,
        entropy_cost=0.06,
        barrier_cost=1e-4,
        clip_value=None,
        clip_worst=3.0,
        learning_rate=5e-4,
        learning_rate_end=1.0,
        adam_b2=0.95,
        adam_epsilon=1e-8,
        deviation_weight="keep",
    )
    return agents.options("ppo", **(recipe | changes))


# Heads read what is seen beside what is remembered, and memory is kept clear of what is always seen.
PPO_NETWORK = NetworkOptions(obs_embed=32, action_embed=32, head=(64,), centre=True, skip=True)


def ppo_preset(core: str, env: EnvOptions, agent: dict[str, Any] | None = None, **loop: Any) -> RunConfig:
    """The presets with PPO, one for all tasks: 128 whole episodes an iteration, four passes over eight parts of them.

    In half of the episodes one action is not the policy's: oftener one, and at a time, that led to rare observations.
    What paid off is learned as if the policy had chosen it. docs/credit.md says why each part is there.

    Args:
        core: name of the core.
        env: the task.
        agent: fields of the algorithm that a task has otherwise; of all cores.
        **loop: what stops the run, and other fields of the loop that differ.
    """
    settings: dict[str, Any] = dict(
        episodes=300_000,
        collect=128,
        updates=4,
        minibatches=8,
        eval_every=640,
        eval_episodes=64,
        checkpoint_every=20,
    )
    width = PPO_NETWORK.input_width if cores.needs_equal_width(core) else 32
    return RunConfig(
        env=env,
        core=best_core(core, width=width, **_KEEPERS.get(core, {})),
        agent=ppo_recipe(**_PPO_CHANGES.get(core, {}) | (agent or {})),
        network=PPO_NETWORK,
        deviation=DeviationOptions(kind="rare", adapted=0.8),
        loop=LoopOptions(**settings | loop),
    )


def best_core(name: str, width: int, **options: Any) -> CoreOptions:
    """The core of the `best` presets: one layer, no dropout, and a head start at finding or keeping what matters.

    Transformers' weights start five times as wide as GPT-2's, the LSTM's forget gates start open.

    Args:
        name: of the core.
        width: of its output.
        **options: others that a recipe has otherwise.
    """
    return cores.options(name, width=width, **_HEAD_STARTS.get(name, {}) | options)


def paper_core(name: str, width: int, layers: int) -> CoreOptions:
    """The core of the `paper` presets, Ni et al. 2023: as many heads as layers; the control has one layer."""
    depth = {} if name == "mlp" else {"layers": layers}
    heads = {"heads": layers} if hasattr(cores.options(name), "heads") else {}
    return cores.options(name, width=width, **depth, **heads)
