"""Agents by name, and one exchanged for another."""

import pytest

from jaxmem import agents
from jaxmem.config import ConfigError


def test_an_exchanged_agent_keeps_what_both_have():
    ddqn = agents.options("ddqn", learning_rate=0.5, td_lambda=0.7, epsilon_end=0.25)
    other = agents.exchange(ddqn, "sac_discrete")
    assert other == agents.options("sac_discrete", learning_rate=0.5, td_lambda=0.7)
    assert agents.exchange(other, "ddqn") == agents.options("ddqn", learning_rate=0.5, td_lambda=0.7)
    assert agents.exchange(ddqn, "ddqn") == ddqn


def test_unknown_names_say_what_there_is():
    for call in (lambda: agents.options("dqn"), lambda: agents.exchange(agents.options("ddqn"), "dqn")):
        with pytest.raises(ConfigError, match="unknown agent 'dqn' .*known are ddqn, sac_discrete"):
            call()
