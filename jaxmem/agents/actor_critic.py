"""What actor-critics share that learn from their own latest steps."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import optax

from jaxmem.agents.auxiliary import Auxiliary, learner_unroll
from jaxmem.agents.base import AgentOptions, AgentState, Metrics, Params
from jaxmem.agents.net_agent import DiscreteNetAgent, clipped, gradient_step, init_state
from jaxmem.agents.unroll import Unroll
from jaxmem.config import choice, flag, number
from jaxmem.exploration import DEVIATION_WEIGHTS, ExplorationOptions
from jaxmem.losses import entropy, log_barrier, masked_mean, taken
from jaxmem.networks import NetworkParts, PolicyValue


@dataclass(frozen=True)
class ActorCriticOptions(ExplorationOptions, AgentOptions):
    """Fields with the same default in all of them; the others stand in each algorithm's own options."""

    on_policy: ClassVar[bool] = True
    predicts: ClassVar[bool] = True

    discount: float = number(0.99, 0, 1)
    """discount of the return that is learned; 1 fits tasks that end by themselves"""
    baseline_cost: float = number(0.5, 0)
    """weight of the value loss, half the squared error"""
    separate_critic: bool = flag(False)
    """whether the value has an embedding and a memory of its own; its errors, which last as long as an episode, then do
    not disturb what the policy remembers. Gradients of the two are clipped apart"""
    barrier_cost: float = number(0.0, 0)
    """weight of the policy's log barrier, which keeps every action possible; see `jaxmem.losses.log_barrier`"""
    learning_rate_end: float = number(0.0, 0, 1)
    """share of the step size that is left at the end; it falls linearly"""
    deviation_weight: str = choice("ratio", DEVIATION_WEIGHTS)
    """how much the policy learns from actions that a deviation chose; see `jaxmem.exploration.deviation_weight`"""
    act_dropout: bool = flag(False)
    """dropout, while collecting and in updates; its masks differ, so that ratios are then never 1"""

    @property
    def value_kinds(self) -> int:
        """How many values a step has, of different kinds of reward."""
        return 1

    def network(self, parts: NetworkParts) -> PolicyValue:
        """A policy and a value, on one trunk or on two."""
        own = parts.trunk() if self.separate_critic else None
        critic = parts.head(outputs=self.value_kinds)
        return PolicyValue(trunk=parts.trunk(), actor=parts.head(), critic=critic, critic_trunk=own)


class Said(NamedTuple):
    """What an actor-critic's network says of an unroll.

    Attributes:
        logits: float32 [T, B, A].
        log_prob: float32 [T, B], of the actions that were taken.
        value: float32 [T+1, B], or [T+1, B, K] of K kinds of reward.
        auxiliary: errors of predictions.
    """

    logits: jax.Array
    log_prob: jax.Array
    value: jax.Array
    auxiliary: Auxiliary


@dataclass(frozen=True, eq=False)
class ActorCriticAgent(DiscreteNetAgent):
    """A policy and a value, and one gradient step of `loss`, which subclasses give."""

    options: Any
    net: PolicyValue

    shared_metrics: ClassVar[tuple[str, ...]] = ("loss", "policy_loss", "value_loss", "entropy", "barrier", "value")

    def optimizer(self, learning_rate: jax.Array | float) -> optax.GradientTransformation:
        """What makes steps of gradients."""
        raise NotImplementedError

    def clipped(self, optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
        """An optimiser that is given clipped gradients, where the options say so.

        Those of a critic of its own have a norm of their own. It can be a hundred times that of the policy's, and
        changes as much from update to update: with one norm for both, the policy's steps would be the critic's.
        """
        options = self.options
        critic = ("critic_trunk", "critic") if options.separate_critic else ()
        return clipped(optimizer, options.max_grad_norm, apart=critic)

    def loss(self, params: Params, batch: Any, key: jax.Array) -> tuple[jax.Array, Metrics]:
        """The loss of `params` on what `prepare` gave, and metrics."""
        raise NotImplementedError

    def learning_rate(self, progress: jax.Array | float) -> jax.Array | float:
        """The step size, a float scalar, when the share `progress` of training is done."""
        options = self.options
        return options.learning_rate * (1 - (1 - options.learning_rate_end) * progress)

    def init(self, key: jax.Array) -> AgentState:
        """See `Agent.init`; there are no targets."""
        return init_state(self.net, self.optimizer(0.0), self.example, key, targets=())

    def update(
        self, state: AgentState, batch: Any, key: jax.Array, progress: jax.Array | float
    ) -> tuple[AgentState, Metrics]:
        """One gradient step; see `UnrollAgent.update`."""
        gradients, metrics = jax.grad(self.loss, has_aux=True)(state.params, batch, key)
        metrics["grad_norm"] = optax.tree.norm(gradients)
        return gradient_step(self.optimizer(self.learning_rate(progress)), state, gradients), metrics

    def outputs(self, params: Params, unroll: Unroll, key: jax.Array) -> "Said":
        """What the network says of an unroll."""
        (logits, value), auxiliary = learner_unroll(self.net, params, unroll, not self.options.act_dropout, key)
        return Said(logits[:-1], taken(jax.nn.log_softmax(logits[:-1]), unroll.action), value, auxiliary)

    def total(
        self, means: Metrics, logits: jax.Array, mask: jax.Array, auxiliary: Auxiliary
    ) -> tuple[jax.Array, Metrics]:
        """The loss made of policy and value loss, entropy and barrier, and the metrics with all of them.

        Args:
            means: has "policy_loss", "value_loss" and "value", means over the steps in which something was done.
            logits: [T, B, A].
            mask: bool [T, B], those steps.
            auxiliary: errors of predictions, which are added.
        """
        options = self.options
        means = means | {
            "entropy": masked_mean(entropy(logits), mask),
            "barrier": masked_mean(log_barrier(logits), mask),
        }
        kept_open = options.entropy_cost * means["entropy"] + options.barrier_cost * means["barrier"]
        loss = means["policy_loss"] + options.baseline_cost * means["value_loss"] - kept_open
        return auxiliary.added(loss, {"loss": loss} | means)
