"""Agents: one algorithm a file, each a frozen dataclass of pure functions over one frozen state."""

from jaxmem.agents.base import (
    Agent,
    AgentOptions,
    AgentState,
    Batch,
    Decision,
    DiscreteAgent,
    EpisodeAgent,
    UnrollAgent,
    recentre,
)
from jaxmem.agents.registry import exchange, options, register, registered_agents
from jaxmem.agents.unroll import Unroll

__all__ = [
    "Agent",
    "AgentOptions",
    "AgentState",
    "Batch",
    "Decision",
    "DiscreteAgent",
    "EpisodeAgent",
    "Unroll",
    "UnrollAgent",
    "exchange",
    "options",
    "recentre",
    "register",
    "registered_agents",
]
