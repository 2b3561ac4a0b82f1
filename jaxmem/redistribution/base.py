"""What models that redistribute rewards share: their state, and how they learn and are asked."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct

from jaxmem.networks import Inputs
from jaxmem.replay import Episodes

Metrics = dict[str, jax.Array]


@struct.dataclass
class ModelState:
    """Everything that a model learns.

    Attributes:
        params: its parameters.
        opt_state: its optimiser's state.
    """

    params: Any
    opt_state: Any


@dataclass(frozen=True, eq=False)
class Redistribution:
    """A model of whole episodes that gives the learner's rewards; a subclass says which, and what it learns.

    Attributes:
        options: `RedistributionOptions`.
        model: called with episodes.
        example: inputs of one row, to initialise parameters with.
    """

    options: Any
    model: nn.Module
    example: Inputs

    metric_names: ClassVar[tuple[str, ...]] = ("redistribution_error",)

    def error(self, said: Any, episodes: Episodes) -> jax.Array:
        """What the model learns to make small, a float scalar; `said` is what it gave for the episodes."""
        raise NotImplementedError

    def rewards(self, said: Any, episodes: Episodes) -> jax.Array:
        """The learner's rewards, float32 [T, B], 0 in the padding."""
        raise NotImplementedError

    @cached_property
    def _optimizer(self) -> optax.GradientTransformation:
        return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(self.options.learning_rate))

    def init(self, key: jax.Array) -> ModelState:
        """A fresh state."""
        obs = jnp.stack([self.example.obs] * 2)
        rows = obs.shape[1]
        none = jnp.zeros((1, rows))
        episodes = Episodes(
            obs=obs,
            action=none.astype(jnp.int32),
            log_prob=none,
            deviated=none.astype(bool),
            reward=none,
            length=jnp.ones((rows,), jnp.int32),
            terminated=jnp.ones((rows,), bool),
        )
        params = self.model.init(key, episodes)
        return ModelState(params, self._optimizer.init(params))

    def learn(self, state: ModelState, draw: Callable[[jax.Array], Episodes], key: jax.Array) -> ModelState:
        """The gradient steps of an iteration, each on episodes that `draw` gives for a key."""

        def loss(params: Any, episodes: Episodes) -> jax.Array:
            return self.error(self.model.apply(params, episodes), episodes)

        def one(index: jax.Array, state: ModelState) -> ModelState:
            gradients = jax.grad(loss)(state.params, draw(jax.random.fold_in(key, index)))
            updates, opt_state = self._optimizer.update(gradients, state.opt_state, state.params)
            return ModelState(optax.apply_updates(state.params, updates), opt_state)

        return jax.lax.fori_loop(0, self.options.updates, one, state)

    def apply(self, state: ModelState, episodes: Episodes) -> tuple[Episodes, Metrics]:
        """The episodes with the rewards that the learner is to see; memory goes on seeing what was paid."""
        said = self.model.apply(state.params, episodes)
        rewards = jax.lax.stop_gradient(self.rewards(said, episodes))
        metrics = {"redistribution_error": self.error(said, episodes)}
        return replace(episodes, reward=rewards, paid=episodes.reward), metrics
