"""Returns of both value-based agents against sums over all that can happen in a small tree, and path by path."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tree_mdp import ACTIONS, DEPTH, NODES, make_tree

from jaxmem.cores.law import QUICK
from jaxmem.losses import SOFT_TRACES, TRACES, double_q_lambda, soft_lambda_returns

TREE = make_tree()
PATHS = TREE.paths()
RNG = np.random.default_rng(1)
TEMPERATURE = 0.3
NEAR: dict[str, Any] = {"rtol": 2e-5, "atol": 2e-5}
# What a deviation leaves behind is among the behaviours: uniform actions, and one that is sure.
UNIFORM = np.full((NODES, ACTIONS), 1 / ACTIONS)
SURE = np.eye(ACTIONS)[np.full(NODES, 1)]
OTHER = RNG.dirichlet(np.ones(ACTIONS), NODES)


class Soft:
    """SAC-Discrete's returns; the values are the lower ones of two critics."""

    logits = RNG.normal(size=(NODES, ACTIONS))
    pi = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    bonus = -TEMPERATURE * (pi * np.log(pi)).sum(-1)

    @staticmethod
    @partial(jax.jit, static_argnames=("trace", "n_step"), compiler_options=QUICK)
    def _returns(arrays: tuple, lambda_: Any, trace: Any, n_step: int | None) -> jax.Array:
        returns = partial(soft_lambda_returns, temperature=TEMPERATURE, lambda_=lambda_, trace=trace, n_step=n_step)
        return jax.vmap(returns, in_axes=(0, 0, 1, 0, 0, 0, 0))(*arrays)

    def returns(self, q, mu, discount, lambda_, trace, n_step=None) -> np.ndarray:
        """[N, T] of all paths; `q` [nodes, A] is now the first critic's, now the second's."""
        higher = q + np.random.default_rng(2).uniform(0, 1, q.shape)
        first = np.arange(NODES)[:, None] % 2 == 0
        both = np.stack([np.where(first, q, higher), np.where(first, higher, q)])
        log_mu = np.log(np.maximum(mu, 1e-30))[PATHS.s_tm1, PATHS.a_tm1]
        floats = PATHS.r_t, PATHS.discounts(discount), both[:, PATHS.s_t], self.logits[PATHS.s_t]
        arrays = (*map(f32, floats), jnp.asarray(PATHS.a_tm1), f32(log_mu), jnp.asarray(PATHS.continues))
        return np.asarray(self._returns(arrays, jnp.float32(lambda_), trace, n_step))


class Double:
    """Double DQN's returns: TD errors of values that are 0; the target policy is greedy in other values."""

    selector = RNG.normal(size=(NODES, ACTIONS))
    pi = np.eye(ACTIONS)[selector.argmax(-1)]
    bonus = np.zeros(NODES)

    @staticmethod
    @partial(jax.jit, static_argnames=("trace", "n_step"), compiler_options=QUICK)
    def _returns(arrays: tuple, lambda_: Any, trace: Any, n_step: int | None) -> jax.Array:
        return jax.vmap(partial(double_q_lambda, lambda_=lambda_, trace=trace, n_step=n_step))(*arrays)

    def returns(self, q, mu, discount, lambda_, trace, n_step=None) -> np.ndarray:
        """[N, T] of all paths, whoever acted."""
        del mu
        values = (f32(q[PATHS.s_t]), f32(self.selector[PATHS.s_t]), jnp.asarray(PATHS.continues))
        rewards = (f32(PATHS.r_t), f32(PATHS.discounts(discount)))
        nothing = jnp.zeros((*PATHS.s_t.shape, ACTIONS))
        arrays = (nothing, jnp.asarray(PATHS.a_tm1), *rewards, *values)
        return np.asarray(self._returns(arrays, jnp.float32(lambda_), trace, n_step))


def f32(x: np.ndarray) -> jax.Array:
    return jnp.asarray(x, jnp.float32)


SOFT, DOUBLE = Soft(), Double()
KINDS = [
    pytest.param(agent, trace, id=f"{name}-{trace}")
    for name, agent, traces in (("soft", SOFT, SOFT_TRACES), ("double", DOUBLE, TRACES))
    for trace in traces
]
BEHAVIOURS: dict[str, Callable[[Any], np.ndarray]] = {
    "uniform": lambda _: UNIFORM,
    "other": lambda _: OTHER,
    "sure": lambda _: SURE,
    "on-policy": lambda agent: agent.pi,
}
each_kind = pytest.mark.parametrize(("agent", "trace"), KINDS)


def expected_targets(agent, q, mu, discount, lambda_, trace, n_step=None) -> np.ndarray:
    """Expected targets [nodes, A], by the papers' definitions, one sweep over the tree a step of the return."""
    v = (agent.pi * q).sum(-1)
    ratio = np.divide(agent.pi, mu, out=np.zeros_like(mu), where=mu > 0)
    shares = {"peng": 1, "watkins": agent.pi == 1, "retrace": np.minimum(1, ratio), "tree_backup": agent.pi}
    c = lambda_ * np.broadcast_to(shares[trace], mu.shape)
    baseline = q if trace in ("retrace", "tree_backup") else np.broadcast_to(v[:, None], q.shape)
    targets = baseline
    for _ in range(n_step or DEPTH):
        correction = (mu * c * (targets - baseline)).sum(-1)
        targets = TREE.backup(
            discount, lambda _, s, goes_on, more=correction: v[s] + agent.bonus[s] + (more[s] if goes_on else 0)
        )
    return targets


def values_of(agent, q, discount) -> np.ndarray:
    """The target policy's (soft) values [nodes, A], with `q` behind a time limit."""
    return TREE.backup(discount, lambda g, s, goes_on: agent.pi[s] @ (g if goes_on else q)[s] + agent.bonus[s])


@each_kind
@pytest.mark.parametrize("n_step", [None, 2])
def test_the_mean_over_everything_that_can_happen_is_the_operators(agent, trace, n_step):
    q = RNG.normal(size=(NODES, ACTIONS))
    for name, behaviour in BEHAVIOURS.items():
        for lambda_, discount in ((0.0, 0.9), (0.6, 0.9), (1.0, 1.0)):
            settings = behaviour(agent), discount, lambda_, trace, n_step
            found = PATHS.expectation(settings[0], agent.returns(q, *settings)[:, 0])
            np.testing.assert_allclose(found, expected_targets(agent, q, *settings)[0], **NEAR, err_msg=name)


@each_kind
def test_the_target_policys_values_are_a_fixed_point_whoever_acted(agent, trace):
    """All but Peng's, whose bias the test above has in numbers: his fit only where the target policy acted."""
    for discount in (0.9, 1.0):
        behind = RNG.normal(size=(NODES, ACTIONS))
        q = values_of(agent, behind, discount)
        # A decision that a time limit has cut off shows what was assumed of it.
        limits = np.setdiff1d(PATHS.s_t, PATHS.s_tm1)
        q[limits] = behind[limits]
        for name, behaviour in BEHAVIOURS.items():
            mu = behaviour(agent)
            found = PATHS.expectation(mu, agent.returns(q, mu, discount, 1.0, trace)[:, 0])
            if trace == "peng" and name != "on-policy":
                assert np.abs(found - q[0]).max() > 0.05
            else:
                np.testing.assert_allclose(found, q[0], **NEAR, err_msg=name)


def sums_along(agent, q, discount, most) -> np.ndarray:
    """Rewards and bonuses of at most `most` steps, then the value of what is seen: [N, T], step by step."""
    v = (agent.pi * q).sum(-1)
    sums = np.zeros(PATHS.r_t.shape)
    for path, length in enumerate(PATHS.length):
        for begin in range(length):
            weight = 1.0
            for t in range(begin, min(begin + most, length)):
                sums[path, begin] += weight * PATHS.r_t[path, t]
                weight *= 0 if t + 1 == length and PATHS.terminated[path] else discount
                sums[path, begin] += weight * agent.bonus[PATHS.s_t[path, t]]
            sums[path, begin] += weight * v[PATHS.s_t[path, t]]
    return sums


@pytest.mark.parametrize("agent", [SOFT, DOUBLE], ids=["soft", "double"])
@pytest.mark.parametrize("n_step", [1, 2, DEPTH, 2 * DEPTH, None])
def test_uncorrected_returns_are_sums_of_rewards_and_a_bootstrap(agent, n_step):
    """Of n steps, or to the end of the episode, which bootstraps if a time limit made it. None: Monte-Carlo."""
    q, steps = RNG.normal(size=(NODES, ACTIONS)), np.arange(DEPTH) < PATHS.length[:, None]
    for discount in (0.9, 1.0):
        found = agent.returns(q, UNIFORM, discount, 1.0, "peng", n_step)
        np.testing.assert_allclose(found[steps], sums_along(agent, q, discount, n_step or DEPTH)[steps], **NEAR)


def test_retrace_on_policy_cuts_nothing_and_its_mean_is_monte_carlos_whatever_the_critic_says():
    wrong = RNG.normal(size=(NODES, ACTIONS))
    # Behind a time limit there is nothing but what the critic says.
    wanted = PATHS.expectation(SOFT.pi, sums_along(SOFT, wrong, 1.0, DEPTH)[:, 0])
    found = PATHS.expectation(SOFT.pi, SOFT.returns(wrong, SOFT.pi, 1.0, 1.0, "retrace")[:, 0])
    np.testing.assert_allclose(found, wanted, **NEAR)
    cut = PATHS.expectation(SOFT.pi, SOFT.returns(wrong, SOFT.pi, 1.0, 1.0, "tree_backup")[:, 0])
    assert np.abs(cut - wanted).max() > 0.05


def test_watkins_return_is_cut_where_the_greedy_policy_was_not_followed():
    q = RNG.normal(size=(NODES, ACTIONS))
    watkins, whole = (DOUBLE.returns(q, OTHER, 1.0, 1.0, trace) for trace in ("watkins", "peng"))
    greedy = DOUBLE.pi[PATHS.s_tm1, PATHS.a_tm1] == 1
    later = (np.arange(DEPTH) > 0) & (np.arange(DEPTH) < PATHS.length[:, None])
    followed = (greedy | ~later).all(axis=1)
    np.testing.assert_allclose(watkins[followed], whole[followed], **NEAR)
    # Cut at the second step, what is left is the one-step target.
    at_once = (PATHS.length > 1) & ~greedy[:, 1]
    np.testing.assert_allclose(watkins[at_once, 0], sums_along(DOUBLE, q, 1.0, 1)[at_once, 0], **NEAR)
    assert np.abs(whole[at_once, 0] - watkins[at_once, 0]).mean() > 0.05
