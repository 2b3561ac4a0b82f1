"""What all algorithms share: the state, the interface, target networks and the optimiser step."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct

from jaxmem.config import Config, text
from jaxmem.networks import Inputs, NetworkParts
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


class Agent(Protocol):
    """The interface that the training loop calls; every function is pure and can be jitted and vmapped."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Keys of what `update` reports."""
        ...

    @property
    def batch_size(self) -> int:
        """Episodes that `update` wants."""
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
    ) -> tuple[Carry, jax.Array]:
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
            The new memory, and int32 actions [B].
        """
        ...

    def update(self, state: AgentState, episodes: Episodes, key: jax.Array) -> tuple[AgentState, Metrics]:
        """One gradient step on a batch of whole episodes; metrics are float32 scalars."""
        ...


@dataclass(frozen=True)
class AgentOptions(Config):
    """Base of every algorithm's options; `make` binds them to a task."""

    path: ClassVar[str] = "agent"

    name: str = text("")
    """the algorithm"""

    def make(self, parts: NetworkParts, example: Inputs, horizon: int) -> Agent:
        """The agent for one task.

        Args:
            parts: what it assembles its network from.
            example: inputs of one row, to initialise parameters with.
            horizon: the most steps of an episode.
        """
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class NetAgent:
    """What agents with one network for all they do share: its memory, and a step of it.

    Attributes:
        options: the algorithm's options.
        net: a network with `initial_state`, `step` and `unroll`; a step gives what actions are chosen by.
        example: inputs of one row, to initialise parameters with.
    """

    options: Any
    net: Any
    example: Inputs

    @property
    def batch_size(self) -> int:
        """See `Agent.batch_size`."""
        return self.options.batch_size

    def initial_carry(self, batch_size: int) -> Carry:
        """See `Agent.initial_carry`."""
        return self.net.initial_state(batch_size)

    def _step(
        self, state: AgentState, carry: Carry, inputs: Inputs, start: jax.Array, key: jax.Array, explore: bool
    ) -> tuple[Carry, jax.Array]:
        """The network's step, with dropout where the options want it while exploring."""
        deterministic = not (explore and self.options.act_dropout)
        rngs = {"dropout": key}
        return self.net.apply(state.params, carry, inputs, start, deterministic, method="step", rngs=rngs)


def adam(learning_rate: float, max_grad_norm: float | None) -> optax.GradientTransformation:
    """Adam, after clipping the gradient's global norm unless that is None."""
    optimizer = optax.adam(learning_rate)
    if max_grad_norm is None:
        return optimizer
    return optax.chain(optax.clip_by_global_norm(max_grad_norm), optimizer)


def gradient_step(
    optimizer: optax.GradientTransformation,
    state: AgentState,
    gradients: Params,
    tau: float,
) -> AgentState:
    """Step the optimiser, then move the targets by `tau` towards the new parameters (Polyak averaging)."""
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params: Any = optax.apply_updates(state.params, updates)
    followed = only(params, state.target_params["params"])
    target_params = optax.incremental_update(followed, state.target_params, tau)
    return AgentState(params=params, target_params=target_params, opt_state=opt_state)


def only(params: Params, names: Iterable[str]) -> Params:
    """The parameters of some of a network's submodules."""
    return {"params": {name: params["params"][name] for name in names}}


def init_state(
    net: nn.Module,
    optimizer: optax.GradientTransformation,
    example: Inputs,
    key: jax.Array,
    targets: Iterable[str] | None = None,
) -> AgentState:
    """Fresh parameters, equal targets, fresh optimiser.

    Args:
        net: a network with `unroll`.
        optimizer: its optimiser.
        example: inputs with leading axis [B].
        key: randomness of the parameters.
        targets: names of the submodules that have a target copy; None for all.
    """
    rows = example.prev_action.shape[0]
    start = jnp.ones((1, rows), bool)
    inputs = jax.tree.map(lambda leaf: leaf[None], example)
    params: Any = net.init(key, None, inputs, start, method="unroll")
    followed = only(params, params["params"] if targets is None else targets)
    return AgentState(
        params=params,
        # A copy of its own: the run is donated, and one buffer cannot be donated twice.
        target_params=jax.tree.map(jnp.copy, followed),
        opt_state=optimizer.init(params),
    )
