"""Agents that learn from unrolls, and an unroll with several episodes."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from core_cases import QUICK
from gymnax.environments import spaces

from jaxmem import agents, cores
from jaxmem.agents import AgentState, Unroll
from jaxmem.networks import AuxiliaryOptions, Inputs, NetworkOptions, first_inputs

ACTIONS = 3
LENGTHS = (4, 1, 6)
STEPS = sum(LENGTHS)
ROWS = 2


def make_agent(
    name: str,
    core: str = "lstm",
    core_options: dict[str, Any] | None = None,
    auxiliary: AuxiliaryOptions | None = None,
    **options: Any,
) -> Any:
    """An agent of width 8."""
    width = 8
    parts = NetworkOptions(obs_embed=6, action_embed=2, head=(8,)).parts(
        cores.options(core, width=width, **(core_options or {})),
        spaces.Box(-1, 1, (2,)),
        spaces.Discrete(ACTIONS),
        STEPS + 1,
        auxiliary,
    )
    return agents.options(name, **options).make(parts, first_inputs(jnp.zeros((1, 2))), STEPS)


def random_state(agent: Any) -> AgentState:
    """Parameters N(0, 0.4^2): as they are made, heads give almost nothing and episodes would look alike."""
    state = jax.jit(agent.init, compiler_options=QUICK)(jax.random.key(0))
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(scale=0.4, size=leaf.shape), jnp.float32), state.params)
    return replace(state, params=params)


def several_episodes(seed: int = 0) -> Unroll:
    """One unroll of three episodes in each row; the rows' second ones are cut off by a time limit.

    The step after those shows their last observation, so that the third ones are a step shorter.
    """
    rng = np.random.default_rng(seed)
    begins = np.cumsum((0, *LENGTHS[:-1]))
    start = np.zeros((STEPS + 1, ROWS), bool)
    mask = np.ones((STEPS, ROWS), bool)
    terminated = np.zeros((STEPS, ROWS), bool)
    for begin, length in zip(begins, LENGTHS, strict=True):
        start[begin] = True
        terminated[begin + length - 1] = True
    cut = begins[1] + LENGTHS[1] - 1
    terminated[cut] = False
    start[cut + 1], start[cut + 2] = False, True
    mask[cut + 1] = False
    action = rng.integers(0, ACTIONS, (STEPS, ROWS))
    reward = rng.normal(size=(STEPS, ROWS)) * mask
    none = np.full((1, ROWS), -1)
    return Unroll(
        memory=None,
        inputs=Inputs(
            jnp.asarray(rng.normal(size=(STEPS + 1, ROWS, 2)), jnp.float32),
            jnp.asarray(np.where(start, -1, np.concatenate([none, action])), jnp.int32),
            jnp.asarray(np.where(start, 0, np.concatenate([0.0 * none, reward])), jnp.float32),
        ),
        start=jnp.asarray(start),
        action=jnp.asarray(action, jnp.int32),
        log_prob=jnp.asarray(np.log(rng.uniform(0.1, 0.9, (STEPS, ROWS))), jnp.float32),
        deviated=jnp.zeros((STEPS, ROWS), bool),
        reward=jnp.asarray(reward, jnp.float32),
        terminated=jnp.asarray(terminated),
        mask=jnp.asarray(mask),
    )


def alone(unroll: Unroll) -> Unroll:
    """The same episodes, each in rows of its own, padded to one length: [T, 3 * ROWS]."""
    begins = [*np.flatnonzero(np.asarray(unroll.start[:STEPS, 0])), STEPS]
    longest = int(np.diff(begins).max())

    def cut(leaf: jax.Array, extra: int) -> jax.Array:
        """Every episode's part of a leaf, with `extra` steps after its end."""
        parts = []
        for begin, end in zip(begins[:-1], begins[1:], strict=True):
            part = leaf[begin : min(end + extra, leaf.shape[0])]
            width = [(0, longest + extra - part.shape[0])] + [(0, 0)] * (leaf.ndim - 1)
            parts.append(jnp.pad(part, width))
        return jnp.concatenate(parts, axis=1)

    start = jnp.zeros((longest + 1, 3 * ROWS), bool).at[0].set(True)
    names = ("action", "log_prob", "deviated", "reward", "terminated", "mask")
    fields = {name: cut(getattr(unroll, name), 0) for name in names}
    return Unroll(memory=None, inputs=jax.tree.map(lambda leaf: cut(leaf, 1), unroll.inputs), start=start, **fields)
