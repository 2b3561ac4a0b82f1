"""Losses: pure functions on one trajectory, without networks; callers `vmap` them over a batch."""

from jaxmem.losses.continuous import clipped_double_returns, squashed_normal
from jaxmem.losses.imitation import action_log_loss, action_square_loss
from jaxmem.losses.policy import clipped_log_softmax, entropy, log_barrier
from jaxmem.losses.ppo import clipped_ratio_loss, clipped_value_loss
from jaxmem.losses.q_learning import double_q_lambda
from jaxmem.losses.redistribution import return_differences, synthetic_rewards
from jaxmem.losses.reduce import masked_mean, taken
from jaxmem.losses.returns import TRACES, Trace, general_returns
from jaxmem.losses.rewards import REWARD_CLIPS, by_size, clip_rewards
from jaxmem.losses.sac_discrete import (
    SOFT_TRACES,
    sac_policy_loss,
    soft_lambda_returns,
    temperature_loss,
)
from jaxmem.losses.vtrace import VTraceOutput, clip_ratio, vtrace

__all__ = [
    "REWARD_CLIPS",
    "SOFT_TRACES",
    "TRACES",
    "Trace",
    "VTraceOutput",
    "action_log_loss",
    "action_square_loss",
    "by_size",
    "clip_ratio",
    "clip_rewards",
    "clipped_double_returns",
    "clipped_log_softmax",
    "clipped_ratio_loss",
    "clipped_value_loss",
    "double_q_lambda",
    "entropy",
    "general_returns",
    "log_barrier",
    "masked_mean",
    "return_differences",
    "sac_policy_loss",
    "soft_lambda_returns",
    "squashed_normal",
    "synthetic_rewards",
    "taken",
    "temperature_loss",
    "vtrace",
]
