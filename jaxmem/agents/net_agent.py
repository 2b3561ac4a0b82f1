"""What agents with networks share: how they act, the initial state, target networks and the optimiser step."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from jaxmem.agents.auxiliary import predicted
from jaxmem.agents.base import AgentState, Carry, Decision, Params
from jaxmem.exploration import GREEDY, Exploration
from jaxmem.losses import taken
from jaxmem.networks import CENTRE, Inputs


@dataclass(frozen=True, eq=False)
class NetAgent:
    """What agents with one network for all they do share: its memory, and a step of it.

    Attributes:
        options: the algorithm's options, which say whether there is `act_dropout`.
        net: a network with `initial_state`, `step` and `unroll`.
        example: inputs of one row, to initialise parameters with.
        horizon: the most steps of an episode.
        own_metrics: names of what `update` reports, errors of predictions apart.
    """

    options: Any
    net: Any
    example: Inputs
    horizon: int

    own_metrics: ClassVar[tuple[str, ...]] = ()

    @property
    def metric_names(self) -> tuple[str, ...]:
        """See `Agent.metric_names`."""
        return (*self.own_metrics, *predicted(self.net))

    def initial_carry(self, batch_size: int) -> Carry:
        """See `Agent.initial_carry`."""
        return self.net.initial_state(batch_size)

    @property
    def context(self) -> int | None:
        """See `EpisodeAgent.context`."""
        return None

    def step(
        self, state: AgentState, carry: Carry, inputs: Inputs, start: jax.Array, key: jax.Array, explore: bool
    ) -> tuple[Carry, jax.Array]:
        """The network's step of B rows, with dropout where the options want it while exploring."""
        deterministic = not (explore and self.options.act_dropout)
        rngs = {"dropout": key}
        return self.net.apply(state.params, carry, inputs, start, deterministic, method="step", rngs=rngs)


@dataclass(frozen=True, eq=False)
class DiscreteNetAgent(NetAgent):
    """How those act that choose one of so many actions.

    Their options are `ExplorationOptions` too. A step of their network gives preferences among actions, float [B, A]: a
    policy's logits or a Q-function's values.
    """

    @cached_property
    def exploration(self) -> Exploration:
        """How it acts while it explores."""
        return self.options.exploration(self.horizon)

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
        """Actions by `exploration` if `explore`, else the best ones, without dropout; see `Agent.act`."""
        carry, preferences, keys = self._step(state, carry, inputs, start, key, explore)
        exploration = self.exploration if explore else GREEDY
        action = exploration.draw(preferences, progress, keys)
        return carry, Decision(action, taken(exploration.log_probs(preferences, progress), action))

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
        """See `DiscreteAgent.behaviour`."""
        carry, preferences, _ = self._step(state, carry, inputs, start, key, explore)
        return carry, (self.exploration if explore else GREEDY).log_probs(preferences, progress)

    def _step(
        self, state: AgentState, carry: Carry, inputs: Inputs, start: jax.Array, key: jax.Array, explore: bool
    ) -> tuple[Carry, jax.Array, jax.Array]:
        """The network's step, and keys to draw with."""
        keys = jax.random.split(key, 1 + self.exploration.num_keys)
        carry, preferences = self.step(state, carry, inputs, start, keys[0], explore)
        return carry, preferences, keys[1:]


def clipped(
    optimizer: optax.GradientTransformation, max_grad_norm: float | None, apart: Collection[str] = ()
) -> optax.GradientTransformation:
    """An optimiser that is given gradients whose global norm is clipped, unless the bound is None.

    Args:
        optimizer: of all parameters.
        max_grad_norm: the bound.
        apart: submodules of the network whose gradients have a norm of their own, with the same bound.
    """
    if max_grad_norm is None:
        return optimizer
    clip = optax.clip_by_global_norm(max_grad_norm)
    if not apart:
        return optax.chain(clip, optimizer)

    def labels(params: Any) -> Any:
        names = {name: name in apart for name in params["params"]}
        return {collection: names if collection == "params" else False for collection in params}

    return optax.chain(optax.partition({True: clip, False: clip}, labels), optimizer)


def gradient_step(
    optimizer: optax.GradientTransformation,
    state: AgentState,
    gradients: Params,
    tau: float = 1.0,
) -> AgentState:
    """Step the optimiser, then move the targets by `tau` towards the new parameters (Polyak averaging)."""
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params: Any = optax.apply_updates(state.params, updates)
    followed = only(params, state.target_params["params"])
    target_params = optax.incremental_update(followed, state.target_params, tau)
    return AgentState(params=params, target_params=target_params, opt_state=opt_state)


def only(params: Params, names: Iterable[str]) -> Params:
    """The parameters of some of a network's submodules, and all that is no parameter."""
    return {**params, "params": {name: params["params"][name] for name in names}}


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
    params: Any = net.init(key, None, inputs, start, method="unroll", mutable=["params", CENTRE])
    followed = only(params, params["params"] if targets is None else targets)
    return AgentState(
        params=params,
        # A copy of its own: the run is donated, and one buffer cannot be donated twice.
        target_params=jax.tree.map(jnp.copy, followed),
        opt_state=optimizer.init(params),
    )
