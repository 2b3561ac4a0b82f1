"""Pictures as large as Atari's: maps whose cells are many pixels, and fewer at borders."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import environment, spaces
from looking_cases import TINY, breakout, fresh_run
from PIL import Image

from jaxmem import cores, envs
from jaxmem.analysis.looking import LookOptions, look, report, write
from jaxmem.analysis.looking.maps import placement_of, upsampled
from jaxmem.envs import registry


class Noise(environment.Environment):
    """Stacked frames as Atari's, of random bytes."""

    @property
    def default_params(self) -> environment.EnvParams:
        return environment.EnvParams(max_steps_in_episode=3)

    def step_env(self, key: Any, state: Any, action: Any, params: Any) -> Any:
        state = environment.EnvState(time=state.time + 1)
        ended = state.time >= params.max_steps_in_episode
        return self._seen(key), state, jnp.float32(action), ended, {}

    def reset_env(self, key: Any, params: Any) -> Any:
        return self._seen(key), environment.EnvState(time=jnp.int32(0))

    def _seen(self, key: Any) -> Any:
        return jax.random.bits(key, (84, 84, 4), jnp.uint8)

    @property
    def num_actions(self) -> int:
        return 2

    def action_space(self, params: Any = None) -> Any:
        return spaces.Discrete(2)

    def observation_space(self, params: Any) -> Any:
        return spaces.Box(0, 255, (84, 84, 4), jnp.uint8)


def test_large_pictures_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    envs.register("Noise", Noise)
    core = cores.options("mott", width=8, vision="linear", query_spread=3.0, **TINY)
    program = breakout(core, envs.options("Noise"), encoder="strided")
    run = fresh_run(program)
    given: dict[str, Any] = {}

    def note(name: str) -> None:
        called = getattr(report, name)

        def noted(*args: Any, **options: Any) -> Any:
            given.setdefault(name, args)
            return called(*args, **options)

        monkeypatch.setattr(report, name, noted)

    for name in ("effects", "chosen_cells", "agreement_rows", "strip"):
        note(name)
    # As many as there are steps: the picture's frame is among them.
    found = look(program, run, LookOptions(steps=3, rows=1, frames=1, compared=3))
    assert (found.frames, found.episodes, found.objects) == (3, 1, [])
    assert "untrained" not in found.agreement[0]
    assert all(np.isfinite(row["value"]) for row in found.agreement)
    # A tenth of the 9 x 9 cells that no border cuts, as blocks of 8 x 8 pixels.
    cells = given["effects"][3]
    assert list(cells) == ["most", "random", "least", "other frame"]
    for masks in cells.values():
        assert masks.shape == (3, 84, 84)
        for mask in masks:
            inside = mask[5:77, 5:77].reshape(9, 8, 9, 8).swapaxes(1, 2).reshape(81, 64)
            assert sorted(inside.sum(axis=1)) == 72 * [0] + 9 * [64]
            assert mask.sum() == 9 * 64
    rows = {row["cells"]: (row["pixels"], row["shared"]) for row in found.causal}
    assert rows["most"] == (9 * 64, 1)
    other = np.mean(np.sum(cells["other frame"] & cells["most"], axis=(1, 2)) / (9 * 64))
    assert rows["other frame"] == (9 * 64, pytest.approx(other))
    # The mean of all is the same map wherever it is.
    mean, (maps, *_) = given["chosen_cells"][0], given["agreement_rows"]
    placement = placement_of(program.agent.net)  # pyright: ignore[reportAttributeAccessIssue]
    grown = upsampled(mean, 84, 84, placement)
    np.testing.assert_array_equal(maps["mean of all"], grown)
    shown = {layer.name: layer.maps for layer in given["strip"][1]}
    assert any(np.array_equal(shown["mean of all"][0], one) for one in grown)
    assert np.abs(grown - (maps["query 1"] + maps["query 2"]) / 2).max() > 1e-7
    write(found, tmp_path)
    with Image.open(tmp_path / "look" / "attention.png") as strip:
        # Frame, two queries and their mean, two kinds of saliency.
        assert strip.height == 20 + 6 * (84 * 2 + 4)
