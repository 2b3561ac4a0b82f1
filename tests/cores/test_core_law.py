"""The law of every core: unrolling is stepping, and an episode knows nothing of the one before."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_cases import CASES, QUICK, REMEMBERING, build, outputs, scan_steps, sequence, staggered, unroll

TIME, BATCH = 16, 6


def close(a, b):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("case", "max_length"),
    # The window means nothing to the other cores.
    [(case, TIME) for case in CASES] + [(case, 4) for case in CASES if "gpt" in case],
)
def test_unroll_is_step_scanned(case, max_length):
    core, params = build(case, max_length)
    x, _ = sequence(1, TIME, BATCH)
    start = staggered(TIME, BATCH)
    initial = core.initial_state(BATCH)
    stepped_state, stepped = scan_steps(core, params, initial, x, start)
    assert stepped.shape == (TIME, BATCH, core.width)

    from_none, whole = unroll(core, params, None, x, start)
    close(whole, stepped)
    from_initial, whole = unroll(core, params, initial, x, start)
    close(whole, stepped)

    state, begin, chunks = initial, 0, []
    for length in (1, 5, 7, 3):
        here = slice(begin, begin + length)
        state, y = unroll(core, params, state, x[here], start[here])
        chunks.append(y)
        begin += length
    close(jnp.concatenate(chunks), stepped)

    # States need not be equal bit for bit where they are masked: what follows from them must be.
    more, no_start = sequence(2, max_length + 2, BATCH)
    follow = scan_steps(core, params, stepped_state, more, no_start)[1]
    for other in (from_none, from_initial, state):
        close(scan_steps(core, params, other, more, no_start)[1], follow)


@pytest.mark.parametrize("case", CASES)
def test_episodes_in_one_sequence_equal_episodes_alone(case):
    lengths = (5, 1, 7)
    total = sum(lengths)
    core, params = build(case, total)
    x, start = sequence(3, total, 2)
    weight = jax.random.normal(jax.random.key(4), (total, 2, core.width))
    begins = np.cumsum((0, *lengths[:-1]))
    start = start.at[begins].set(True)

    def together(params, x):
        y = outputs(core, params, x, start)
        return (y * weight).sum(), y

    def alone(params, x):
        # Each episode alone, padded at its end to one length.
        total_loss, parts = 0.0, []
        for begin, length in zip(begins, lengths, strict=True):
            episode = jnp.pad(x[begin : begin + length], ((0, max(lengths) - length), (0, 0), (0, 0)))
            y = outputs(core, params, episode, no_start)[:length]
            total_loss += (y * weight[begin : begin + length]).sum()
            parts.append(y)
        return total_loss, jnp.concatenate(parts)

    no_start = jnp.zeros((max(lengths), 2), bool)
    grad = lambda f: jax.jit(jax.value_and_grad(f, argnums=(0, 1), has_aux=True), compiler_options=QUICK)  # noqa: E731
    (_, y_together), of_together = grad(together)(params, x)
    (_, y_alone), of_alone = grad(alone)(params, x)
    close(y_together, y_alone)
    scale = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(of_alone))
    for a, b in zip(jax.tree.leaves(of_together), jax.tree.leaves(of_alone), strict=True):
        close(a / scale, b / scale)


@pytest.mark.parametrize("case", CASES)
def test_output_depends_on_its_episode_up_to_now_alone(case):
    time, begin, now = 10, 3, 7
    core, params = build(case, time)
    x, start = sequence(5, time, 2)
    start = start.at[0].set(True).at[begin, 0].set(True)

    def output(x):
        return outputs(core, params, x, start)[now, 0].sum()

    grad = np.abs(np.asarray(jax.jit(jax.grad(output), compiler_options=QUICK)(x))).max(axis=-1)
    assert (grad[:, 1] == 0).all(), "another row"
    assert (grad[:begin, 0] == 0).all(), "the episode before"
    assert (grad[now + 1 :, 0] == 0).all(), "the future"
    assert grad[now, 0] > 0
    remembers = case in REMEMBERING
    assert (grad[begin:now, 0] > 0).all() == remembers


def test_window_hides_what_is_older():
    # With one layer, what is out of the window cannot come back through another step's output.
    core, params = build("gpt", 4)
    x, start = sequence(6, 10, 1)

    def output(x):
        return outputs(core, params, x, start)[8, 0].sum()

    grad = np.abs(np.asarray(jax.jit(jax.grad(output), compiler_options=QUICK)(x))).max(axis=(1, 2))
    np.testing.assert_array_equal(grad > 0, [False] * 5 + [True] * 4 + [False])


@pytest.mark.parametrize("case", ["gpt", "gpt-rotary", "gtrxl-deep", "lstm", "gru", "mlp"])
def test_bfloat16_stays_close_to_float32(case):
    core, params = build(case, TIME)
    x, _ = sequence(7, TIME, BATCH)
    start = staggered(TIME, BATCH)
    low = core.clone(dtype=jnp.bfloat16)
    expected = unroll(core, params, None, x, start)[1]
    got = unroll(low, params, None, x, start)[1]
    assert got.dtype == jnp.bfloat16
    stepped = scan_steps(low, params, low.initial_state(BATCH), x, start)[1]
    for y in (got, stepped):
        error = jnp.abs(y.astype(jnp.float32) - expected).max()
        assert error < 0.1 * jnp.abs(expected).max()


def test_mapped_over_seeds():
    core, params = build("gpt", 6)
    x, start = sequence(8, 6, 2)
    both = jax.tree.map(lambda p: jnp.stack([p, 2 * p]), params)
    mapped = jax.vmap(lambda p: unroll(core, p, None, x, start)[1])(both)
    close(mapped[0], unroll(core, params, None, x, start)[1])
    stepped = jax.vmap(lambda p: scan_steps(core, p, core.initial_state(2), x, start)[1])(both)
    close(mapped, stepped)
