"""How a model is fitted: what the loss counts, what parts of a batch learn, and how step sizes go."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from gymnax.environments import spaces
from offline_cases import CORES, small

from jaxmem.config import ConfigError
from jaxmem.offline.learner import Learner, Recorded, step_sizes
from jaxmem.offline.model import make_model
from jaxmem.offline.options import LearnOptions

TIME, BATCH = 6, 4


def learner(core="rmt", **changes) -> Learner:
    learn = LearnOptions(**({"updates": 10, "warmup": 0, "schedule": "constant", "learning_rate": 0.1} | changes))
    config = replace(small(), core=CORES[core], learn=learn)
    model = make_model(config, spaces.Box(-1, 1, (4,), jnp.float32), spaces.Discrete(3), TIME)
    return Learner(model, learn, jnp.float32, TIME)


def said(fitting: Learner) -> Any:
    """What the model says, untyped as Flax has it."""
    return fitting.model.apply


def batch(seed=0) -> Recorded:
    keys = jax.random.split(jax.random.key(seed), 3)
    mask = jnp.arange(TIME)[:, None] < jnp.array([TIME, 4, 2, TIME])
    return Recorded(
        jax.random.normal(keys[0], (TIME, BATCH, 4)),
        jax.random.randint(keys[1], (TIME, BATCH), 0, 3),
        jax.random.uniform(keys[2], (TIME, BATCH)),
        mask,
    )


def test_the_loss_is_the_mean_cross_entropy_of_actions_that_are_there():
    fitting, data = learner(), batch()
    state = fitting.init(jax.random.key(0))
    _, learned = jax.jit(fitting.update)(state, data)
    _, logits = said(fitting)(state.params, None, data.seen(), data.starts(), method="unroll")
    logits, mask = np.asarray(logits, np.float64), np.asarray(data.mask)
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    chosen = np.take_along_axis(log_probs, np.asarray(data.action)[..., None], -1)[..., 0]
    np.testing.assert_allclose(learned.loss, -chosen[mask].mean(), rtol=1e-5)
    right = (logits.argmax(-1) == np.asarray(data.action))[mask].mean()
    np.testing.assert_allclose(learned.accuracy, right, rtol=1e-6)


def test_what_is_padded_teaches_nothing():
    fitting, data = learner(), batch()
    state = fitting.init(jax.random.key(0))
    padded = ~data.mask
    other = data._replace(
        obs=jnp.where(padded[..., None], 7.0, data.obs), action=jnp.where(padded, 2 - data.action, data.action)
    )
    run = jax.jit(fitting.update)
    one, two = run(state, data)[0], run(state, other)[0]
    for a, b in zip(jax.tree.leaves(one.params), jax.tree.leaves(two.params), strict=True):
        np.testing.assert_array_equal(a, b)


def test_previous_actions_are_shifted_by_one():
    seen = batch().seen()
    np.testing.assert_array_equal(seen.prev_action[0], -1)
    np.testing.assert_array_equal(seen.prev_action[1:], batch().action[:-1])


def test_parts_are_gradient_steps_one_after_another_with_memory_in_between():
    fitting, data = learner(segment=3), batch()
    assert fitting.parts == 2
    state = fitting.init(jax.random.key(0))
    after, _ = jax.jit(fitting.update)(state, data)
    params: Any = state.params
    opt_state, memory = state.opt_state, fitting.model.initial_state(BATCH)
    seen, starts = data.seen(), data.starts()
    for first in (0, 3):
        now = slice(first, first + 3)

        def loss(params, memory=memory, now=now):
            part = jax.tree.map(lambda leaf: leaf[now], seen)
            memory, logits = said(fitting)(params, memory, part, starts[now], method="unroll")
            each = optax.softmax_cross_entropy_with_integer_labels(logits, data.action[now])
            return (each * data.mask[now]).sum() / data.mask[now].sum(), memory

        (_, memory), grads = jax.value_and_grad(loss, has_aux=True)(params)
        changes, opt_state = fitting.optimiser.update(grads, opt_state, params)
        params = optax.apply_updates(params, changes)
    # What they say, and not the parameters themselves: Adam makes steps of the noise in gradients that are nothing.
    one, two = (said(fitting)(p, None, seen, starts, method="unroll")[1] for p in (after.params, params))
    np.testing.assert_allclose(one, two, atol=1e-4)
    before = said(fitting)(state.params, None, seen, starts, method="unroll")[1]
    assert np.abs(np.asarray(one - before)).max() > 0.1


def test_a_segment_that_does_not_divide_the_window_is_refused():
    with pytest.raises(ConfigError, match="learn.segment is 4: allowed is a divisor of the window, 6"):
        learner(segment=4)


def test_it_fits_what_there_is_to_fit():
    fitting, data = learner("lstm", learning_rate=1e-2), batch()
    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (300, *leaf.shape)), data)
    _, learned = jax.jit(fitting.learn)(fitting.init(jax.random.key(0)), many)
    assert learned.loss[-1] < 0.1 < learned.loss[0]
    assert learned.accuracy[-1] == 1


@pytest.mark.parametrize(("schedule", "middle"), [("constant", 1.0), ("linear", 0.55), ("cosine", 0.55)])
def test_step_sizes_rise_then_fall_to_their_share(schedule, middle):
    options = LearnOptions(updates=110, warmup=10, schedule=schedule, learning_rate=1.0, end_factor=0.1)
    sizes: Any = step_sizes(options, 2)
    np.testing.assert_allclose([sizes(0), sizes(10), sizes(20)], [0.0, 0.5, 1.0])
    np.testing.assert_allclose([sizes(120), sizes(220)], [middle, 1.0 if schedule == "constant" else 0.1], rtol=1e-5)
