"""Learned models find the visit to the oracle in the active T-Maze, which pays nothing itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import cores, envs
from jaxmem.networks import NetworkOptions, first_inputs
from jaxmem.redistribution import RedistributionOptions
from jaxmem.replay import Episodes
from jaxmem.training.task import Task

pytestmark = pytest.mark.slow

LENGTH, ROWS = 10, 512
RIGHT, LEFT, TURNS = 0, 2, (3, 1)


def played(task: Task) -> Episodes:
    """Half of the episodes fetch the cue and turn as it says; the others lose no time, and guess."""
    obs, state = task.reset(jax.random.key(0), ROWS)
    visits, guess = np.arange(ROWS) % 2 == 0, np.arange(ROWS) // 2 % 2
    turn = np.where(visits, np.asarray(state.goal_y) > 0, guess == 1)
    actions = np.full((task.horizon, ROWS), RIGHT)
    actions[0] = np.where(visits, LEFT, RIGHT)
    actions[-1] = np.asarray(TURNS)[turn.astype(int)]
    seen, rewards = [obs], []
    for action in actions:
        stepped = task.step(jax.random.key(1), state, jnp.asarray(action))
        state = stepped.state
        seen.append(stepped.obs)
        rewards.append(stepped.reward)
    return Episodes(
        obs=jnp.stack(seen),
        action=jnp.asarray(actions, jnp.int32),
        log_prob=jnp.zeros(actions.shape),
        deviated=jnp.zeros(actions.shape, bool),
        reward=jnp.stack(rewards),
        length=jnp.full((ROWS,), task.horizon, jnp.int32),
        terminated=jnp.ones((ROWS,), bool),
    )


@pytest.mark.parametrize("kind", ["rudder", "synthetic"])
def test_the_visit_to_the_oracle_is_paid_at_once(kind):
    task = Task.of(envs.options("ActiveTMaze-v0", length=LENGTH))
    space, actions = task.env.observation_space(task.params), task.env.action_space(task.params)
    parts = NetworkOptions(obs_embed=32, action_embed=32, head=(64,)).parts(
        cores.options("lstm", width=64), space, actions, task.horizon + 1
    )
    options = RedistributionOptions(kind=kind, updates=1000, alpha=1.0, beta=0.0, by_quality=False)
    model = options.make(parts, first_inputs(jnp.zeros((1, *space.shape))))
    assert model is not None
    episodes = played(task)
    state = jax.jit(lambda key: model.learn(model.init(key), lambda _: episodes, key))(jax.random.key(2))
    found, _ = jax.jit(model.apply)(state, episodes)
    # Going there, and seeing the cue: both tell those who know the way from those who guess, half of whom are right.
    early = np.asarray(found.reward[:2]).sum(axis=0)
    visits = np.asarray(episodes.action[0] == LEFT)
    assert early[visits].mean() > 0
    gain = early[visits].mean() - early[~visits].mean()
    assert gain > 0.4
    if kind == "rudder":
        # A contribution is gated where it counts, and has no scale of its own; a return has.
        assert gain < 0.6
        np.testing.assert_allclose(found.returns, episodes.returns, atol=1e-4)
