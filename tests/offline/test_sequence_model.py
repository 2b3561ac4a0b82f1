"""The sequence model: `unroll` equals `step`, and outputs depend on what was seen alone."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces
from offline_cases import CORES, small

from jaxmem import cores, envs
from jaxmem.config import ConfigError
from jaxmem.offline.model import Seen, example, make_model
from jaxmem.offline.options import OfflineConfig, SequenceOptions

TIME, BATCH = 8, 3


def model_and_params(core, actions, obs_shape=(4,), dtype: Any = jnp.float32, **options) -> tuple[Any, Any]:
    config = replace(small(), core=CORES[core], model=SequenceOptions(**options))
    model = make_model(config, spaces.Box(-1, 1, obs_shape, dtype), actions, TIME)
    start = jnp.ones((1, 1), bool)
    return model, model.init(jax.random.key(0), None, example(model, dtype), start, method="unroll")


def seen_and_starts(model, seed=0):
    obs_key, act_key, hope_key = jax.random.split(jax.random.key(seed), 3)
    obs = jax.random.normal(obs_key, (TIME, BATCH, *model.obs_shape))
    action = (
        jax.random.normal(act_key, (TIME, BATCH, model.actions.size))
        if model.actions.continuous
        else jax.random.randint(act_key, (TIME, BATCH), -1, model.actions.size)
    )
    start = np.zeros((TIME, BATCH), bool)
    start[0], start[4, 1], start[6, 2] = True, True, True
    return Seen(obs, jax.random.normal(hope_key, (TIME, BATCH)), action), jnp.array(start)


@pytest.mark.parametrize("core", ["lstm", "rmt"])
@pytest.mark.parametrize("tokens", ["joint", "interleaved"])
def test_unroll_equals_step(core, tokens):
    model, params = model_and_params(core, spaces.Discrete(3), tokens=tokens)
    seen, start = seen_and_starts(model)
    _, unrolled = model.apply(params, None, seen, start, method="unroll")

    def step(state, inputs):
        return model.apply(params, state, *inputs, method="step")

    _, stepped = jax.lax.scan(step, model.initial_state(BATCH), (seen, start))
    np.testing.assert_allclose(unrolled, stepped, atol=1e-5)
    assert unrolled.shape == (TIME, BATCH, 3)
    assert unrolled.dtype == jnp.float32


@pytest.mark.parametrize(("tokens", "per_step"), [("joint", 1), ("interleaved", 3)])
def test_a_step_sees_its_return_and_observation_but_nothing_later(tokens, per_step):
    model, params = model_and_params("lstm", spaces.Discrete(3), tokens=tokens)
    assert model.tokens_per_step == per_step
    seen, start = seen_and_starts(model)
    run = jax.jit(lambda seen: model.apply(params, None, seen, start, method="unroll")[1])
    before = run(seen)
    changes = {
        "obs": seen._replace(obs=seen.obs.at[5, 0].add(1)),
        "return_to_go": seen._replace(return_to_go=seen.return_to_go.at[5, 0].add(1)),
        "prev_action": seen._replace(prev_action=seen.prev_action.at[5, 0].set((seen.prev_action[5, 0] + 1) % 3)),
    }
    for name, changed in changes.items():
        moved = np.abs(np.asarray(run(changed) - before)).max(-1) > 0
        assert moved[5:, 0].all(), name
        assert not moved[:5].any(), name
        assert not moved[:, 1:].any(), name


def test_without_returns_none_is_read():
    model, params = model_and_params("lstm", spaces.Discrete(3), tokens="interleaved", returns=False)
    assert model.tokens_per_step == 2
    seen, start = seen_and_starts(model)
    other = seen._replace(return_to_go=seen.return_to_go + 5)
    one, two = (model.apply(params, None, s, start, method="unroll")[1] for s in (seen, other))
    np.testing.assert_array_equal(one, two)


def test_the_return_scale_divides():
    model, params = model_and_params("lstm", spaces.Discrete(3))
    scaled, _ = model_and_params("lstm", spaces.Discrete(3), return_scale=10.0)
    seen, start = seen_and_starts(model)
    tenfold = seen._replace(return_to_go=10 * seen.return_to_go)
    one = model.apply(params, None, seen, start, method="unroll")[1]
    two = scaled.apply(params, None, tenfold, start, method="unroll")[1]
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_pictures_go_through_convolutions_and_actions_may_be_continuous():
    model, params = model_and_params("lstm", spaces.Box(-1, 1, (2,)), obs_shape=(36, 36, 3), dtype=jnp.uint8)
    assert model.cnn
    obs = jnp.zeros((TIME, BATCH, 36, 36, 3), jnp.uint8).at[0].set(255)
    seen, start = seen_and_starts(model)
    output = model.apply(params, None, seen._replace(obs=obs), start, method="unroll")[1]
    assert output.shape == (TIME, BATCH, 2)
    assert "conv_2" in params["params"]["see"]


def test_a_core_that_looks_at_pictures_is_refused():
    with pytest.raises(ConfigError, match="core.name is 'mott': it looks at pictures, sequence models feed"):
        OfflineConfig(envs.options("RateTMaze-v0"), cores.options("mott"))


def test_pictures_that_are_too_small_are_refused():
    with pytest.raises(ConfigError, match="model.encoder is 'cnn': env's observations have the shape"):
        model_and_params("lstm", spaces.Discrete(3), obs_shape=(20, 20, 3), encoder="cnn")
