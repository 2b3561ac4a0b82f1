"""Names of the algorithms."""

from dataclasses import fields
from typing import Any

from jaxmem.agents.base import AgentOptions
from jaxmem.agents.ddqn import DoubleDQNOptions
from jaxmem.agents.ppo import PPOOptions
from jaxmem.agents.sac import SACOptions
from jaxmem.agents.sac_discrete import SACDiscreteOptions
from jaxmem.agents.td3 import TD3Options
from jaxmem.agents.vtrace import VTraceOptions
from jaxmem.config import ConfigError, lookup, replace
from jaxmem.exploration import ExplorationOptions

_AGENTS: dict[str, type[AgentOptions]] = {}

registered_agents: list[str] = []
"""Names that `options` and `exchange` take, in order of registration."""


def register(options: type[AgentOptions]) -> None:
    """Make an algorithm known to `options`, `exchange` and the command line's `--agent`, as its options' `name`.

    Args:
        options: a subclass of `AgentOptions` whose fields all have defaults, that of `name` being a new name.

    Raises:
        ConfigError: `options` is not such a class.
    """
    if not (isinstance(options, type) and issubclass(options, AgentOptions)):
        raise ConfigError(f"agent is {options!r}: allowed is a subclass of jaxmem.agents.AgentOptions")
    try:
        name = options().name
    except TypeError as error:
        raise ConfigError(f"{options.__name__}: allowed is a class whose fields all have defaults ({error})") from error
    if name in _AGENTS:
        raise ConfigError(f"agent {name!r} is registered already: allowed is a new name")
    _AGENTS[name] = options
    registered_agents.append(name)


for _options in (DoubleDQNOptions, SACDiscreteOptions, VTraceOptions, PPOOptions, TD3Options, SACOptions):
    register(_options)


def options(name: str, **changes: Any) -> AgentOptions:
    """The options of algorithm `name`; raises `ConfigError` for an unknown name, option or value."""
    return replace(lookup(_AGENTS, name, "agent")(), **changes)


def exchange(options: AgentOptions, name: str) -> AgentOptions:
    """The options of algorithm `name`, with the values that `options` has for fields that both have.

    Between an algorithm that learns from a replay and one that does not, the discount alone is carried over: step
    sizes, clips and the like were chosen for other losses. How to explore is carried over between algorithms alone that
    explore alike by default: what suits values does not suit policies.

    Raises:
        ConfigError: for an unknown name, and for a value that the other algorithm does not take.
    """
    other = lookup(_AGENTS, name, "agent")()
    shared = {field.name for field in fields(other)} & {field.name for field in fields(options)} - {"name"}
    if other.on_policy != options.on_policy:
        shared &= {"discount"}
    exploring = {field.name for field in fields(ExplorationOptions)} & shared
    default = type(options)()
    if any(getattr(other, field) != getattr(default, field) for field in exploring):
        shared -= exploring
    return replace(other, **{field: getattr(options, field) for field in shared})
