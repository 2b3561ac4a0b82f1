"""Soft actor-critic for discrete actions, with memory, on whole episodes."""

import math
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
from jaxmem.losses import (
    SOFT_TRACES,
    Trace,
    entropy,
    masked_mean,
    sac_policy_loss,
    soft_lambda_returns,
    taken,
    temperature_loss,
)
from jaxmem.networks import POLICY_BOUND, ActorCritic, Inputs, NetworkParts
from jaxmem.replay import Episodes

_CRITICS = ("critic_0", "critic_1")


@dataclass(frozen=True)
class SACDiscreteOptions(ExplorationOptions, ReturnOptions):
    """SAC-Discrete; the defaults are those of the code of Ni et al. 2023 (arXiv:2307.03864) for the pixel tasks.

    Their temperature is fixed; the fields of a learned one are ours, and it starts from `temperature`.

    One trunk serves policy and critics. The target critics are copies of the heads alone and read the features of the
    online trunk. In the policy's loss the critics are frozen, weights and inputs. Dropout is on while collecting and in
    every pass of an update.
    """

    predicts: ClassVar[bool] = True

    name: str = choice("sac_discrete", ["sac_discrete"])
    """the algorithm"""
    trace: Trace = choice("peng", SOFT_TRACES)
    """return that is never cut (peng), where the policy would act so more rarely (retrace), or where it is unsure"""
    learning_rate: float = number(3e-4, above=0)
    """Adam's step size"""
    max_grad_norm: float | None = number(None, above=0, optional=True)
    """clip of the gradient's global norm; none does not clip"""
    batch_size: int = integer(64, low=1, high=1_000_000)
    """episodes in an update"""
    tau: float = number(0.005, 0, 1)
    """how far the target critics move towards the online ones after an update"""
    temperature: float = number(0.1, above=0)
    """weight of the policy's entropy; the first value if it is learned"""
    learn_temperature: bool = flag(False)
    """adapt the temperature to a target entropy"""
    target_entropy: float = number(0.5, 0, 0.99)
    """entropy that is wanted, as a share of the uniform policy's log A; near 1 it drives the temperature up and up"""
    temperature_learning_rate: float = number(3e-4, above=0)
    """Adam's step size for the temperature"""
    shared: bool = flag(True)
    """one trunk for policy and critics; false: one for each, the critics' with a target copy"""
    freeze_critic: bool = flag(True)
    """keep the policy's gradient from the critics and, through them, from the trunk"""
    act_dropout: bool = flag(True)
    """dropout while collecting"""

    def make(self, parts: NetworkParts, example: Inputs, horizon: int) -> "SACDiscrete":
        """See `AgentOptions.make`."""
        net = ActorCritic(
            trunk=parts.trunk(),
            actor=parts.head(POLICY_BOUND),
            critic_0=parts.head(),
            critic_1=parts.head(),
            critic_trunk=None if self.shared else parts.trunk(),
            log_temperature=math.log(self.temperature) if self.learn_temperature else None,
        )
        return SACDiscrete(self, net, example, horizon, parts.num_actions)


@dataclass(frozen=True, eq=False)
class SACDiscrete(DiscreteNetAgent):
    """Soft actor-critic (Haarnoja et al. 2018, arXiv:1801.01290) for discrete actions (Christodoulou 2019).

    Loss: means over the valid steps of a batch of episodes of half the sum of both critics' squared errors against
    `losses.soft_lambda_returns`, and of `losses.sac_policy_loss`; plus `losses.temperature_loss` if that is learned.
    """

    options: SACDiscreteOptions
    net: ActorCritic
    num_actions: int

    own_metrics: ClassVar[tuple[str, ...]] = (
        "loss",
        "critic_loss",
        "policy_loss",
        "q",
        "entropy",
        "temperature",
        "grad_norm",
    )

    @cached_property
    def _optimizer(self) -> optax.GradientTransformation:
        options = self.options
        networks = clipped(optax.adam(options.learning_rate), options.max_grad_norm)
        if not options.learn_temperature:
            return networks
        return optax.partition(
            {"networks": networks, "temperature": optax.adam(options.temperature_learning_rate)},
            lambda params: {
                **dict.fromkeys(params, "networks"),
                "params": {
                    name: "temperature" if name == "log_temperature" else "networks" for name in params["params"]
                },
            },
        )

    @property
    def batch_size(self) -> int:
        """See `EpisodeAgent.batch_size`."""
        return self.options.batch_size

    def init(self, key: jax.Array) -> AgentState:
        """See `Agent.init`."""
        targets = _CRITICS if self.options.shared else (*_CRITICS, "critic_trunk")
        return init_state(self.net, self._optimizer, self.example, key, targets)

    def update(self, state: AgentState, episodes: Episodes, key: jax.Array) -> tuple[AgentState, Metrics]:
        """One gradient step; see `EpisodeAgent.update`."""
        gradients, metrics = jax.grad(self.loss, has_aux=True)(state.params, state, episodes, key)
        # What `max_grad_norm` clips: the temperature is not part of it.
        networks = {name: part for name, part in gradients["params"].items() if name != "log_temperature"}
        metrics["grad_norm"] = optax.tree.norm(networks)
        return gradient_step(self._optimizer, state, gradients, self.options.tau), metrics

    def loss(self, params: Params, state: AgentState, episodes: Episodes, key: jax.Array) -> tuple[jax.Array, Metrics]:
        """The loss of `params` on a batch, target critics coming from `state.target_params`; and metrics.

        Every pass unrolls the same observations from each episode's first one, and only then are the values shifted.
        """
        options = self.options
        steps = Unroll.of(episodes)
        online_key, target_key = jax.random.split(key)
        apply: Any = self.net.apply

        online, auxiliary = learner_unroll(self.net, params, steps, False, online_key)
        targets = {**params, "params": params["params"] | state.target_params["params"]}
        features = online.features
        if not options.shared:
            rngs = {"dropout": target_key}
            features = apply(targets, steps.inputs, steps.start, False, method="critic_features", rngs=rngs)
        q_target = apply(targets, jax.lax.stop_gradient(features), method="q")

        temperature = jnp.float32(options.temperature)
        if options.learn_temperature:
            temperature = jnp.exp(jax.lax.stop_gradient(params["params"]["log_temperature"]))
        action = episodes.action.astype(jnp.int32)
        returns = partial(
            soft_lambda_returns,
            temperature=temperature,
            lambda_=options.td_lambda,
            trace=options.trace,
            n_step=options.n_step,
        )
        return_t = jax.vmap(returns, in_axes=(1, 1, 2, 1, 1, 1, 1), out_axes=1)(
            episodes.reward,
            episodes.discounts(options.discount),
            q_target[:, 1:],
            online.logits[1:],
            action,
            episodes.log_prob,
            episodes.continues,
        )
        q_taken = jax.vmap(taken, in_axes=(0, None))(online.q[:, :-1], action)
        critic_loss = masked_mean(jnp.sum(jnp.square(return_t - q_taken), axis=0), episodes.mask)

        q_policy = jax.lax.stop_gradient(online.q) if options.freeze_critic else online.q
        policy_losses = partial(sac_policy_loss, temperature=temperature)
        policy_loss = masked_mean(
            jax.vmap(policy_losses, in_axes=(1, 2), out_axes=1)(online.logits[:-1], q_policy[:, :-1]), episodes.mask
        )
        loss = 0.5 * critic_loss + policy_loss
        mean_entropy = masked_mean(entropy(online.logits[:-1]), episodes.mask)
        if options.learn_temperature:
            wanted = options.target_entropy * math.log(self.num_actions)
            loss += temperature_loss(params["params"]["log_temperature"], mean_entropy, wanted)
        metrics = {
            "loss": loss,
            "critic_loss": critic_loss,
            "policy_loss": policy_loss,
            "q": masked_mean(jnp.min(q_taken, axis=0), episodes.mask),
            "entropy": mean_entropy,
            "temperature": temperature,
        }
        return auxiliary.added(loss, metrics)
