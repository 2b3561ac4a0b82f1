"""jaxmem: memory and credit assignment in reinforcement learning, compiled end to end with JAX."""

from importlib.metadata import version

__version__ = version("jaxmem")
