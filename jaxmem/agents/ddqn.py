"""Double DQN with memory, on whole episodes."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from jaxmem.agents.auxiliary import learner_unroll
from jaxmem.agents.base import AgentState, Metrics, Params
from jaxmem.agents.net_agent import DiscreteNetAgent, clipped, gradient_step, init_state
from jaxmem.agents.returns import ReturnOptions
from jaxmem.agents.unroll import Unroll
from jaxmem.config import choice, flag, integer, number
from jaxmem.exploration import ExplorationOptions
from jaxmem.losses import TRACES, Trace, double_q_lambda, masked_mean, taken
from jaxmem.networks import Inputs, MemoryNet, NetworkParts
from jaxmem.replay import Episodes


@dataclass(frozen=True)
class DoubleDQNOptions(ExplorationOptions, ReturnOptions):
    """Double DQN; the defaults are those of the code of Ni et al. 2023 (arXiv:2307.03864) for the T-Mazes.

    Their code leaves its networks in training mode while it collects data and while it computes targets, so
    that dropout acts there too; it also evaluates the online network a second time, with other dropout, to
    choose the bootstrap action. `act_dropout`, `target_dropout` and `separate_selector` follow it by default.
    """

    predicts: ClassVar[bool] = True

    name: str = choice("ddqn", ["ddqn"])
    """the algorithm"""
    trace: Trace = choice("peng", TRACES)
    """return that goes on after exploratory actions (peng), or is cut there (watkins; the others are the same here)"""
    learning_rate: float = number(3e-4, above=0)
    """Adam's step size"""
    max_grad_norm: float | None = number(None, above=0, optional=True)
    """clip of the gradient's global norm; none does not clip"""
    batch_size: int = integer(64, low=1, high=1_000_000)
    """episodes in an update"""
    tau: float = number(0.005, 0, 1)
    """how far the target net moves towards the online net after an update"""
    epsilon_start: float = number(1.0, 0, 1)
    """chance of a random action at the first step of training"""
    epsilon_end: float | None = number(None, 0, 1, optional=True)
    """chance of a random action in the end; none is one over the horizon"""
    act_temperature_start: float = number(0.0, 0)
    """what values are divided by before a softmax draws from them, at first; 0 takes the best action"""
    act_temperature_end: float = number(0.0, 0)
    """what values are divided by in the end"""
    act_dropout: bool = flag(True)
    """dropout while collecting"""
    target_dropout: bool = flag(True)
    """dropout in the passes that compute targets"""
    separate_selector: bool = flag(True)
    """choose the bootstrap action by a pass of its own, not by the one that is differentiated"""

    def make(self, parts: NetworkParts, example: Inputs, horizon: int) -> "DoubleDQN":
        """See `AgentOptions.make`."""
        return DoubleDQN(self, MemoryNet(trunk=parts.trunk(), head=parts.head()), example, horizon)


@dataclass(frozen=True, eq=False)
class DoubleDQN(DiscreteNetAgent):
    """Double DQN (van Hasselt et al. 2016, arXiv:1509.06461) whose Q-function sees the whole history.

    Loss: mean over the valid steps of a batch of episodes of the squared TD error of `losses.double_q_lambda`.
    """

    options: DoubleDQNOptions
    net: MemoryNet

    own_metrics: ClassVar[tuple[str, ...]] = ("loss", "q", "grad_norm")

    @cached_property
    def _optimizer(self) -> optax.GradientTransformation:
        return clipped(optax.adam(self.options.learning_rate), self.options.max_grad_norm)

    @property
    def batch_size(self) -> int:
        """See `EpisodeAgent.batch_size`."""
        return self.options.batch_size

    def init(self, key: jax.Array) -> AgentState:
        """See `Agent.init`."""
        return init_state(self.net, self._optimizer, self.example, key)

    def update(self, state: AgentState, episodes: Episodes, key: jax.Array) -> tuple[AgentState, Metrics]:
        """One gradient step; see `EpisodeAgent.update`."""
        gradients, metrics = jax.grad(self.loss, has_aux=True)(state.params, state, episodes, key)
        metrics["grad_norm"] = optax.tree.norm(gradients)
        return gradient_step(self._optimizer, state, gradients, self.options.tau), metrics

    def loss(self, params: Params, state: AgentState, episodes: Episodes, key: jax.Array) -> tuple[jax.Array, Metrics]:
        """The loss of `params` on a batch, targets coming from `state.target_params`; and metrics.

        All nets unroll the same observations from each episode's first one, and only then are the values
        shifted: a target net that started one step later would remember something else.
        """
        steps = Unroll.of(episodes)
        online_key, target_key, selector_key = jax.random.split(key, 3)

        apply: Any = self.net.apply

        def unroll(params: Params, key: jax.Array, dropout: bool) -> jax.Array:
            rngs = {"dropout": key}
            return apply(params, None, steps.inputs, steps.start, not dropout, method="unroll", rngs=rngs)[1]

        targets_drop = self.options.target_dropout
        q, auxiliary = learner_unroll(self.net, params, steps, False, online_key)
        q_value = unroll(state.target_params, target_key, targets_drop)
        q_selector = jax.lax.stop_gradient(q)
        if self.options.separate_selector:
            q_selector = unroll(state.params, selector_key, targets_drop)
        action = episodes.action.astype(jnp.int32)
        options = self.options
        td_errors = partial(double_q_lambda, lambda_=options.td_lambda, trace=options.trace, n_step=options.n_step)
        td_error = jax.vmap(td_errors, in_axes=1, out_axes=1)(
            q[:-1],
            action,
            episodes.reward,
            episodes.discounts(self.options.discount),
            q_value[1:],
            q_selector[1:],
            episodes.continues,
        )
        loss = masked_mean(jnp.square(td_error), episodes.mask)
        return auxiliary.added(loss, {"loss": loss, "q": masked_mean(taken(q[:-1], action), episodes.mask)})
