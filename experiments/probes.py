"""Small tasks of known memory and credit lengths, with SAC-Discrete: seconds to minutes each."""

from functools import partial

from jaxmem import envs
from jaxmem.envs import EnvOptions
from jaxmem.experiment import Experiment
from jaxmem.networks import NetworkOptions
from jaxmem.recipes import sac_preset, vtrace_preset
from jaxmem.training import RunConfig

NETWORK = NetworkOptions(obs_embed=32, action_embed=32, head=(64,))


def best(core: str, env: EnvOptions) -> RunConfig:
    """One recipe for all; its temperature suits rewards of about 1 that come once or a few times an episode."""
    return sac_preset(core, env, NETWORK, episodes=30_000, updates=4, temperature=0.02)


def experiment(name: str, asks: str, env: EnvOptions) -> Experiment:
    return Experiment(
        name=name,
        description=asks,
        presets={
            "best": partial(best, env=env),
            "vtrace": partial(vtrace_preset, env=env, network=NETWORK, stop_success=0.98),
        },
        difference="not of the paper; one recipe for all probes",
        cores=("lstm", "gpt", "gru"),
    )


EXPERIMENTS = [
    experiment(
        "memory_length_20",
        "name in the last of 20 steps a bit seen in the first",
        envs.options("MemoryLength-v0", length=20),
    ),
    experiment(
        "umbrella_length_20",
        "choose in the first of 20 steps what pays in the last, among random rewards",
        envs.options("UmbrellaLength-v0", length=20),
    ),
]
