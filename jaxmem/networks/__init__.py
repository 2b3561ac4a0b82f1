"""Networks: embed the inputs, remember, read out."""

from jaxmem.networks.actor_critic import ActorCritic, ActorCriticOutputs
from jaxmem.networks.inputs import Inputs, episode_inputs, first_inputs
from jaxmem.networks.memory_net import MemoryNet, Trunk, parameter_count
from jaxmem.networks.options import NetworkOptions, NetworkParts
from jaxmem.networks.policy_value import PolicyValue, PolicyValueOutputs

__all__ = [
    "ActorCritic",
    "ActorCriticOutputs",
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
