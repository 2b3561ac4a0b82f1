"""Atari's ids and options, what is missing or wrong in one line, and the benchmark."""

import subprocess
import sys
from typing import Any

import pytest

from jaxmem import envs
from jaxmem.benchmarks import atari as atari_bench
from jaxmem.benchmarks.timing import Repeats
from jaxmem.cli.bench import main
from jaxmem.config import ConfigError
from jaxmem.envs.atari import ids

pytest.importorskip("ale_py")

from ale_py import roms


def test_options_need_neither_the_library_nor_a_backend():
    code = (
        "import sys\n"
        "from jaxmem import envs\n"
        "options = envs.options('ale/yars_revenge', clip_rewards=True, episodic_life=True, noop_max=3)\n"
        "print(options.spec().horizon, options.evaluated() == envs.options('ale/yars_revenge', noop_max=3))\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge._backends and 'ale_py' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("27000 True\n", "")


def test_every_game_of_the_library_is_known():
    assert {f"ale/{name}" for name in roms.get_all_rom_ids()} == {f"ale/{name}" for name in ids._GAMES}
    assert set(ids.ids()) <= {f"ale/{name}" for name in ids._GAMES}
    assert set(ids.ids()) < set(envs.registered_envs)
    assert envs.is_known("ale/zaxxon")
    assert "Ms Pacman" in envs.spec("ale/ms_pacman").description
    assert envs.options("CartPole-v1").evaluated() == envs.options("CartPole-v1")


@pytest.mark.parametrize(
    ("id", "options", "message"),
    [
        ("ale/ponk", {}, "unknown environment 'ale/ponk' (did you mean 'ale/pong'?): known are ale/ and the names of"),
        ("ale/pong", {"sticky": 1.5}, "env.sticky is 1.5: allowed is a number from 0 to 1"),
        ("ale/pong", {"frame_skip": 0}, "env.frame_skip is 0: allowed is an integer from 1"),
        (
            "ale/pong",
            {"frames": 0},
            "unknown option 'frames' of environment 'ale/pong': known are sticky, full_actions",
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_line(id, options, message):
    with pytest.raises(ConfigError) as error:
        envs.make(id, **options)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_missing_library_or_game_is_told_when_the_game_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr(roms, "get_rom_path", lambda name: None)
    with pytest.raises(ConfigError, match="^environment 'ale/pong' could not be made: pong is not a ROM name"):
        envs.make("ale/pong")
    monkeypatch.undo()
    monkeypatch.setenv("ALE_ROMS_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match="^environment 'ale/pong' could not be made: .*No such file"):
        envs.make("ale/pong")
    monkeypatch.setitem(sys.modules, "ale_py.vector_env", None)
    with pytest.raises(
        ConfigError, match=r"^environment 'ale/pong' needs ale-py \(.*\): pip install 'jaxmem\[atari\]'"
    ):
        envs.make("ale/pong")


def test_the_benchmark_has_figures_or_says_what_is_missing(monkeypatch):
    bench = atari_bench.AtariBench(("ale/pong",), 1, 4, Repeats(1, 0.0))
    measured: list[str] = []
    found: list[Any] = atari_bench.measure(bench, measured.append).rows
    ((name, rows, steps, frames, seconds),) = found
    assert (name, rows, measured) == ("ale/pong", 1, ["game ale/pong"])
    assert frames == pytest.approx(4 * steps.median)
    assert min(frames, seconds) > 0
    monkeypatch.setattr(atari_bench, "is_installed", lambda: False)
    with pytest.raises(ConfigError, match=r"^atari needs ale-py: `pip install 'jaxmem\[atari\]'` adds it$"):
        main(["atari", "--quick"])
