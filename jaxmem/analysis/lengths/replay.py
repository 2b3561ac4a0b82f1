"""Histories played in the environment itself: whether they can happen, and what follows."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.analysis.lengths.histories import History
from jaxmem.envs.explore import begin_all, shown


@dataclasses.dataclass(frozen=True)
class Replayed:
    """What the environment says of a history.

    Attributes:
        episodes: how many were played with its actions.
        met: how many of them showed its observations.
        reward: mean reward of the action after it, over those; nan where there are none, or no action was asked about.
        seen: the distinct observations after that action, each with how many of them showed it.
    """

    episodes: int
    met: int
    reward: float
    seen: tuple[tuple[int, np.ndarray], ...]


def replay(
    env: Any,
    params: Any,
    histories: Sequence[History],
    actions: Sequence[int],
    *,
    layouts: Sequence[Any] | None = None,
    episodes: int = 4096,
    seed: int = 0,
) -> list[Replayed]:
    """Play the actions of histories, and one more action after each.

    Args:
        env: the environment.
        params: its params.
        histories: what to play; their observations are arrays as the environment gives them.
        actions: for each history the action after it; -1 asks for none.
        layouts: where to start from, one episode each; None for every layout where the environment lists them, else for
            `episodes` random resets.
        episodes: number of random resets.
        seed: randomness of resets and steps.
    """
    if layouts is None and hasattr(env, "layouts"):
        layouts = [layout for _, layout in env.layouts(params)]
    reset_key, step_key = jax.random.split(jax.random.key(seed))
    if layouts is None:
        obs, states = jax.vmap(lambda key: env.reset_env(key, params))(jax.random.split(reset_key, episodes))
    else:
        obs, states = begin_all(env, params, layouts)
    count = len(jax.tree.leaves(obs)[0])
    steps = max(len(history.observations) for history in histories)
    # All in one program: shorter ones go on with action 0, which nobody looks at.
    plans = np.zeros((len(histories), steps), np.int32)
    for row, (history, then) in enumerate(zip(histories, actions, strict=True)):
        plans[row, : len(history.actions)] = history.actions
        plans[row, len(history.actions)] = max(then, 0)

    def play(plan: jax.Array, state: Any, key: jax.Array) -> tuple[Any, jax.Array]:
        def step(state: Any, inputs: tuple[jax.Array, jax.Array]) -> tuple[Any, tuple[Any, jax.Array]]:
            action, key = inputs
            obs, state, reward, *_ = env.step_env(key, state, action, params)
            return state, (obs, jnp.asarray(reward, jnp.float32).reshape(()))

        return jax.lax.scan(step, state, (plan, jax.random.split(key, steps)))[1]

    over_episodes = jax.vmap(play, (None, 0, 0))
    seen, rewards = jax.jit(jax.vmap(over_episodes, (0, None, None)))(
        jnp.asarray(plans), states, jax.random.split(step_key, count)
    )
    first, seen = shown(jax.device_get(obs), batch=1), shown(jax.device_get(seen), batch=3)
    rewards = np.asarray(rewards, np.float64)
    return [
        _compare(history, first, seen[row], rewards[row], asked=actions[row] >= 0)
        for row, history in enumerate(histories)
    ]


def _compare(history: History, first: np.ndarray, seen: np.ndarray, rewards: np.ndarray, asked: bool) -> Replayed:
    last = len(history.observations) - 1
    axes = tuple(range(1, first.ndim))
    same = np.all(first == history.observations[0], axis=axes)
    for step, wanted in enumerate(history.observations[1:]):
        same &= np.all(seen[:, step] == wanted, axis=axes)
    if not asked or not same.any():
        return Replayed(len(first), int(same.sum()), float("nan"), ())
    kinds, counts = np.unique(seen[same, last], axis=0, return_counts=True)
    shown = tuple((int(number), kind) for number, kind in zip(counts, kinds, strict=True))
    return Replayed(len(first), int(same.sum()), float(rewards[same, last].mean()), shown)
