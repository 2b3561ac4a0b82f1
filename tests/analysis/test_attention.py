"""Attention weights: what the core sows, and those of a trained run in its own episodes."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from support import small_config

from jaxmem import agents, cores, envs
from jaxmem.analysis.attention import Attention, attention_of, draw_attention
from jaxmem.config import ConfigError
from jaxmem.cores import gpt
from jaxmem.replay import Episodes
from jaxmem.training.loop import Program
from jaxmem.training.state import Run

TIME, BATCH, WIDTH, WINDOW = 7, 3, 8, 5


def core_and_parameters() -> tuple[cores.Core, Any]:
    core = cores.make("gpt", WIDTH, WINDOW, layers=2, heads=2, positions="rotary", init_std=0.5)
    x, start = jnp.zeros((1, 1, WIDTH)), jnp.ones((1, 1), bool)
    init = jax.jit(lambda key: core.init(key, None, x, start, method="unroll"))
    return core, init(jax.random.key(0))


def sequence(time: int = TIME) -> tuple[jax.Array, jax.Array]:
    """Inputs, and starts of episodes: none but at the first step, one in the middle, two in a row."""
    start = np.zeros((time, BATCH), bool)
    start[0] = True
    start[3, 1] = True
    start[-2:, 2] = True
    return jax.random.normal(jax.random.key(1), (time, BATCH, WIDTH)), jnp.asarray(start)


def unroll(core: cores.Core, params: Any, state: Any, x: jax.Array, start: jax.Array, **options: Any) -> Any:
    # Traced anew by every call, so that what a test puts in place of a function is seen.
    apply = jax.jit(lambda *inputs: core.apply(*inputs, method="unroll", **options))
    return apply(params, state, x, start)


def ask(core: cores.Core, params: Any, state: Any, x: jax.Array, start: jax.Array) -> tuple[jax.Array, Any]:
    (_, y), sown = unroll(core, params, state, x, start, mutable=["intermediates"])
    return y, sown["intermediates"]["attention_weights"]


@pytest.mark.parametrize("cached", [False, True])
def test_weights_times_values_are_the_normal_outputs(monkeypatch, cached):
    core, params = core_and_parameters()
    x, start = sequence()
    state = None
    if cached:
        state, _ = unroll(core, params, None, x, start)
        start = start.at[0, 0].set(False)
    _, plain = unroll(core, params, state, x, start)
    asked, weights = ask(core, params, state, x, start)
    np.testing.assert_allclose(asked, plain, rtol=0, atol=1e-6)
    assert [w.dtype for w in weights] == [jnp.float32] * 2
    layers = iter(weights)
    monkeypatch.setattr(gpt, "attend", lambda q, k, v, *_: jnp.einsum("bnts,bsnh->btnh", next(layers), v))
    _, by_weights = unroll(core, params, state, x, start)
    np.testing.assert_allclose(by_weights, plain, rtol=0, atol=1e-5)


def test_weights_stay_within_episode_and_window():
    core, params = core_and_parameters()
    x, start = sequence()
    for weights in ask(core, params, None, x, start)[1]:
        assert weights.shape == (BATCH, 2, TIME, TIME)
        np.testing.assert_allclose(weights.sum(-1), 1, rtol=0, atol=1e-5)
        for b, t, s in np.ndindex(BATCH, TIME, TIME):
            visible = s <= t < s + WINDOW and not start[s + 1 : t + 1, b].any()
            assert (np.asarray(weights[b, :, t, s]) > 0).all() == visible, (b, t, s)


def test_nothing_is_computed_that_was_not_asked_for(monkeypatch):
    core, params = core_and_parameters()
    x, start = sequence()
    _, plain = unroll(core, params, None, x, start)

    def refuse(*_: Any) -> None:
        raise AssertionError("weights were computed")

    monkeypatch.setattr(gpt, "attention_weights", refuse)
    same = core_and_parameters()[1]
    assert set(same) == {"params"}
    jax.tree.map(np.testing.assert_array_equal, same, params)
    np.testing.assert_array_equal(unroll(core, params, None, x, start)[1], plain)


def untrained(**changes: Any) -> tuple[Program, Run]:
    """A run whose agents have their first parameters; the rest of it is left out."""
    program = Program(small_config(**changes))
    keys = jax.random.split(jax.random.key(0), program.config.seeds)
    rest: Any = {field.name: None for field in fields(Run) if field.name != "agent"}
    return program, Run(agent=jax.jit(jax.vmap(program.agent.init))(keys), **rest)


def test_attention_of_a_run():
    program, run = untrained(core=cores.options("gpt", width=8, layers=2, heads=2))
    attention = attention_of(program, run, 5, jax.random.key(1), seed=1)
    time = program.task.horizon
    assert attention.weights.shape == (2, 2, 5, time, time)
    assert attention.weights.dtype == np.float32
    assert set(attention.outcome["success"]) <= {0.0, 1.0}
    np.testing.assert_allclose(attention.weights.sum(-1), 1, rtol=0, atol=1e-5)
    assert (attention.weights > 0).all((0, 1, 2)).tolist() == np.tri(time, dtype=bool).tolist()
    np.testing.assert_array_equal(attention.of_last_decision(), attention.weights[..., -1, :])
    again = attention_of(program, run, 5, jax.random.key(1), seed=1)
    np.testing.assert_array_equal(again.weights, attention.weights)
    other = attention_of(program, run, 5, jax.random.key(1), seed=0)
    assert not np.allclose(other.weights, attention.weights)


def test_attention_ends_with_the_episode():
    program, run = untrained(env=envs.options("CartPole-v1", max_steps_in_episode=20))
    attention = attention_of(program, run, 4, jax.random.key(1))
    length = attention.episodes.length
    assert length.min() < 20
    for b in range(4):
        np.testing.assert_allclose(attention.weights[0, 0, b, : length[b]].sum(-1), 1, rtol=0, atol=1e-5)
        assert (attention.weights[0, 0, b, length[b] :] == 0).all()
        last = attention.of_last_decision()[0, 0, b]
        assert (last > 0).tolist() == (np.arange(20) < length[b]).tolist()
    np.testing.assert_array_equal(attention.outcome["length"], length)


def test_the_core_that_acts_is_looked_at():
    program, run = untrained(agent=agents.options("sac_discrete", shared=False))
    attention = attention_of(program, run, 3, jax.random.key(1))
    assert attention.weights.shape == (1, 1, 3, 4, 4)

    def changed(part: str) -> np.ndarray:
        params = run.agent.params["params"]
        params = {"params": params | {part: jax.tree.map(lambda leaf: 2 * leaf, params[part])}}
        other = replace(run, agent=replace(run.agent, params=params))
        return attention_of(program, other, 3, jax.random.key(1)).weights

    np.testing.assert_array_equal(changed("critic_trunk"), attention.weights)
    assert not np.allclose(changed("trunk"), attention.weights)


def test_a_core_without_attention_is_refused():
    program, run = untrained(core=cores.options("lstm", width=8))
    with pytest.raises(ConfigError) as error:
        attention_of(program, run, 2, jax.random.key(0))
    assert str(error.value) == "core.name is 'lstm': allowed is one with attention weights to look at, such as 'gpt'"
    with pytest.raises(ConfigError, match="seed is 2: allowed is an integer from 0 to 1"):
        attention_of(program, run, 2, jax.random.key(0), seed=2)
    with pytest.raises(ConfigError, match="episodes is 0: allowed is an integer >= 1"):
        attention_of(program, run, 0, jax.random.key(0))


def attention_of_two() -> Attention:
    """Made-up weights of two layers with three heads in two episodes, of four and of six steps."""
    time = 6
    episodes = Episodes(
        obs=jnp.zeros((time + 1, 2, 1)),
        action=jnp.zeros((time, 2), jnp.int32),
        log_prob=jnp.zeros((time, 2)),
        deviated=jnp.zeros((time, 2), bool),
        reward=jnp.zeros((time, 2)),
        length=jnp.array([4, 6]),
        terminated=jnp.array([True, False]),
    )
    weights = np.random.default_rng(0).random((2, 3, 2, time, time)).astype(np.float32)
    return Attention(weights, episodes, {"success": np.array([0, 1], np.float32)})


def test_some_episodes_can_be_picked():
    attention = attention_of_two()
    second = attention.where(np.array([False, True]))
    assert (second.outcome["success"].tolist(), second.episodes.length.tolist()) == ([1], [6])
    assert second.episodes.obs.shape == (7, 1, 1)
    assert second.episodes.reward.shape == second.episodes.action.shape == (6, 1)
    assert second.episodes.terminated.tolist() == [False]
    np.testing.assert_array_equal(second.of_last_decision()[:, :, 0], attention.weights[:, :, 1, 5])


def colours(path: Path) -> list[bool]:
    """Whether the first, second and mark's colour are seen in a picture."""
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    known = [(31, 119, 180), (255, 127, 14), (240, 230, 140)]
    return [bool((abs(picture - colour) < 4).all(-1).sum() > 500) for colour in known]


def test_picture(tmp_path):
    attention, path = attention_of_two(), tmp_path / "attention.png"
    draw_attention({"all": attention}, path)
    assert colours(path) == [True, False, False]
    success = attention.outcome["success"]
    groups = {"failed": attention.where(success == 0), "solved": attention.where(success == 1)}
    draw_attention(groups, path, {0: "cue"})
    assert colours(path) == [True, True, True]
    with pytest.raises(ConfigError, match="none: there are no such episodes"):
        draw_attention({"none": attention.where(success > 1)}, path)
