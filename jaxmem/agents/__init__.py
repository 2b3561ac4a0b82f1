"""Agents: one algorithm a file, each a frozen dataclass of pure functions over one frozen state."""

from jaxmem.agents.base import Agent, AgentOptions, AgentState
from jaxmem.agents.registry import exchange, options, registered_agents

__all__ = ["Agent", "AgentOptions", "AgentState", "exchange", "options", "registered_agents"]
