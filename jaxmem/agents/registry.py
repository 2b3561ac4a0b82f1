"""Names of the algorithms."""

from dataclasses import fields
from typing import Any

from jaxmem.agents.base import AgentOptions
from jaxmem.agents.ddqn import DoubleDQNOptions
from jaxmem.agents.sac_discrete import SACDiscreteOptions
from jaxmem.agents.vtrace import VTraceOptions
from jaxmem.config import lookup, replace

_AGENTS: dict[str, type[AgentOptions]] = {
    "ddqn": DoubleDQNOptions,
    "sac_discrete": SACDiscreteOptions,
    "vtrace": VTraceOptions,
}

registered_agents = list(_AGENTS)


def options(name: str, **changes: Any) -> AgentOptions:
    """The options of algorithm `name`; raises `ConfigError` for an unknown name, option or value."""
    return replace(lookup(_AGENTS, name, "agent")(), **changes)


def exchange(options: AgentOptions, name: str) -> AgentOptions:
    """The options of algorithm `name`, with the values that `options` has for fields that both have.

    Raises:
        ConfigError: for an unknown name.
    """
    other = lookup(_AGENTS, name, "agent")()
    shared = {field.name for field in fields(other)} & {field.name for field in fields(options)} - {"name"}
    return replace(other, **{field: getattr(options, field) for field in shared})
