"""Perturbation saliency, against a direct computation, one perturbed frame at a time."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from looking_cases import Gaze, Reader, before_background, frames, parameters, planted
from scipy import ndimage

from jaxmem import cores
from jaxmem.analysis.looking.saliency import (
    Saliency,
    SaliencyOptions,
    answers,
    blurred,
    centres,
    gaussian_masks,
    saliency,
)
from jaxmem.analysis.looking.watch import Moments
from jaxmem.config import ConfigError
from jaxmem.networks import Inputs, PolicyValue
from jaxmem.networks.inputs import scaled

OPTIONS = SaliencyOptions(radius=2.0, blur=1.5, stride=4)


def directly(net: PolicyValue, params: Any, memory: Any, inputs: Inputs, start: jax.Array) -> Saliency:
    """The same in loops: SciPy smooths, and each perturbed frame is stepped by itself."""

    @jax.jit
    def say(memory: Any, frame: jax.Array, inputs: Inputs, start: jax.Array) -> Any:
        seen = Inputs(frame[None, None], inputs.prev_action[None, None], inputs.prev_reward[None, None])
        memory = jax.tree.map(lambda leaf: leaf[None], memory)
        said: Any = net.apply(params, memory, seen, start[None, None], method="unroll")
        return said[1].logits[0, 0], said[1].value[0, 0]

    count, height, width = inputs.obs.shape[:3]
    rows, columns = range(2, height, 4), range(2, width, 4)
    actor, critic = np.zeros((2, count, len(rows), len(columns)))
    for b in range(count):
        mine = [jax.tree.map(lambda leaf, b=b: leaf[b], part) for part in (memory, inputs, start)]
        frame = np.asarray(inputs.obs[b], np.float32) / (255 if inputs.obs.dtype == jnp.uint8 else 1)
        smooth = np.stack([ndimage.gaussian_filter(frame[..., c], 1.5) for c in range(frame.shape[-1])], axis=-1)
        logits, value = say(mine[0], jnp.asarray(frame), *mine[1:])
        for (i, row), (j, column) in itertools.product(enumerate(rows), enumerate(columns)):
            other = np.empty_like(frame)
            for y, x in np.ndindex(height, width):
                mask = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 2.0**2))
                other[y, x] = frame[y, x] * (1 - mask) + smooth[y, x] * mask
            moved, worth = say(mine[0], jnp.asarray(other), *mine[1:])
            actor[b, i, j] = 0.5 * np.sum((np.asarray(logits, np.float64) - np.asarray(moved)) ** 2)
            critic[b, i, j] = 0.5 * (float(value) - float(worth)) ** 2
    return Saliency(*map(jnp.asarray, (actor, critic)))


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.float32], ids=["bytes", "floats"])
def test_scores_are_those_of_the_direct_computation(dtype):
    # Differences of large outputs: of small ones, little but rounding would be compared.
    large = nn.initializers.normal(20.0)
    net = planted(cores.make("lstm", 8, 9), nn.Dense(3, kernel_init=large), nn.Dense(1, kernel_init=large))
    inputs = frames((2, 12, 9, 3), dtype)
    params = parameters(net, inputs)
    memory = jax.tree.map(lambda leaf: leaf + 0.3, net.initial_state(2))
    start = jnp.array([False, True])
    expected = directly(net, params, memory, inputs, start)
    found = saliency(net, params, memory, inputs, start, OPTIONS)
    for score, reference in zip(found, expected, strict=True):
        assert score.shape == (2, 3, 2)
        assert score.dtype == jnp.float32
        np.testing.assert_allclose(score, reference, rtol=1e-5, atol=1e-5 * np.max(reference))
    # What begins an episode has forgotten its memory; what does not, has not.
    fresh = saliency(net, params, net.initial_state(2), inputs, start, OPTIONS)
    np.testing.assert_allclose(fresh.actor[1], found.actor[1], rtol=1e-6)
    assert not np.allclose(fresh.actor[0], found.actor[0], rtol=1e-3)


def test_versions_of_a_frame_that_do_not_fit_at_once_are_answered_in_blocks(monkeypatch):
    net = planted(cores.make("lstm", 8, 9), nn.Dense(3), nn.Dense(1))
    inputs = frames((1, 6, 5, 2), jnp.uint8)
    params = parameters(net, inputs)
    moment = jax.tree.map(lambda leaf: leaf[0], Moments(net.initial_state(1), inputs, jnp.zeros((1,), bool)))
    masks = jnp.asarray(gaussian_masks(6, 5, SaliencyOptions(1.0, 1.0, 2)))
    whole = answers(net, params, moment, masks, jnp.zeros_like)
    assert len(whole.value) == 3 * 2
    monkeypatch.setattr("jaxmem.analysis.looking.saliency._BLOCK_BYTES", 4 * 2 * 8 * 4)
    parts = answers(net, params, moment, masks, jnp.zeros_like)
    for one, other in zip(whole, parts, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_what_a_head_reads_is_where_it_is_salient():
    height, width = 10, 10
    # The policy reads the pixel (2, 7), the value (8, 1).
    net = planted(Gaze(201, 9, grid=(height, width, 2)), Reader((54,), 3), Reader((162,), 1))
    inputs = frames((1, height, width, 2), jnp.float32)
    inputs = inputs._replace(obs=jnp.zeros_like(inputs.obs).at[0, 2, 7, 0].set(1).at[0, 8, 1, 0].set(1))
    found = saliency(net, {}, net.initial_state(1), inputs, jnp.zeros((1,), bool), SaliencyOptions.for_size(10, 10))
    for scores, place in ((found.actor[0], (2, 7)), (found.critic[0], (8, 1))):
        assert np.unravel_index(np.argmax(scores), (height, width)) == place
        far = np.hypot(*(np.indices((height, width)) - np.reshape(place, (2, 1, 1)))) > 6
        assert scores.max() > 0.1
        assert scores[far].max() < 1e-6


class Pixels(nn.Module):
    """A head that says the picture, without the sum that `Gaze` puts behind it."""

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        return y[..., :-1]


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.float32], ids=["bytes", "floats"])
def test_masks_mix_what_is_before_the_background(dtype):
    shape = (6, 5, 2)
    plain = planted(Gaze(61, 9, grid=shape), Pixels(), Reader((0,), 1))
    inputs = frames((1, *shape), dtype)
    background = scaled(frames((1, *shape), dtype, 1).obs)[0]
    moment = jax.tree.map(lambda leaf: leaf[0], Moments(jnp.zeros((1, 1)), inputs, jnp.zeros((1,), bool)))
    masks = jnp.broadcast_to(jnp.array([0.0, 1.0, 0.25])[:, None, None], (3, 6, 5))
    frame = np.asarray(scaled(inputs.obs[0]))
    for net, params, behind in ((plain, {}, 0), (*before_background(plain, background), np.asarray(background))):
        for fill in (jnp.zeros_like, lambda rest: blurred(rest, 1.0)):
            seen = answers(net, params, moment, masks, fill).logits.reshape(3, *shape)
            # What no mask is on is what the network sees, to the bit.
            np.testing.assert_array_equal(seen[0], frame - behind)
            other = fill(jnp.asarray(frame - behind))
            np.testing.assert_allclose(seen[1], other, rtol=0, atol=1e-6)
            np.testing.assert_allclose(seen[2], 0.75 * (frame - behind) + 0.25 * other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.float32], ids=["bytes", "floats"])
def test_background_is_no_matter(dtype):
    shape, options = (10, 9, 2), SaliencyOptions(1.0, 1.0, 1)
    plain = planted(Gaze(181, 9, grid=shape), Reader((54, 100), 3), Reader((150,), 1))
    inputs = frames((3, *shape), dtype)
    background = scaled(inputs.obs)[0]
    net, params = before_background(plain, background)
    memory, start = jnp.zeros((3, 1)), jnp.zeros((3,), bool)
    found = saliency(net, params, memory, inputs, start, options)
    rest = inputs._replace(obs=scaled(inputs.obs) - background)
    expected = saliency(plain, {}, memory, rest, start, options)
    for scores, same in zip(found, expected, strict=True):
        # The first frame is the background.
        np.testing.assert_array_equal(scores[0], 0)
        assert scores[1:].max() > 0.01
        np.testing.assert_allclose(scores, same, rtol=1e-3, atol=1e-9)


class Faint(nn.Module):
    """A head that says about 5, reads one number a little, and all others by little more than it can say."""

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        weights = 5e-7 * np.random.default_rng(0).normal(size=(y.shape[-1] - 1, 2)).astype(np.float32)
        return 5 + 1e-3 * y[..., 54:55] + y[..., :-1] @ weights


def test_rounding_of_large_outputs_is_not_salient():
    size = 10
    net = planted(Gaze(201, 9, grid=(size, size, 2)), Faint(), Faint())
    inputs = frames((1, size, size, 2), jnp.float32)
    found = saliency(net, {}, jnp.zeros((1, 1)), inputs, jnp.zeros((1,), bool), SaliencyOptions(1.0, 1.0, 1))
    # The pixel (2, 7) is read; four pixels away, its mask has fallen to 3e-4.
    away = np.hypot(*(np.indices((size, size)) - np.reshape((2, 7), (2, 1, 1))))
    move = 1e-3 * float(blurred(inputs.obs, 1.0)[0, 2, 7, 0] - inputs.obs[0, 2, 7, 0])
    assert abs(move) > 5e-5
    for scores, outputs in ((found.actor[0], 2), (found.critic[0], 4)):
        # Two logits move, and a value that is the sum of two.
        assert scores[2, 7] == pytest.approx(0.5 * outputs * move**2, rel=0.1)
        assert scores[2, 6] > 0
        np.testing.assert_array_equal(scores[away >= 4], 0)


def test_values_of_several_kinds_add_up():
    inputs = frames((1, 6, 6, 2), jnp.float32)
    once = planted(Gaze(73, 9, grid=(6, 6, 2)), Reader((3,), 2), Reader((3,), 1))
    kinds = planted(Gaze(73, 9, grid=(6, 6, 2)), Reader((3,), 2), Reader((3,), 2))
    start, options = jnp.zeros((1,), bool), SaliencyOptions(1.0, 1.0, 2)
    one, two = (saliency(net, {}, jnp.zeros((1, 1)), inputs, start, options).critic for net in (once, kinds))
    pixel = inputs.obs.reshape(-1)[3]
    masks = gaussian_masks(6, 6, options)
    changed = pixel + masks[:, 0, 1] * (blurred(inputs.obs, 1.0).reshape(-1)[3] - pixel)

    def value(x: Any, count: int) -> Any:
        return sum((k + 1) * x + x**2 for k in range(count))

    for scores, count in ((one, 1), (two, 2)):
        expected = 0.5 * (value(changed, count) - value(pixel, count)) ** 2
        np.testing.assert_allclose(scores.reshape(-1), expected, rtol=1e-4, atol=1e-9)


def test_masks_are_one_at_their_places_and_fall_with_the_distance():
    masks = gaussian_masks(84, 80, SaliencyOptions())
    rows, columns = centres(84, 5), centres(80, 5)
    assert masks.shape == (17 * 16, 84, 80)
    assert list(rows[:2]) == [2, 7]
    one = masks.reshape(17, 16, 84, 80)[3, 4]
    assert one[rows[3], columns[4]] == one.max() == 1
    np.testing.assert_allclose(one[rows[3] + 3, columns[4] - 4], np.exp(-25 / 50), rtol=1e-6)


def test_blur_is_that_of_scipy():
    frame = np.asarray(frames((7, 10, 3), jnp.float32).obs)
    # Wider than the frame, which is mirrored more than once.
    for deviation in (1.0, 4.0):
        expected = np.stack([ndimage.gaussian_filter(frame[..., c], deviation) for c in range(3)], axis=-1)
        np.testing.assert_allclose(blurred(frame, deviation), expected, rtol=0, atol=1e-6)


def test_options_fit_the_frame_and_are_checked():
    assert SaliencyOptions.for_size(84, 84) == SaliencyOptions(5.0, 3.0, 5)
    assert SaliencyOptions.for_size(10, 10) == SaliencyOptions(1.0, 1.0, 1)
    with pytest.raises(ConfigError, match=r"^saliency\.stride is 0: allowed is"):
        SaliencyOptions(stride=0)
