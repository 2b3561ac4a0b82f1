"""V-trace actor-critic with memory, on its own latest steps."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from jaxmem.agents.base import (
    AgentOptions,
    AgentState,
    Metrics,
    Params,
    PolicyAgent,
    clipped,
    gradient_step,
    init_state,
)
from jaxmem.agents.unroll import Unroll
from jaxmem.config import choice, flag, number
from jaxmem.losses import REWARD_CLIPS, clip_rewards, entropy, log_barrier, masked_mean, taken, vtrace
from jaxmem.networks import Inputs, NetworkParts, PolicyValue


@dataclass(frozen=True)
class VTraceOptions(AgentOptions):
    """V-trace actor-critic; the defaults are those of TorchBeast (Küttler et al. 2019, arXiv:1910.03552).

    `loop.collect` rows are played on for `loop.unroll` steps, or to the ends of whole episodes, and `loop.updates`
    gradient steps are made on all of them. From the second one on, the policy is no longer the one that acted: that is
    what the importance ratios are for.
    """

    on_policy: ClassVar[bool] = True

    name: str = choice("vtrace", ["vtrace"])
    """the algorithm"""
    discount: float = number(0.99, 0, 1)
    """discount of the return that is learned; 1 fits tasks that end by themselves"""
    td_lambda: float = number(1.0, 0, 1)
    """mixing of the targets: 1 reaches as far as the unroll, 0 one step"""
    clip_rho: float | None = number(1.0, above=0, optional=True)
    """bound of the importance ratios in the targets' errors; none does not clip"""
    clip_c: float | None = number(1.0, above=0, optional=True)
    """bound of the importance ratios along the targets' trace, in theory at most clip_rho; none does not clip"""
    clip_pg_rho: float | None = number(1.0, above=0, optional=True)
    """bound of the importance ratios in the policy's gradient; none does not clip"""
    baseline_cost: float = number(0.5, 0)
    """weight of the value loss, half the squared error"""
    entropy_cost: float = number(0.0006, 0)
    """weight of the policy's entropy"""
    barrier_cost: float = number(0.0, 0)
    """weight of the policy's log barrier, which keeps every action possible; see `jaxmem.losses.log_barrier`"""
    normalize_advantages: bool = flag(False)
    """shift and scale the advantages of a batch to mean 0 and deviation 1"""
    reward_clip: str = choice("abs_one", REWARD_CLIPS)
    """how the learner's rewards are squeezed; see `jaxmem.losses.clip_rewards`"""
    reduce: str = choice("sum", ["sum", "mean"])
    """how the losses of the steps make one; matters beside rms_epsilon and max_grad_norm"""
    optimizer: str = choice("rmsprop", ["rmsprop", "adam"])
    """what makes steps of gradients"""
    learning_rate: float = number(4.8e-4, above=0)
    """the optimiser's step size at first"""
    learning_rate_end: float = number(0.0, 0, 1)
    """share of it that is left at the end; it falls linearly"""
    rms_decay: float = number(0.99, 0, 0.9999)
    """how much RMSProp keeps of its mean squares"""
    rms_epsilon: float = number(0.01, above=0)
    """what RMSProp adds to the root of its mean squares"""
    max_grad_norm: float | None = number(40.0, above=0, optional=True)
    """clip of the gradient's global norm; none does not clip"""
    act_dropout: bool = flag(False)
    """dropout, while collecting and in updates; its masks differ, so that ratios are then never 1"""

    def make(self, parts: NetworkParts, example: Inputs, horizon: int) -> "VTrace":
        """See `AgentOptions.make`."""
        net = PolicyValue(trunk=parts.trunk(), actor=parts.head(), critic=parts.head(outputs=1))
        return VTrace(self, net, example)


@dataclass(frozen=True, eq=False)
class VTrace(PolicyAgent):
    """The actor-critic of IMPALA (Espeholt et al. 2018, arXiv:1802.01561), acting and learning in turns.

    Loss, over all steps in which something was done: the policy's log-probability times `losses.vtrace`'s advantage,
    half the squared error of the value, the policy's entropy and its log barrier.
    """

    options: VTraceOptions
    net: PolicyValue

    metric_names: ClassVar[tuple[str, ...]] = (
        "loss",
        "policy_loss",
        "value_loss",
        "entropy",
        "barrier",
        "value",
        "ratio",
        "grad_norm",
    )

    def _optimizer(self, learning_rate: jax.Array | float) -> optax.GradientTransformation:
        options = self.options
        if options.optimizer == "adam":
            return clipped(optax.adam(learning_rate), options.max_grad_norm)
        # The root is taken first, as in PyTorch; TensorFlow's adds epsilon first.
        rmsprop = optax.rmsprop(learning_rate, options.rms_decay, options.rms_epsilon, eps_in_sqrt=False)
        return clipped(rmsprop, options.max_grad_norm)

    def learning_rate(self, progress: jax.Array | float) -> jax.Array | float:
        """The step size, a float scalar, when the share `progress` of training is done."""
        options = self.options
        return options.learning_rate * (1 - (1 - options.learning_rate_end) * progress)

    def init(self, key: jax.Array) -> AgentState:
        """See `Agent.init`; there are no targets."""
        return init_state(self.net, self._optimizer(0.0), self.example, key, targets=())

    def update(
        self, state: AgentState, unroll: Unroll, key: jax.Array, progress: jax.Array | float
    ) -> tuple[AgentState, Metrics]:
        """One gradient step; see `UnrollAgent.update`."""
        gradients, metrics = jax.grad(self.loss, has_aux=True)(state.params, unroll, key)
        metrics["grad_norm"] = optax.tree.norm(gradients)
        return gradient_step(self._optimizer(self.learning_rate(progress)), state, gradients), metrics

    def loss(self, params: Params, unroll: Unroll, key: jax.Array) -> tuple[jax.Array, Metrics]:
        """The loss of `params` on the steps of all rows, and metrics."""
        options, mask = self.options, unroll.mask
        apply: Any = self.net.apply
        deterministic = not options.act_dropout
        _, (logits, value) = apply(
            params, unroll.memory, unroll.inputs, unroll.start, deterministic, method="unroll", rngs={"dropout": key}
        )
        log_prob = taken(jax.nn.log_softmax(logits[:-1]), unroll.action)
        # Where nothing was done the ratio is 0: no correction passes through.
        ratio = jnp.where(mask, jnp.exp(log_prob - unroll.log_prob), 0)
        targets = partial(
            vtrace,
            lambda_=options.td_lambda,
            clip_rho=options.clip_rho,
            clip_c=options.clip_c,
            clip_pg_rho=options.clip_pg_rho,
        )
        target, advantage = jax.vmap(targets, in_axes=1, out_axes=1)(
            value[:-1],
            value[1:],
            clip_rewards(unroll.reward, options.reward_clip),
            unroll.discounts(options.discount),
            ratio,
        )
        if options.normalize_advantages:
            mean = masked_mean(advantage, mask)
            advantage = (advantage - mean) / jnp.sqrt(masked_mean(jnp.square(advantage - mean), mask) + 1e-8)
        means = {
            "policy_loss": masked_mean(-log_prob * advantage, mask),
            "value_loss": masked_mean(0.5 * jnp.square(target - value[:-1]), mask),
            "entropy": masked_mean(entropy(logits[:-1]), mask),
            "barrier": masked_mean(log_barrier(logits[:-1]), mask),
            "value": masked_mean(value[:-1], mask),
            "ratio": masked_mean(ratio, mask),
        }
        kept_open = options.entropy_cost * means["entropy"] + options.barrier_cost * means["barrier"]
        loss = means["policy_loss"] + options.baseline_cost * means["value_loss"] - kept_open
        scale = jnp.sum(mask) if options.reduce == "sum" else 1
        return scale * loss, {"loss": loss} | means
