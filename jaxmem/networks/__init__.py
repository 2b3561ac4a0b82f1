"""Networks: embed the inputs, remember, read out."""

from jaxmem.networks.inputs import Inputs, episode_inputs, first_inputs
from jaxmem.networks.memory_net import MemoryNet, NetworkOptions, parameter_count

__all__ = ["Inputs", "MemoryNet", "NetworkOptions", "episode_inputs", "first_inputs", "parameter_count"]
