"""T-Mazes whose memory length and credit length are set apart: passive or active, shaped or unshaped.

There is no step to spare on the way to the junction, so that without the penalty a random walk is paid once in 4^length
episodes: the unshaped mazes are short, and ask for exploration as well.
"""

from functools import partial

from jaxmem import envs
from jaxmem.experiment import Experiment
from jaxmem.networks import NetworkOptions
from jaxmem.recipes import ddqn_preset, ppo_preset, vtrace_preset

NETWORK = NetworkOptions(obs_embed=32, action_embed=32, head=(64,))

# By the distance of the oracle, as in the passive and the active maze of the paper.
ASKS = {0: "recall a cue", 1: "fetch a cue and recall it"}
DDQN_EPISODES = {0: 60000, 1: 120000}
# By the reward of a step behind the fastest walk.
PAYS = {None: "delays cost at once", 0: "only the end pays"}


def experiment(name: str, length: int, oracle_distance: int, penalty: int | None, cue_every: int | None) -> Experiment:
    """One task; of the recipes only ddqn differs, by whether what pays is the rare visit to an oracle."""
    env = envs.options("TMaze-v0", length=length, oracle_distance=oracle_distance, penalty=penalty, cue_every=cue_every)
    spec = env.spec()
    lengths = f"memory {spec.memory_length}, credit {spec.credit_length}"
    return Experiment(
        name=name,
        description=f"{ASKS[oracle_distance]}, {PAYS[penalty]}: {lengths}",
        presets={
            "best": partial(ppo_preset, env=env, stop_return=0.98),
            "ddqn": partial(
                ddqn_preset,
                env=env,
                network=NETWORK,
                episodes=DDQN_EPISODES[oracle_distance],
                rare=oracle_distance > 0,
                stop_return=0.98,
            ),
            "vtrace": partial(vtrace_preset, env=env, network=NETWORK, stop_return=0.98),
        },
        difference="not of the paper; PPO by the recipe of the active T-Mazes",
        cores=("lru", "lstm", "gpt"),
    )


EXPERIMENTS = [
    *(
        experiment(f"tmaze_{maze}_{shape}_{length}", length, oracle_distance, penalty, cue_every=None)
        for maze, oracle_distance in (("passive", 0), ("active", 1))
        for shape, penalty in (("shaped", None), ("unshaped", 0))
        for length in (5, 10, 20)
    ),
    experiment("tmaze_passive_shaped_20_cue5", 20, oracle_distance=0, penalty=None, cue_every=5),
    experiment("tmaze_active_shaped_20_cue5", 20, oracle_distance=1, penalty=None, cue_every=5),
]
