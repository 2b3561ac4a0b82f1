"""How every agent acts: by its behaviour, and by default with the very draws of its algorithm."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import QUICK
from unroll_cases import ACTIONS, STEPS, make_agent, random_state

from jaxmem.networks import first_inputs

AGENTS = ("ddqn", "sac_discrete", "vtrace", "ppo")
ROWS = 6000
EXPLORING: dict[str, Any] = dict(
    epsilon_start=0.2, epsilon_end=0.6, epsilon_fraction=1.0, act_temperature_start=2.0, act_temperature_end=0.5
)
KEY = jax.random.key(4)
START = jnp.ones((ROWS,), bool)
INPUTS = first_inputs(jnp.full((ROWS, 2), 0.7))


def says(name: str, **options: Any) -> tuple[Any, Any, Any]:
    """A function that acts and gives its behaviour, of `progress` and `explore`; and the preferences, [A] each."""
    agent = make_agent(name, core="mlp", **options)
    state = random_state(agent)
    carry = agent.initial_carry(ROWS)

    def both(progress: float, explore: bool) -> Any:
        arguments = (state, carry, INPUTS, START, KEY, progress, explore)
        (_, decision), (_, log_probs) = agent.act(*arguments), agent.behaviour(*arguments)
        return decision, log_probs

    _, preferences = agent.net.apply(state.params, carry, INPUTS, START, True, method="step")
    return jax.jit(both, static_argnums=1, compiler_options=QUICK), agent, preferences


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_does_what_its_behaviour_says(name):
    both, _, preferences = says(name, **EXPLORING)
    decision, log_probs = both(0.5, True)
    assert (log_probs.dtype, log_probs.shape) == (jnp.float32, (ROWS, ACTIONS))
    # Half-way epsilon is 0.4; the temperature is at its end.
    expected = 0.6 * np.asarray(jax.nn.softmax(preferences / 0.5))[0] + 0.4 / ACTIONS
    np.testing.assert_allclose(np.exp(log_probs), np.broadcast_to(expected, (ROWS, ACTIONS)), rtol=1e-5)
    np.testing.assert_array_equal(decision.log_prob, np.asarray(log_probs)[np.arange(ROWS), decision.action])
    # Four standard errors.
    share = np.bincount(decision.action, minlength=ACTIONS) / ROWS
    np.testing.assert_allclose(share, expected, atol=4 * 0.5 / np.sqrt(ROWS))
    greedy, sure = both(0.5, False)
    best = int(np.argmax(preferences[0]))
    assert set(np.asarray(greedy.action)) == {best}
    assert not np.asarray(greedy.log_prob).any()
    np.testing.assert_array_equal(np.exp(sure), np.broadcast_to(np.eye(ACTIONS)[best], (ROWS, ACTIONS)))


@pytest.mark.parametrize("name", AGENTS)
def test_by_default_the_draws_are_those_of_the_algorithm(name):
    """To the bit: figures of old runs rest on which keys are used for what."""
    both, _, preferences = says(name)
    decision, _ = both(0.05, True)
    if name == "ddqn":
        _, random_key, action_key = jax.random.split(KEY, 3)
        epsilon = jnp.float32(1.0) + jnp.float32(0.5) * (1 / STEPS - 1)
        is_random = jax.random.bernoulli(random_key, epsilon, (ROWS,))
        uniform = jax.random.randint(action_key, (ROWS,), 0, ACTIONS)
        expected = jnp.where(is_random, uniform, jnp.argmax(preferences, axis=-1))
        share = epsilon / ACTIONS + (1 - epsilon) * (expected == jnp.argmax(preferences, axis=-1))
        log_prob = jnp.log(share)
    else:
        expected = jax.random.categorical(jax.random.split(KEY)[1], preferences)
        log_prob = jnp.take_along_axis(jax.nn.log_softmax(preferences), expected[:, None], -1)[:, 0]
    np.testing.assert_array_equal(decision.action, expected)
    np.testing.assert_allclose(decision.log_prob, log_prob, rtol=1e-5)
