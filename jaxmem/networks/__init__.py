"""Networks: embed the inputs, remember, read out."""

from jaxmem.networks.actor_critic import ActorCritic, ActorCriticOutputs
from jaxmem.networks.centre import CENTRE, recentred
from jaxmem.networks.continuous_net import ContinuousFeatures, ContinuousNet
from jaxmem.networks.embed import Embedding
from jaxmem.networks.heads import POLICY_BOUND
from jaxmem.networks.inputs import DISCRETE, Actions, Inputs, action_numbers, episode_inputs, first_inputs
from jaxmem.networks.memory_net import FEATURES, MemoryNet, Trunk, embedded, over_rows, parameter_count, with_action
from jaxmem.networks.options import NetworkOptions, NetworkParts, actions_of
from jaxmem.networks.policy_value import PolicyValue, PolicyValueOutputs
from jaxmem.networks.prediction import AuxiliaryOptions

__all__ = [
    "CENTRE",
    "DISCRETE",
    "FEATURES",
    "POLICY_BOUND",
    "Actions",
    "ActorCritic",
    "ActorCriticOutputs",
    "AuxiliaryOptions",
    "ContinuousFeatures",
    "ContinuousNet",
    "Embedding",
    "Inputs",
    "MemoryNet",
    "NetworkOptions",
    "NetworkParts",
    "PolicyValue",
    "PolicyValueOutputs",
    "Trunk",
    "action_numbers",
    "actions_of",
    "embedded",
    "episode_inputs",
    "first_inputs",
    "over_rows",
    "parameter_count",
    "recentred",
    "with_action",
]
