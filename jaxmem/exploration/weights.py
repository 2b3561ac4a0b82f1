"""How much a policy learns from actions that a deviation chose for it."""

import jax
import jax.numpy as jnp

DEVIATION_WEIGHTS = ("ratio", "masked", "keep")


def deviation_weight(kind: str, advantage: jax.Array, ratio: jax.Array) -> jax.Array:
    """Weights, in the policy's loss, of steps in which a deviation chose the action.

    * ratio: the policy's probability over that of the deviation. Unbiased for such a step: in expectation its gradient
      is that of the policy's own action. Of what the policy has given up, nothing is learned, however good it is.
    * masked: 0. Unbiased for such a step, but for the scale: the episodes that do not deviate teach it.
    * keep: 1 where the action was better than expected, else the ratio. Biased: what paid off is learned as if the
      policy had chosen it, so that an action comes back whose probability had vanished; what did not pay off counts
      for as much as it would have happened.

    Under any of them, later steps are learned from where the deviation led to, oftener than the policy gets there.

    Args:
        kind: one of `DEVIATION_WEIGHTS`.
        advantage: float [...].
        ratio: float [...], the policy's probability over that of the deviation.

    Returns:
        float [...]; no gradient flows through it.

    Raises:
        ValueError: for another kind.
    """
    if kind == "ratio":
        weight = ratio
    elif kind == "masked":
        weight = jnp.zeros_like(ratio)
    elif kind == "keep":
        weight = jnp.where(advantage > 0, 1.0, ratio)
    else:
        raise ValueError(f"kind is {kind!r}: allowed is one of {', '.join(DEVIATION_WEIGHTS)}")
    return jax.lax.stop_gradient(weight)
