"""Continuous actions in a run: what does not fit is one line, and what agents choose is what the task is given."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces
from support import small_config

from jaxmem import agents, cores, envs
from jaxmem.config import ConfigError
from jaxmem.exploration import DeviationOptions
from jaxmem.networks import actions_of
from jaxmem.redistribution import RedistributionOptions
from jaxmem.training import RunConfig
from jaxmem.training.loop import Program
from jaxmem.training.task import Task


@pytest.mark.parametrize(
    ("env_id", "agent", "says"),
    [
        ("Pendulum-v1", "ddqn", "agent.name is 'ddqn': Pendulum-v1 has continuous actions, allowed is td3 or sac"),
        ("PassiveTMaze-v0", "td3", "agent.name is 'td3': PassiveTMaze-v0 has discrete actions, allowed is ddqn or"),
    ],
)
def test_agents_for_other_actions_are_refused(env_id, agent, says):
    config = small_config(env=envs.options(env_id), agent=agents.options(agent), core=cores.options("mlp", width=8))
    with pytest.raises(ConfigError, match=says):
        Program(config)


@pytest.mark.parametrize(
    ("space", "says"),
    [
        (spaces.Box(-jnp.inf, 1, (2,)), "env has actions without bounds"),
        (spaces.Box(-1, 1, (2, 2)), r"env has actions of the shape \(2, 2\): allowed is one axis"),
        (spaces.Dict({}), "env has the action space Dict: allowed are Discrete and Box"),
    ],
)
def test_spaces_that_agents_cannot_take(space, says):
    with pytest.raises(ConfigError, match=says):
        actions_of(space)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"deviation": DeviationOptions(kind="any")}, "deviation.kind is 'any': td3 has continuous actions"),
        (
            {"redistribution": RedistributionOptions(kind="rudder")},
            "redistribution.kind is 'rudder': it needs whole episodes, allowed is agent.context none",
        ),
    ],
)
def test_what_needs_other_actions_or_whole_episodes_is_refused(change, says):
    fields = dict(env=envs.options("Pendulum-v1"), core=cores.options("mlp", width=8), agent=agents.options("td3"))
    with pytest.raises(ConfigError, match=says):
        RunConfig(**fields, **change)


class Echo(envs.TMaze):
    """A T-Maze whose observation is the action that it was given, and whose actions are from -3 to 1 and 0 to 10."""

    def reset_env(self, key, params):
        _, state = super().reset_env(key, params)
        return jnp.zeros(2), state

    def step_env(self, key, state, action, params):
        _, state, reward, terminated, info = super().step_env(key, state, jnp.int32(0), params)
        return action, state, reward, terminated, info

    def action_space(self, params=None):
        return spaces.Box(jnp.array([-3.0, 0.0]), jnp.array([1.0, 10.0]), (2,))


def test_actions_are_scaled_to_the_box():
    envs.register("Echo", Echo)
    task = Task.of(envs.options("Echo"))
    _, state = task.reset(jax.random.key(0), 3)
    actions = jnp.array([[-1.0, -1.0], [0.0, 0.5], [1.0, 1.0]])
    seen = task.step(jax.random.key(1), state, actions).obs
    np.testing.assert_allclose(seen, [[-3, 0], [-1, 7.5], [1, 10]], atol=1e-6)
    drawn = task.random_actions(jax.random.key(2), 4000)
    np.testing.assert_allclose(np.quantile(drawn.action, [0.1, 0.5, 0.9], axis=0)[:, 0], [-0.8, 0, 0.8], atol=0.1)
    np.testing.assert_allclose(np.exp(drawn.log_prob), 0.25, rtol=1e-6)
