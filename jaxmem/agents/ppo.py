"""Proximal policy optimisation with memory, on its own latest steps."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax
from flax import struct

from jaxmem.agents.actor_critic import ActorCriticAgent, ActorCriticOptions
from jaxmem.agents.advantages import (
    Judged,
    calibrated,
    judged_together,
    normalized,
    over_step_mean,
    relative_rewards,
)
from jaxmem.agents.base import AgentState, Metrics, Params
from jaxmem.agents.unroll import Unroll
from jaxmem.config import ConfigError, choice, flag, number, numbers
from jaxmem.exploration import deviation_weight
from jaxmem.losses import (
    REWARD_CLIPS,
    VTraceOutput,
    by_size,
    clip_rewards,
    clipped_ratio_loss,
    clipped_value_loss,
    masked_mean,
    vtrace,
)
from jaxmem.networks import Inputs, NetworkParts

_MOST_LOG_RATIO = 20.0


@dataclass(frozen=True)
class PPOOptions(ActorCriticOptions):
    """Proximal policy optimisation; the defaults are those of CleanRL (Huang et al. 2022).

    `loop.collect` rows are played on for `loop.unroll` steps, or to the ends of whole episodes. Then come
    `loop.updates` passes over them (CleanRL: 4), each through `loop.minibatches` parts of the rows (4). A part has
    whole rows, so that memory is unrolled over all of their steps.
    """

    name: str = choice("ppo", ["ppo"])
    """the algorithm"""
    td_lambda: float = number(0.95, 0, 1)
    """mixing of value targets: 1 reaches as far as the unroll, 0 one step"""
    policy_lambda: float | None = number(None, 0, 1, optional=True)
    """mixing of the policy's advantages; none: td_lambda. A smaller one spares the policy the noise of what comes much
    later, of which the values still learn (decoupled GAE, Yuan et al. 2025, arXiv:2503.01491)"""
    calibrate: bool = flag(False)
    """whether policy_lambda believes values as far only as this iteration's returns bear them out; see
    `jaxmem.agents.advantages.calibrated`"""
    clip_ratio: float = number(0.2, above=0)
    """how far the policy's ratio may go from 1 with profit"""
    clip_worst: float | None = number(None, above=1, optional=True)
    """the largest ratio that counts for what did worse than expected (dual clip, Ye et al. 2020); none has no bound"""
    target_kl: float | None = number(None, above=0, optional=True)
    """an update is left out whose steps show the policy further than this from the one that played; none leaves none"""
    clip_value: float | None = number(0.2, above=0, optional=True)
    """how far a value may go from the old one with profit; none does not clip"""
    entropy_cost: float = number(0.01, 0)
    """weight of the policy's entropy"""
    normalize_over: str = choice("minibatch", ["off", "iteration", "minibatch"])
    """over which steps advantages get mean 0 and deviation 1: all of an iteration, or those of each update"""
    normalize_least: float = number(0.0, 0)
    """the least that they are divided by: where all that is done is as good, noise is then not blown up"""
    relative_values: bool = flag(False)
    """whether values are of rewards over the mean of what the other rows got at the same step, in units of how far
    returns differ; for whole episodes, which begin together. See `jaxmem.agents.advantages.relative_rewards`"""
    step_baseline: bool = flag(False)
    """take off from advantages the mean of the other rows at the same step; for whole episodes, which begin together"""
    reward_sizes: tuple[float, ...] = numbers((), above=0)
    """sizes between which rewards are of one kind, each kind with values of its own: what is paid rarely is then not
    drowned by what is paid often; none: one kind. See `jaxmem.losses.by_size`"""
    far_size: float | None = number(None, above=0, optional=True)
    """one of reward_sizes: rewards from there on, rare and large, are credited to the policy over td_lambda instead of
    policy_lambda; none: none are"""
    sizes_alike: bool = flag(False)
    """whether advantages of all kinds weigh alike, in units of how far returns of each differ, instead of as paid: what
    few rows get, or few miss, then counts for more. Takes relative_values and reward_sizes"""
    reward_clip: str = choice("off", REWARD_CLIPS)
    """how the learner's rewards are squeezed; see `jaxmem.losses.clip_rewards`"""
    learning_rate: float = number(2.5e-4, above=0)
    """Adam's step size at first"""
    adam_b2: float = number(0.999, 0, 0.9999)
    """share of Adam's mean squares that stays; a small one keeps steps small when gradients suddenly grow"""
    adam_epsilon: float = number(1e-5, above=0)
    """what Adam adds to the root of its mean squares"""
    max_grad_norm: float | None = number(0.5, above=0, optional=True)
    """clip of the gradient's global norm; none does not clip"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.calibrate and self.policy_lambda is None:
            raise ConfigError("agent.calibrate is on: agent.policy_lambda is none, allowed is a number from 0 to 1")
        if self.far_size is not None and self.far_size not in self.reward_sizes:
            raise ConfigError(f"agent.far_size is {self.far_size}: allowed is one of agent.reward_sizes, or none")
        if self.far_size is not None and self.policy_lambda is None:
            raise ConfigError(f"agent.far_size is {self.far_size}: without agent.policy_lambda, allowed is none alone")
        if self.sizes_alike and not (self.relative_values and self.reward_sizes):
            raise ConfigError("agent.sizes_alike is on: it takes agent.relative_values and agent.reward_sizes")

    @property
    def policy_lambdas(self) -> list[float]:
        """Mixing of the policy's advantages, for each kind of reward."""
        near = self.td_lambda if self.policy_lambda is None else self.policy_lambda
        far = float("inf") if self.far_size is None else self.far_size
        return [near, *(self.td_lambda if size >= far else near for size in self.reward_sizes)]

    @property
    def compares_rows(self) -> bool:
        """See `AgentOptions.compares_rows`."""
        return self.relative_values or self.step_baseline

    @property
    def value_kinds(self) -> int:
        """See `ActorCriticOptions.value_kinds`."""
        return 1 + len(self.reward_sizes)

    def make(self, parts: NetworkParts, example: Inputs, horizon: int) -> "PPO":
        """See `AgentOptions.make`."""
        return PPO(self, self.network(parts), example, horizon)


@struct.dataclass
class PPOBatch:
    """Steps of rows, and what is computed of them before the first update.

    What is computed is float32 [T, B]; values and targets are [T, B, K] where rewards are of K kinds.

    Attributes:
        steps: the steps.
        log_prob: logarithm of the old policy's probability of what was done.
        value: the old value.
        target: what values are regressed to.
        advantage: how much better what was done is than the old policy.
        weight: of the step in the policy's loss.
        trust: scalar, how far differences of values were believed; see `calibrated`.
    """

    steps: Unroll
    log_prob: jax.Array
    value: jax.Array
    target: jax.Array
    advantage: jax.Array
    weight: jax.Array
    trust: jax.Array

    def rows(self, index: jax.Array) -> "PPOBatch":
        """Those of some rows, int32 [N]."""
        names = ("log_prob", "value", "target", "advantage", "weight")
        computed = {name: getattr(self, name)[:, index] for name in names}
        return replace(self, steps=self.steps.rows(index), **computed)


@dataclass(frozen=True, eq=False)
class PPO(ActorCriticAgent):
    """Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347), acting and learning in turns.

    Advantages and value targets are made once an iteration, by the policy and the values before the first update
    (Schulman et al. 2016, arXiv:1506.02438). Loss, over all steps in which something was done:
    `losses.clipped_ratio_loss`, `losses.clipped_value_loss`, the policy's entropy and its log barrier.

    It takes its steps for the old policy's own, unless a deviation chose them, or the options explore: an epsilon above
    0, or a temperature that is not 1. Then importance ratios r, of the old policy's probabilities to those that were
    recorded, correct for it:

    * A step's part of the policy's loss is weighted by r. Unbiased, as long as every action of the policy can be drawn:
      given the advantages, its expectation is that of a step which the policy itself has chosen. With an epsilon below
      1 at temperature 1, r is at most 1 / (1 - epsilon); a low temperature makes r large and rare, and at temperature 0
      without an epsilon nothing is learned of any action but the best.
    * Targets and advantages are V-trace's, with min(1, r). Biased: values are those of a policy proportional to
      min(b, pi), between the behaviour b and the policy pi (Espeholt et al. 2018, arXiv:1802.01561, section 4).

    Entropy, barrier and value loss are means over the states that were played, under any behaviour.
    """

    options: PPOOptions

    own_metrics: ClassVar[tuple[str, ...]] = (*ActorCriticAgent.shared_metrics, "kl", "clipped", "trust", "grad_norm")

    def optimizer(self, learning_rate: jax.Array | float) -> optax.GradientTransformation:
        """See `ActorCriticAgent.optimizer`."""
        options = self.options
        adam = optax.adam(learning_rate, b2=options.adam_b2, eps=options.adam_epsilon)
        return self.clipped(adam)

    def update(
        self, state: AgentState, batch: PPOBatch, key: jax.Array, progress: jax.Array | float
    ) -> tuple[AgentState, Metrics]:
        """See `ActorCriticAgent.update`; with `target_kl`, nothing changes where the policy has gone far enough."""
        changed, metrics = super().update(state, batch, key, progress)
        if self.options.target_kl is None:
            return changed, metrics
        far = metrics["kl"] > self.options.target_kl
        return jax.tree.map(lambda old, new: jnp.where(far, old, new), state, changed), metrics

    def prepare(self, state: AgentState, unroll: Unroll, key: jax.Array) -> PPOBatch:
        """See `UnrollAgent.prepare`: old values, targets and advantages."""
        options = self.options
        _, log_prob, value, _ = self.outputs(state.params, unroll, key)
        ratio = jnp.where(unroll.mask, jnp.exp(log_prob - unroll.log_prob), 0)
        # Where the policy itself chose, all ratios are 1, and V-trace's recursion is that of generalised advantages.
        explored = unroll.deviated | (not self.exploration.is_policy)
        rho = jnp.where(explored, ratio, unroll.mask.astype(jnp.float32))
        judge = partial(self._judged, unroll=unroll, rho=rho)
        reward = clip_rewards(unroll.reward, options.reward_clip)
        if options.reward_sizes:
            lambdas = jnp.array(options.policy_lambdas)
            kinds = jax.vmap(judge, in_axes=-1, out_axes=-1)(value, by_size(reward, options.reward_sizes), lambdas)
            judged = kinds._replace(advantage=jnp.sum(kinds.advantage, axis=-1), trust=jnp.mean(kinds.trust))
            if options.relative_values:
                judged = judged_together(kinds, options.sizes_alike)
        else:
            judged = judge(value, reward, options.policy_lambdas[0])
        target, advantage, trust, _ = judged
        if options.step_baseline:
            advantage = over_step_mean(advantage, unroll.mask)
        if options.normalize_over == "iteration":
            advantage = normalized(advantage, unroll.mask, options.normalize_least)
        weight = jnp.where(explored, ratio, 1)
        weight = jnp.where(unroll.deviated, deviation_weight(options.deviation_weight, advantage, ratio), weight)
        return PPOBatch(unroll, log_prob, value[:-1], target, advantage, weight, trust)

    def _judged(
        self,
        value: jax.Array,
        reward: jax.Array,
        policy_lambda: jax.Array | float,
        unroll: Unroll,
        rho: jax.Array,
    ) -> Judged:
        """What is made of one kind of reward [T, B] and the values of it [T+1, B]."""
        options, unit = self.options, jnp.ones(())
        discount_t = unroll.discounts(options.discount)
        if options.relative_values:
            reward, unit = relative_rewards(reward, discount_t, unroll.terminated, unroll.mask, options.discount)

        def mixed(value: jax.Array, lambda_: Any) -> VTraceOutput:
            returns = jax.vmap(partial(vtrace, lambda_=lambda_), in_axes=1, out_axes=1)
            return returns(value[:-1], value[1:], reward, discount_t, rho)

        target, advantage = mixed(value, options.td_lambda)
        trust = jnp.ones(())
        if options.policy_lambda is not None:
            trusted = value
            if options.calibrate:
                trusted, trust = calibrated(value, target, unroll.mask)
            advantage = mixed(trusted, policy_lambda).advantage
        return Judged(target, advantage, trust, unit)

    def loss(self, params: Params, batch: PPOBatch, key: jax.Array) -> tuple[jax.Array, Metrics]:
        """The loss of `params` on the steps of some rows, and metrics.

        `kl` is an estimate of that from the old policy to the new one, of the steps that no deviation chose.
        """
        options, mask, advantage = self.options, batch.steps.mask, batch.advantage
        logits, log_prob, value, auxiliary = self.outputs(params, batch.steps, key)
        if options.normalize_over == "minibatch":
            advantage = normalized(advantage, mask, options.normalize_least)
        # Of a probability that had vanished, the ratio would be infinite and its gradient no number.
        log_ratio = jnp.minimum(log_prob - batch.log_prob, _MOST_LOG_RATIO)
        ratio = jnp.exp(log_ratio)
        policy_loss = batch.weight * clipped_ratio_loss(ratio, advantage, options.clip_ratio, options.clip_worst)
        value_loss = clipped_value_loss(value[:-1], batch.value, batch.target, options.clip_value)
        value_now = value[:-1]
        if options.reward_sizes:
            value_loss, value_now = jnp.sum(value_loss, axis=-1), jnp.sum(value_now, axis=-1)
        means = {
            "policy_loss": masked_mean(policy_loss, mask),
            "value_loss": masked_mean(value_loss, mask),
            "value": masked_mean(value_now, mask),
            # Schulman's estimate, which is never negative.
            "kl": masked_mean(batch.weight * (ratio - 1 - log_ratio), mask & ~batch.steps.deviated),
            "trust": batch.trust,
            "clipped": masked_mean((jnp.abs(ratio - 1) > options.clip_ratio).astype(jnp.float32), mask),
        }
        return self.total(means, logits, mask, auxiliary)
