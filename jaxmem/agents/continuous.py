"""What actor-critics with continuous actions share: options, one loss for both critics and policy, frozen parts."""

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxmem.agents.auxiliary import learner_unroll
from jaxmem.agents.base import AgentState, Carry, Decision, Metrics, Params
from jaxmem.agents.net_agent import NetAgent, clipped, gradient_step, init_state
from jaxmem.agents.returns import ReturnOptions
from jaxmem.agents.unroll import Unroll
from jaxmem.config import choice, flag, integer, number
from jaxmem.losses import clipped_double_returns, masked_mean
from jaxmem.networks import POLICY_BOUND, ContinuousNet, Inputs, NetworkParts
from jaxmem.replay import Episodes

CRITICS = ("critic_0", "critic_1")


@dataclass(frozen=True)
class ContinuousOptions(ReturnOptions):
    """Fields of all of them; the defaults are those of the code of Ni et al. 2023 for occluded control.

    (arXiv:2307.03864, section 5.3; their branch pybullet_jax.)
    """

    continuous: ClassVar[bool] = True
    predicts: ClassVar[bool] = True

    learning_rate: float = number(3e-4, above=0)
    """Adam's step size"""
    max_grad_norm: float | None = number(None, above=0, optional=True)
    """clip of the gradient's norm, of the policy's and of the other parameters' apart; none does not clip"""
    batch_size: int = integer(256, low=1, high=1_000_000)
    """episodes in an update, or parts of them"""
    context: int | None = integer(64, low=1, high=1_000_000, optional=True)
    """steps of the parts of episodes that updates see, memory being empty before them; none takes whole episodes"""
    window: str = choice("auto", ["auto", "always", "never"])
    """act on the last context steps as if they were an episode (always), or with memory carried on from the first
    step (never); auto: a window where the core would else be shown positions that it never learned. Carried on, memory
    may reach further back than the context: that of recurrent cores, and of several layers of attention"""
    tau: float = number(0.005, 0, 1)
    """how far targets move towards the online parameters after an update"""
    policy_delay: int = integer(1, low=1)
    """updates between those in which the policy and all targets move; TD3's paper has 2, the code of Ni et al. 1"""
    shared: bool = flag(True)
    """one trunk for policy and critics; false: one for each"""
    freeze: str = choice("all", ["all", "critic", "none"])
    """what the policy's loss does not teach: all but the actor, the critics and what they read, or none of it"""
    act_dropout: bool = flag(True)
    """dropout while collecting"""

    @property
    def whole_episodes(self) -> bool:
        """See `AgentOptions.whole_episodes`."""
        return self.context is None

    def context_of(self, horizon: int) -> int | None:
        """Steps of the parts that updates see, where episodes have more than that; None for whole episodes."""
        return None if self.context is None or self.context >= horizon else self.context

    def network(self, parts: NetworkParts, horizon: int, outputs: int, log_temperature: float | None) -> ContinuousNet:
        """Policy and critics, with cores for `context` steps.

        Args:
            parts: what it is assembled from.
            horizon: the most steps of an episode.
            outputs: of the policy's head.
            log_temperature: see `ContinuousNet`.
        """
        context = self.context_of(horizon)
        if context is not None:
            acts_in_window = self.window == "always" or (self.window == "auto" and parts.core().counts_steps)
            # The learner also looks at what follows a part's last step, which no policy's loss does.
            parts = replace(parts, max_length=context + acts_in_window, window=context if acts_in_window else None)
        critic_0, critic_1 = (parts.head(outputs=1) for _ in CRITICS)
        return ContinuousNet(
            trunk=parts.trunk(),
            actor=parts.head(POLICY_BOUND, outputs),
            critic_0=critic_0,
            critic_1=critic_1,
            num_actions=parts.num_actions,
            critic_trunk=None if self.shared else parts.trunk(),
            log_temperature=log_temperature,
        )


class Choice(NamedTuple):
    """Actions of a policy.

    Attributes:
        action: float32 [..., A].
        log_prob: float32 [...], logarithms of their densities; 0 where the policy's randomness is worth nothing.
    """

    action: jax.Array
    log_prob: jax.Array


@dataclass(frozen=True, eq=False)
class ContinuousActorCritic(NetAgent):
    """A policy and twin critics; subclasses say what the policy's outputs mean.

    Loss: means over the valid steps of both critics' squared errors against `losses.clipped_double_returns`, summed,
    and of what the policy's actions cost, less the lower critic's value of them. Dropout is on in every pass of an
    update.
    """

    options: Any
    net: ContinuousNet

    shared_metrics: ClassVar[tuple[str, ...]] = ("loss", "critic_loss", "policy_loss", "q", "grad_norm")

    own_metrics: ClassVar[tuple[str, ...]] = shared_metrics

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the submodules that have a target copy."""
        raise NotImplementedError

    def explore(self, said: jax.Array, key: jax.Array) -> Decision:
        """Actions for B rows while exploring, by the policy's outputs [B, outputs]."""
        raise NotImplementedError

    def best(self, said: jax.Array) -> jax.Array:
        """The policy's best actions, [..., A], by its outputs."""
        raise NotImplementedError

    def learned(self, said: jax.Array, key: jax.Array) -> Choice:
        """The actions whose values the policy is to raise; gradients reach its outputs [T, B, outputs] through them."""
        raise NotImplementedError

    def followed(self, online: jax.Array, target: jax.Array, key: jax.Array) -> Choice:
        """The actions that returns go on with, by the outputs of the policy and of its target copy, if there is one."""
        raise NotImplementedError

    def temperature(self, params: Params) -> jax.Array:
        """Weight of the policy's randomness, a float32 scalar; 0 where that is worth nothing."""
        del params
        return jnp.zeros(())

    def own_loss(self, params: Params, policy: Choice, mask: jax.Array) -> tuple[jax.Array | float, Metrics]:
        """What else is learned, and more metrics."""
        del params, policy, mask
        return 0.0, {}

    @property
    def batch_size(self) -> int:
        """See `EpisodeAgent.batch_size`."""
        return self.options.batch_size

    @property
    def context(self) -> int | None:
        """See `EpisodeAgent.context`."""
        return self.options.context_of(self.horizon)

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
        """See `Agent.act`."""
        del progress
        step_key, explore_key = jax.random.split(key)
        carry, said = self.step(state, carry, inputs, start, step_key, explore)
        if explore:
            return carry, self.explore(said, explore_key)
        return carry, Decision(self.best(said), jnp.zeros(start.shape))

    @cached_property
    def _optimizer(self) -> optax.GradientTransformation:
        options = self.options
        adam = clipped(optax.adam(options.learning_rate), options.max_grad_norm)
        steps: dict[Any, optax.GradientTransformation] = {"networks": adam, "policy": adam, **self.own_optimizers()}
        if options.policy_delay > 1:
            steps["policy"] = optax.conditionally_mask(adam, self._is_due)
        policy = {"actor"} if options.shared else {"actor", "trunk"}

        def labels(params: Any) -> Any:
            named = {name: name if name in steps else "networks" for name in params["params"]}
            named |= dict.fromkeys(policy, "policy")
            return {**dict.fromkeys(params, "networks"), "params": named}

        return optax.partition(steps, labels)

    def own_optimizers(self) -> dict[str, optax.GradientTransformation]:
        """Optimisers of parameters that have one of their own, by name."""
        return {}

    def init(self, key: jax.Array) -> AgentState:
        """See `Agent.init`."""
        return init_state(self.net, self._optimizer, self.example, key, self.targets)

    def update(self, state: AgentState, episodes: Episodes, key: jax.Array) -> tuple[AgentState, Metrics]:
        """One gradient step; see `EpisodeAgent.update`."""
        due = self._policy_is_due(state)
        gradients, metrics = jax.grad(self.loss, has_aux=True)(state.params, state, episodes, key, due)
        networks = {name: part for name, part in gradients["params"].items() if name not in self.own_optimizers()}
        metrics["grad_norm"] = optax.tree.norm(networks)
        tau = self.options.tau * due
        return gradient_step(self._optimizer, state, gradients, tau), metrics

    def _policy_is_due(self, state: AgentState) -> jax.Array | float:
        """1.0 where this update moves the policy and the targets, else 0.0."""
        if self.options.policy_delay == 1:
            return 1.0
        return self._is_due(optax.tree.get(state.opt_state, "step")).astype(jnp.float32)

    def _is_due(self, step: Any, **_: Any) -> Any:
        return step % self.options.policy_delay == 0

    def loss(
        self,
        params: Params,
        state: AgentState,
        episodes: Episodes,
        key: jax.Array,
        policy_weight: jax.Array | float = 1.0,
    ) -> tuple[jax.Array, Metrics]:
        """The loss of `params` on a batch, targets coming from `state.target_params`; and metrics.

        All nets unroll the same observations from the first one, and only then are the values shifted.
        """
        options, mask = self.options, episodes.mask
        steps = Unroll.of(episodes)
        online_key, target_key, follow_key, policy_key = jax.random.split(key, 4)
        apply: Any = self.net.apply
        frozen = jax.lax.stop_gradient(params)
        temperature = self.temperature(frozen)

        online, auxiliary = learner_unroll(self.net, params, steps, False, online_key)
        targets = {**frozen, "params": frozen["params"] | state.target_params["params"]}
        rngs = {"dropout": target_key}
        _, target = apply(targets, None, steps.inputs, steps.start, False, method="unroll", rngs=rngs)
        online_said = apply(frozen, jax.lax.stop_gradient(online.policy), method="policy")
        target_said = apply(targets, target.policy, method="policy")
        follow = self.followed(online_said, target_said, follow_key)
        q_t = apply(targets, target.critic, follow.action, method="q")
        returns = partial(clipped_double_returns, lambda_=options.td_lambda, n_step=options.n_step)
        return_t = jax.vmap(returns, in_axes=(1, 1, 2, 1, 1), out_axes=1)(
            episodes.reward,
            episodes.discounts(options.discount),
            q_t[:, 1:],
            -temperature * follow.log_prob[1:],
            episodes.continues,
        )
        q = apply(params, online.critic[:-1], episodes.action, method="q")
        critic_loss = masked_mean(jnp.sum(jnp.square(return_t - q), axis=0), mask)

        read = jax.tree.map(lambda features: features[:-1], online)
        if options.freeze == "all" and options.shared:
            read = read._replace(policy=jax.lax.stop_gradient(read.policy))
        judge = params
        if options.freeze != "none":
            judge, read = frozen, read._replace(critic=jax.lax.stop_gradient(read.critic))
        policy = self.learned(apply(params, read.policy, method="policy"), policy_key)
        q_policy = jnp.min(apply(judge, read.critic, policy.action, method="q"), axis=0)
        policy_loss = masked_mean(temperature * policy.log_prob - q_policy, mask)

        own_loss, own_metrics = self.own_loss(params, policy, mask)
        metrics = {
            "critic_loss": critic_loss,
            "policy_loss": policy_loss,
            "q": masked_mean(jnp.min(q, axis=0), mask),
        }
        loss = critic_loss + policy_weight * policy_loss + own_loss
        return auxiliary.added(loss, {"loss": loss} | metrics | own_metrics)
