"""What an agent is: its state, its options and the protocols that loops and measurements call."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Protocol

import jax
from flax import struct

from jaxmem.agents.unroll import Unroll
from jaxmem.config import Config, text
from jaxmem.networks import Inputs, NetworkParts, recentred
from jaxmem.replay import Episodes

Params = Any
Carry = Any
Metrics = dict[str, jax.Array]


@struct.dataclass
class AgentState:
    """Everything that an algorithm learns.

    Attributes:
        params: the online networks' parameters.
        target_params: the slowly following copy, of all parameters or of a part.
        opt_state: the optimiser's state.
    """

    params: Params
    target_params: Params
    opt_state: Any


def recentre(state: Any, inputs: Inputs, mask: jax.Array) -> Any:
    """An agent's state after its networks saw inputs [T+1, B, ...] and acted where mask, bool [T, B], is.

    What is seen after the last step counts for nothing; see `networks.recentred`.
    States that agents from elsewhere have, of a type of their own, stay as they are.
    """
    if not isinstance(state, AgentState):
        return state
    inputs = jax.tree.map(lambda leaf: leaf[:-1], inputs)
    online, targets = (recentred(params, inputs, mask) for params in (state.params, state.target_params))
    return replace(state, params=online, target_params=targets)


class Decision(NamedTuple):
    """What was chosen for B rows.

    Attributes:
        action: int32 [B], or float32 [B, A] in [-1, 1].
        log_prob: float32 [B], logarithm of the probability with which it was chosen (of continuous actions, of its
            density); 0 for a sure choice, and for one to which noise was added.
    """

    action: jax.Array
    log_prob: jax.Array


class Agent(Protocol):
    """The interface that the training loop calls; every function is pure and can be jitted and vmapped.

    An `EpisodeAgent` learns from episodes out of a replay, an `UnrollAgent` from what it has just done.
    """

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Keys of what `update` reports."""
        ...

    def init(self, key: jax.Array) -> AgentState:
        """A fresh state."""
        ...

    def initial_carry(self, batch_size: int) -> Carry:
        """The memory of B episodes before their first step."""
        ...

    def act(
        self,
        state: AgentState,
        carry: Carry,
        inputs: Inputs,
        start: jax.Array,
        key: jax.Array,
        progress: jax.Array | float,
        explore: bool,
    ) -> tuple[Carry, Decision]:
        """Choose actions for B rows.

        Args:
            state: the agent's state.
            carry: the rows' memory.
            inputs: what is seen, leading axis [B].
            start: bool [B], whether this is the row's first step.
            key: randomness.
            progress: float scalar in [0, 1], the share of the planned training that is done (for schedules).
            explore: False for the greedy policy, without dropout.

        Returns:
            The new memory, and what was chosen.
        """
        ...


class DiscreteAgent(Agent, Protocol):
    """An agent that chooses one of so many actions."""

    def behaviour(
        self,
        state: AgentState,
        carry: Carry,
        inputs: Inputs,
        start: jax.Array,
        key: jax.Array,
        progress: jax.Array | float,
        explore: bool,
    ) -> tuple[Carry, jax.Array]:
        """How likely `act`, given the same, is to choose each action; with dropout, under that key's masks.

        Args:
            state: as for `act`, and so are all others.

        Returns:
            The new memory, and log-probabilities of all actions, float32 [B, A]: -inf where one is never chosen.
        """
        ...


class EpisodeAgent(Agent, Protocol):
    """An agent that learns from episodes or parts of them, whoever played them."""

    @property
    def batch_size(self) -> int:
        """Episodes that `update` wants, or parts of episodes."""
        ...

    @property
    def context(self) -> int | None:
        """Steps of the parts that `update` wants; None for whole episodes."""
        ...

    def update(self, state: AgentState, episodes: Episodes, key: jax.Array) -> tuple[AgentState, Metrics]:
        """One gradient step on a batch of episodes, whole ones or parts; metrics are float32 scalars."""
        ...


class Batch(Protocol):
    """Steps of rows, as a pytree."""

    def rows(self, index: jax.Array) -> "Batch":
        """Those of some rows, int32 [N]."""
        ...


class UnrollAgent(Agent, Protocol):
    """An agent that learns from its own latest steps."""

    def prepare(self, state: AgentState, unroll: Unroll, key: jax.Array) -> Batch:
        """What the updates of an iteration are made on: the steps, and what is computed of them once, beforehand."""
        ...

    def update(
        self, state: AgentState, batch: Any, key: jax.Array, progress: jax.Array | float
    ) -> tuple[AgentState, Metrics]:
        """One gradient step; metrics are float32 scalars.

        Args:
            state: the agent's state.
            batch: what `prepare` gave, or some rows of it.
            key: randomness.
            progress: as for `act`.
        """
        ...


@dataclass(frozen=True)
class AgentOptions(Config):
    """Base of every algorithm's options; `make` binds them to a task."""

    path: ClassVar[str] = "agent"

    on_policy: ClassVar[bool] = False
    """whether `make` gives an `UnrollAgent`; else it gives an `EpisodeAgent`"""
    continuous: ClassVar[bool] = False
    """whether actions are vectors of numbers; else it chooses one of so many"""
    predicts: ClassVar[bool] = False
    """whether the agent learns what its trunks predict: see `jaxmem.agents.auxiliary.learner_unroll`"""

    name: str = text("")
    """the algorithm"""

    @property
    def compares_rows(self) -> bool:
        """Whether the agent compares rows step by step: they have to begin their episodes together."""
        return False

    @property
    def whole_episodes(self) -> bool:
        """Whether an update sees episodes from beginning to end."""
        return True

    def make(self, parts: NetworkParts, example: Inputs, horizon: int) -> Agent:
        """The agent for one task.

        Args:
            parts: what it assembles its network from.
            example: inputs of one row, to initialise parameters with.
            horizon: the most steps of an episode.
        """
        raise NotImplementedError
