"""Agents by name, and one exchanged for another."""

from dataclasses import dataclass, fields
from typing import Any

import pytest

from jaxmem import agents
from jaxmem.agents import AgentOptions, registry
from jaxmem.config import ConfigError, choice, integer, number


def test_an_exchanged_agent_keeps_what_both_have():
    ddqn = agents.options("ddqn", learning_rate=0.5, td_lambda=0.7, epsilon_end=0.25)
    other = agents.exchange(ddqn, "sac_discrete")
    assert other == agents.options("sac_discrete", learning_rate=0.5, td_lambda=0.7)
    assert agents.exchange(other, "ddqn") == agents.options("ddqn", learning_rate=0.5, td_lambda=0.7)
    assert agents.exchange(ddqn, "ddqn") == ddqn
    # Between policies, how they explore is kept as well.
    exploring = agents.options("vtrace", epsilon_start=0.5, act_temperature_end=2.0)
    kept: Any = agents.exchange(exploring, "ppo")
    assert (kept.epsilon_start, kept.act_temperature_end) == (0.5, 2.0)
    cut = agents.options("ddqn", trace="watkins")
    with pytest.raises(ConfigError, match="agent.trace is 'watkins': allowed is one of peng, retrace, tree_backup"):
        agents.exchange(cut, "sac_discrete")


def test_fields_of_one_name_have_one_type():
    """Else a value that one algorithm takes could not be carried over to another."""
    types: dict[str, set[Any]] = {}
    for name in ("ddqn", "sac_discrete", "vtrace", "ppo"):
        for field in fields(agents.options(name)):
            types.setdefault(field.name, set()).add(field.type)
    assert {name: kinds for name, kinds in types.items() if len(kinds) > 1} == {}


def test_unknown_names_say_what_there_is():
    for call in (lambda: agents.options("dqn"), lambda: agents.exchange(agents.options("ddqn"), "dqn")):
        with pytest.raises(ConfigError, match="unknown agent 'dqn' .*known are ddqn, sac_discrete"):
            call()


@pytest.fixture
def names():
    """Names and algorithms as they are; what a test registers is forgotten after it."""
    before = dict(registry._AGENTS)
    yield
    registry._AGENTS.clear()
    registry._AGENTS.update(before)
    agents.registered_agents[:] = before


@dataclass(frozen=True)
class MineOptions(AgentOptions):
    """A user's algorithm."""

    name: str = choice("mine", ["mine"])
    learning_rate: float = number(1e-3, above=0)


@dataclass(frozen=True, kw_only=True)
class Incomplete(MineOptions):
    must_be_given: int = integer(low=1)


@dataclass(frozen=True)
class Nameless(AgentOptions):
    learning_rate: float = number(1e-3, above=0)


def test_a_users_agent_is_one_like_any_other(names):
    agents.register(MineOptions)
    assert agents.registered_agents[-1] == "mine"
    assert agents.options("mine", learning_rate=0.5) == MineOptions(learning_rate=0.5)
    assert agents.exchange(agents.options("ddqn", learning_rate=0.5), "mine") == MineOptions(learning_rate=0.5)
    with pytest.raises(ConfigError, match="^agent.learning_rate is 0: allowed is a number > 0$"):
        agents.options("mine", learning_rate=0)


def test_what_cannot_be_registered(names):
    before = list(agents.registered_agents)
    for options, message in (
        (type(agents.options("vtrace")), "agent 'vtrace' is registered already"),
        (MineOptions(), "agent is MineOptions("),
        (dict, "agent is <class 'dict'>: allowed is a subclass of jaxmem.agents.AgentOptions"),
        (Incomplete, "Incomplete: allowed is a class whose fields all have defaults ("),
        (Nameless, "agent.name is '': allowed is a non-empty name"),
    ):
        with pytest.raises(ConfigError) as error:
            agents.register(options)  # pyright: ignore[reportArgumentType]
        assert str(error.value).startswith(message)
        assert "\n" not in str(error.value)
    assert agents.registered_agents == before
