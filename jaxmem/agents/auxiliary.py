"""The unroll that is differentiated, and what is learned from its features beside the agent's own loss."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxmem.agents.unroll import Unroll
from jaxmem.losses import masked_mean
from jaxmem.networks import FEATURES

Metrics = dict[str, jax.Array]


class Auxiliary(NamedTuple):
    """Auxiliary losses of one pass.

    Attributes:
        weights: by name; none where nothing is predicted.
        errors: float32 scalars under the same names, means over the steps that were taken.
    """

    weights: dict[str, float]
    errors: Metrics

    def added(self, loss: jax.Array, metrics: Metrics) -> tuple[jax.Array, Metrics]:
        """An agent's loss and metrics, with these."""
        if not self.weights:
            return loss, metrics
        loss = loss + sum(weight * self.errors[name] for name, weight in self.weights.items())
        return loss, metrics | self.errors | {"loss": loss}


def learner_unroll(net: Any, params: Any, steps: Unroll, deterministic: bool, key: jax.Array) -> tuple[Any, Auxiliary]:
    """What a network says of some steps, and the errors of the predictions of its trunks, summed over trunks.

    The core runs once: the trunks give their features beside the outputs, in a collection of its own.

    Args:
        net: a network with `unroll` and one or more trunks among its submodules.
        params: its parameters.
        steps: what is unrolled.
        deterministic: no dropout.
        key: randomness of dropout.
    """
    arguments = (params, steps.memory, steps.inputs, steps.start, deterministic)
    rngs = {"dropout": key}
    if not (weights := predicted(net)):
        return net.apply(*arguments, method="unroll", rngs=rngs)[1], Auxiliary({}, {})
    (_, outputs), said = net.apply(*arguments, method="unroll", rngs=rngs, mutable=[FEATURES])
    ends = steps.start[1:]
    # Of a step that an episode ends with, only `reward` has what was paid; of the others, the next inputs have it, also
    # where the learner's rewards are others.
    reward = jnp.where(ends, steps.reward, steps.inputs.prev_reward[1:])
    # What is seen after such a step belongs to the next episode.
    masks = {"next_obs_error": steps.mask & ~ends, "reward_error": steps.mask}
    totals = {name: jnp.zeros(()) for name in weights}
    for name, sown in said[FEATURES].items():
        (features,) = sown["features"]

        def predict(net: nn.Module, name: str = name, features: jax.Array = features) -> Metrics:
            return getattr(net, name).predictor(features[:-1], steps.action, steps.inputs.obs[1:], reward)

        errors = net.apply(params, method=predict)
        totals = {name: total + masked_mean(errors[name], masks[name]) for name, total in totals.items()}
    return outputs, Auxiliary(weights, totals)


def predicted(net: Any) -> dict[str, float]:
    """Weights of what the trunks of a network predict, by the names of their errors."""
    predictor = net.trunk.predictor
    return {} if predictor is None else predictor.options.weights
