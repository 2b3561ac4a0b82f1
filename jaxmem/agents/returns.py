"""What agents share that learn the values of actions from returns of many steps."""

from dataclasses import dataclass

from jaxmem.agents.base import AgentOptions
from jaxmem.config import ConfigError, integer, number


@dataclass(frozen=True)
class ReturnOptions(AgentOptions):
    """How far returns reach; which traces there are (`trace`) stands in each algorithm's own options.

    By default targets are one-step. `td_lambda=1` reaches as far as the trace goes on, and with `n_step` at most that
    far: with the trace peng these are Monte-Carlo and the n-step return. Returns end with the episode; where it did not
    terminate, but met a time limit, the value of what was seen last follows.
    """

    discount: float = number(0.99, 0, 1)
    """discount of the return that is learned"""
    td_lambda: float = number(0.0, 0, 1)
    """mixing of the lambda-return; 0 is the one-step target"""
    n_step: int | None = integer(None, low=1, optional=True)
    """most steps of a return before it bootstraps; with td_lambda 1, trace peng, the n-step return; none: no bound"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.td_lambda == 0 and self.n_step not in (None, 1):
            raise ConfigError(
                f"agent.n_step is {self.n_step}: with agent.td_lambda 0 a return has one step, and n with td_lambda 1"
            )
