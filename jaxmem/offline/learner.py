"""How a sequence model is fitted to batches of windows: pure functions of one seed's state."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct

from jaxmem.config import ConfigError
from jaxmem.losses import action_log_loss, action_square_loss, masked_mean
from jaxmem.networks.inputs import actions_before
from jaxmem.offline.model import Seen, SequenceModel, example
from jaxmem.offline.options import LearnOptions


class Recorded(NamedTuple):
    """A batch of parts of trajectories, each of which begins with an empty memory; see `jaxmem.datasets.Batch`.

    Attributes:
        obs: [T, B, ...].
        action: int32 [T, B], or float32 [T, B, A].
        return_to_go: float32 [T, B].
        mask: bool [T, B], False where a trajectory has no more steps.
    """

    obs: jax.Array
    action: jax.Array
    return_to_go: jax.Array
    mask: jax.Array

    def seen(self) -> Seen:
        """What the model sees."""
        return Seen(self.obs, self.return_to_go, actions_before(self.action))

    def starts(self) -> jax.Array:
        """bool [T, B]: where memory is empty."""
        return jnp.zeros(self.mask.shape, bool).at[0].set(True)


@struct.dataclass
class LearnState:
    """What learning changes.

    Attributes:
        params: the model's parameters.
        opt_state: the optimiser's.
        key: for dropout.
        updates: int32, batches so far.
    """

    params: Any
    opt_state: Any
    key: jax.Array
    updates: jax.Array


class Learned(NamedTuple):
    """What a batch showed.

    Attributes:
        loss: float32, mean over the batch's actions.
        accuracy: float32, how many of them the model thinks likeliest; NaN for continuous ones.
    """

    loss: jax.Array
    accuracy: jax.Array


@dataclass(frozen=True, eq=False)
class Learner:
    """Fits a model.

    Attributes:
        model: the sequence model.
        options: how it learns.
        obs_dtype: of observations.
        window: steps of a window.

    Raises:
        ConfigError: `learn.segment` does not divide the window.
    """

    model: SequenceModel
    options: LearnOptions
    obs_dtype: Any
    window: int

    def __post_init__(self) -> None:
        if self.options.segment is not None and self.window % self.options.segment:
            raise ConfigError(
                f"learn.segment is {self.options.segment}: allowed is a divisor of the window, {self.window}"
            )

    @property
    def parts(self) -> int:
        """Gradient steps on each batch."""
        return 1 if self.options.segment is None else self.window // self.options.segment

    @cached_property
    def optimiser(self) -> optax.GradientTransformation:
        """AdamW behind a bound on the gradient's norm."""
        options = self.options
        return optax.chain(
            optax.clip_by_global_norm(options.clip),
            optax.adamw(step_sizes(options, self.parts), b2=options.beta2, weight_decay=options.weight_decay),
        )

    def init(self, key: jax.Array) -> LearnState:
        """The state before the first batch."""
        model_key, key = jax.random.split(key)
        start = jnp.ones((1, 1), bool)
        params = self.model.init(model_key, None, example(self.model, self.obs_dtype), start, method="unroll")
        return LearnState(params, self.optimiser.init(params), key, jnp.int32(0))

    def learn(self, state: LearnState, batches: Recorded) -> tuple[LearnState, Learned]:
        """Learn from batches [N, T, B, ...], one after another; what they showed is float32 [N]."""
        return jax.lax.scan(self.update, state, batches)

    def update(self, state: LearnState, batch: Recorded) -> tuple[LearnState, Learned]:
        """Learn from one batch: with `learn.segment` part by part, each a constant to those after it."""
        key = jax.random.fold_in(state.key, state.updates)
        if self.parts == 1:
            inputs = (batch.seen(), batch.starts(), batch.action, batch.mask, key)
            (params, opt_state), _, learned = self._step((state.params, state.opt_state), None, *inputs)
        else:
            whole = (batch.seen(), batch.starts(), batch.action, batch.mask)
            cut = jax.tree.map(lambda leaf: leaf.reshape(self.parts, -1, *leaf.shape[1:]), whole)

            def part(carry: Any, inputs: Any) -> Any:
                fitted, memory, learned = self._step(*carry, *inputs)
                return (fitted, memory), (learned, inputs[3].sum())

            memory = self.model.initial_state(batch.mask.shape[1])
            carry = ((state.params, state.opt_state), memory)
            keys = jax.random.split(key, self.parts)
            ((params, opt_state), _), (each, count) = jax.lax.scan(part, carry, (*cut, keys))
            learned = jax.tree.map(lambda values: jnp.sum(values * count) / jnp.sum(count), each)
        return LearnState(params, opt_state, state.key, state.updates + 1), learned

    def _step(
        self,
        fitted: tuple[Any, Any],
        memory: Any,
        seen: Seen,
        start: jax.Array,
        action: jax.Array,
        mask: jax.Array,
        key: jax.Array,
    ) -> tuple[tuple[Any, Any], Any, Learned]:
        params, opt_state = fitted

        def loss(params: Any) -> tuple[jax.Array, Any]:
            rngs = {"dropout": key}
            after, output = self.model.apply(params, memory, seen, start, False, method="unroll", rngs=rngs)
            return masked_mean(self._errors(output, action), mask), (after, output)

        (value, (memory, output)), grads = jax.value_and_grad(loss, has_aux=True)(params)
        changes, opt_state = self.optimiser.update(grads, opt_state, params)
        right = jnp.nan if self.model.actions.continuous else masked_mean((output.argmax(-1) == action) * 1.0, mask)
        return (optax.apply_updates(params, changes), opt_state), memory, Learned(value, jnp.float32(right))

    def _errors(self, output: Any, action: jax.Array) -> jax.Array:
        """[T, B]."""
        if self.model.actions.continuous:
            return jax.vmap(action_square_loss, in_axes=1, out_axes=1)(output, action)
        return jax.vmap(action_log_loss, in_axes=1, out_axes=1)(output, action)


def step_sizes(options: LearnOptions, parts: int) -> optax.Schedule:
    """The step size by gradient step, of which each batch takes `parts`: a linear rise, then as `schedule` says."""
    total, warmup = options.updates * parts, min(options.warmup, options.updates - 1) * parts
    last = options.learning_rate * options.end_factor
    if options.schedule == "constant":
        fall = optax.constant_schedule(options.learning_rate)
    elif options.schedule == "linear":
        fall = optax.linear_schedule(options.learning_rate, last, total - warmup)
    else:
        fall = optax.cosine_decay_schedule(options.learning_rate, total - warmup, options.end_factor)
    if not warmup:
        return fall
    return optax.join_schedules([optax.linear_schedule(0.0, options.learning_rate, warmup), fall], [warmup])
