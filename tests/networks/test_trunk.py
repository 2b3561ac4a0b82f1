"""What heads read of a trunk."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces

from jaxmem import cores
from jaxmem.networks import Inputs, NetworkOptions

TIME, BATCH = 4, 3


@pytest.mark.parametrize("skip", [False, True])
def test_features_are_the_memory_and_with_skip_the_embedding_beside_it(skip):
    options = NetworkOptions(obs_embed=5, action_embed=2, skip=skip)
    core = cores.options("lru", width=6, block="bare")
    trunk: Any = options.parts(core, spaces.Box(0, 1, (2,)), spaces.Discrete(3), TIME).trunk()
    obs = jax.random.normal(jax.random.key(0), (TIME, BATCH, 2))
    inputs = Inputs(obs, jnp.ones((TIME, BATCH), jnp.int32), jnp.zeros((TIME, BATCH)))
    start = jnp.zeros((TIME, BATCH), bool).at[0].set(True)
    params = trunk.init(jax.random.key(1), None, inputs, start, method="unroll")
    _, features = trunk.apply(params, None, inputs, start, method="unroll")

    embedded = trunk.apply(params, inputs, method=lambda trunk, inputs: trunk.embedding(inputs))
    memory = trunk.apply(params, embedded, start, method=lambda trunk, x, start: trunk.core.unroll(None, x, start)[1])
    want = jnp.concatenate([embedded, memory], axis=-1) if skip else memory
    np.testing.assert_allclose(features, want, rtol=0, atol=1e-6)

    state = trunk.initial_state(BATCH)
    for t in range(TIME):
        state, y = trunk.apply(params, state, jax.tree.map(lambda leaf: leaf[t], inputs), start[t], method="step")  # noqa: B023
        np.testing.assert_allclose(y, features[t], rtol=0, atol=1e-5)
