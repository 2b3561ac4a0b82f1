"""Networks: embed the inputs, remember, read out."""

from jaxmem.networks.actor_critic import ActorCritic, ActorCriticOutputs
from jaxmem.networks.inputs import Inputs, episode_inputs, first_inputs
from jaxmem.networks.memory_net import FEATURES, MemoryNet, Trunk, parameter_count
from jaxmem.networks.options import NetworkOptions, NetworkParts
from jaxmem.networks.policy_value import PolicyValue, PolicyValueOutputs
from jaxmem.networks.prediction import AuxiliaryOptions

__all__ = [
    "FEATURES",
    "ActorCritic",
    "ActorCriticOutputs",
    "AuxiliaryOptions",
    "Inputs",
    "MemoryNet",
    "NetworkOptions",
    "NetworkParts",
    "PolicyValue",
    "PolicyValueOutputs",
    "Trunk",
    "episode_inputs",
    "first_inputs",
    "parameter_count",
]
