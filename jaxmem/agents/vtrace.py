"""V-trace actor-critic with memory, on its own latest steps."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import optax

from jaxmem.agents.actor_critic import ActorCriticAgent, ActorCriticOptions
from jaxmem.agents.advantages import normalized
from jaxmem.agents.base import AgentState, Metrics, Params
from jaxmem.agents.unroll import Unroll
from jaxmem.config import choice, flag, number
from jaxmem.exploration import deviation_weight
from jaxmem.losses import REWARD_CLIPS, clip_ratio, clip_rewards, masked_mean, vtrace
from jaxmem.networks import Inputs, NetworkParts


@dataclass(frozen=True)
class VTraceOptions(ActorCriticOptions):
    """V-trace actor-critic; the defaults are those of TorchBeast (Küttler et al. 2019, arXiv:1910.03552).

    `loop.collect` rows are played on for `loop.unroll` steps, or to the ends of whole episodes, and `loop.updates`
    gradient steps are made on all of them. From the second one on, the policy is no longer the one that acted: that is
    what the importance ratios are for.
    """

    name: str = choice("vtrace", ["vtrace"])
    """the algorithm"""
    td_lambda: float = number(1.0, 0, 1)
    """mixing of the targets: 1 reaches as far as the unroll, 0 one step"""
    clip_rho: float | None = number(1.0, above=0, optional=True)
    """bound of the importance ratios in the targets' errors; none does not clip"""
    clip_c: float | None = number(1.0, above=0, optional=True)
    """bound of the importance ratios along the targets' trace, in theory at most clip_rho; none does not clip"""
    clip_pg_rho: float | None = number(1.0, above=0, optional=True)
    """bound of the importance ratios in the policy's gradient; none does not clip"""
    entropy_cost: float = number(0.0006, 0)
    """weight of the policy's entropy"""
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
    rms_decay: float = number(0.99, 0, 0.9999)
    """how much RMSProp keeps of its mean squares"""
    rms_epsilon: float = number(0.01, above=0)
    """what RMSProp adds to the root of its mean squares"""
    max_grad_norm: float | None = number(40.0, above=0, optional=True)
    """clip of the gradient's global norm; none does not clip"""

    def make(self, parts: NetworkParts, example: Inputs, horizon: int) -> "VTrace":
        """See `AgentOptions.make`."""
        return VTrace(self, self.network(parts), example, horizon)


@dataclass(frozen=True, eq=False)
class VTrace(ActorCriticAgent):
    """The actor-critic of IMPALA (Espeholt et al. 2018, arXiv:1802.01561), acting and learning in turns.

    Loss, over all steps in which something was done: the policy's log-probability times `losses.vtrace`'s advantage,
    half the squared error of the value, the policy's entropy and its log barrier.
    """

    options: VTraceOptions

    own_metrics: ClassVar[tuple[str, ...]] = (*ActorCriticAgent.shared_metrics, "ratio", "grad_norm")

    def optimizer(self, learning_rate: jax.Array | float) -> optax.GradientTransformation:
        """See `ActorCriticAgent.optimizer`."""
        options = self.options
        if options.optimizer == "adam":
            return self.clipped(optax.adam(learning_rate))
        # The root is taken first, as in PyTorch; TensorFlow's adds epsilon first.
        rmsprop = optax.rmsprop(learning_rate, options.rms_decay, options.rms_epsilon, eps_in_sqrt=False)
        return self.clipped(rmsprop)

    def prepare(self, state: AgentState, unroll: Unroll, key: jax.Array) -> Unroll:
        """See `UnrollAgent.prepare`: targets are made anew in every update."""
        del state, key
        return unroll

    def loss(self, params: Params, batch: Unroll, key: jax.Array) -> tuple[jax.Array, Metrics]:
        """The loss of `params` on the steps of all rows, and metrics."""
        options, mask = self.options, batch.mask
        logits, log_prob, value, auxiliary = self.outputs(params, batch, key)
        # Where nothing was done the ratio is 0: no correction passes through.
        ratio = jnp.where(mask, jnp.exp(log_prob - batch.log_prob), 0)
        targets = partial(vtrace, lambda_=options.td_lambda, clip_rho=options.clip_rho, clip_c=options.clip_c)
        target, advantage = jax.vmap(targets, in_axes=1, out_axes=1)(
            value[:-1],
            value[1:],
            clip_rewards(batch.reward, options.reward_clip),
            batch.discounts(options.discount),
            ratio,
        )
        weight = clip_ratio(ratio, options.clip_pg_rho)
        weight = jnp.where(batch.deviated, deviation_weight(options.deviation_weight, advantage, weight), weight)
        advantage = jax.lax.stop_gradient(weight) * advantage
        if options.normalize_advantages:
            advantage = normalized(advantage, mask)
        means = {
            "policy_loss": masked_mean(-log_prob * advantage, mask),
            "value_loss": masked_mean(0.5 * jnp.square(target - value[:-1]), mask),
            "value": masked_mean(value[:-1], mask),
            "ratio": masked_mean(ratio, mask),
        }
        loss, metrics = self.total(means, logits, mask, auxiliary)
        scale = jnp.sum(mask) if options.reduce == "sum" else 1
        return scale * loss, metrics
