"""Experiments learn what they promise: minutes, not seconds."""

import json

import pytest

from jaxmem.cli.main import main
from jaxmem.training.folder import RunFolder

pytestmark = pytest.mark.slow


def last(tmp_path, *arguments: str) -> dict[str, float]:
    """The last row of a run's metrics."""
    assert main(["run", *arguments, "--runs", str(tmp_path), "--id", "slow"]) == 0
    return RunFolder(tmp_path / arguments[0] / "slow").read_metrics()[-1]


def last_return(tmp_path, *arguments: str) -> float:
    return last(tmp_path, *arguments)["eval/return"]


@pytest.mark.parametrize("seed", range(5))
def test_quickstart_is_solved(seed, tmp_path):
    assert last_return(tmp_path, "quickstart", "--seed", str(seed)) == 1.0


@pytest.mark.parametrize("core", ["gpt", "lstm"])
@pytest.mark.parametrize("seed", range(3))
def test_a_cue_is_kept_for_fifty_steps(core, seed, tmp_path):
    assert last_return(tmp_path, "passive_tmaze_50", "--core", core, "--seed", str(seed)) >= 0.98


def test_the_cue_is_fetched(tmp_path):
    assert last_return(tmp_path, "active_tmaze_20", "--core", "lstm", "--preset", "ddqn") >= 0.98


@pytest.mark.parametrize("length", [20, 100])
def test_the_cue_is_fetched_with_the_recipe_for_all_lengths(length, tmp_path):
    assert last_return(tmp_path, f"active_tmaze_{length}") >= 0.98


def test_without_memory_half_is_the_most(tmp_path):
    """The control: what the others learn is memory."""
    assert last_return(tmp_path, "quickstart", "--core", "mlp", "--loop.episodes", "4000") < 0.75


@pytest.mark.parametrize(("name", "preset"), [("key_to_door_60", "sac"), ("visual_match_60", "best")])
@pytest.mark.parametrize("core", ["lstm", "gpt"])
def test_the_rooms_are_solved_from_pixels(name, preset, core, tmp_path):
    row = last(tmp_path, name, "--preset", preset, "--core", core)
    assert row["eval/success"] >= 0.98
    # Who finds the key or the door has not forgotten to pick apples.
    assert row["eval/apples"] > 15


@pytest.mark.parametrize("length", [60, 250])
def test_the_key_is_taken_however_many_apples_come_between(length, tmp_path):
    row = last(tmp_path, f"key_to_door_{length}")
    assert row["eval/success"] >= 0.98
    assert row["eval/apples"] > length / 5


def test_without_memory_the_colour_is_guessed(tmp_path):
    row = last(tmp_path, "visual_match_60", "--core", "mlp", "--loop.episodes", "12000")
    assert row["eval/apples"] > 10
    assert row["eval/success"] < 0.6


@pytest.mark.parametrize("seed", range(3))
def test_sac_solves_the_tmaze(seed, tmp_path):
    arguments = ["--agent", "sac_discrete", "--agent.temperature", "0.01", "--core", "lstm", "--seed", str(seed)]
    assert last_return(tmp_path, "passive_tmaze_20", *arguments) >= 0.98


@pytest.mark.parametrize("name", ["memory_length_20", "umbrella_length_20"])
def test_sac_solves_the_probes(name, tmp_path):
    assert last(tmp_path, name)["eval/success"] >= 0.98


def test_without_memory_the_bit_is_guessed(tmp_path):
    row = last(tmp_path, "memory_length_20", "--core", "mlp", "--loop.episodes", "4000")
    assert row["eval/success"] < 0.75


@pytest.mark.parametrize("core", ["lru", "mingru"])
@pytest.mark.parametrize("seed", range(3))
def test_vtrace_keeps_a_cue_for_fifty_steps(core, seed, tmp_path):
    arguments = ["--agent", "vtrace", "--core", core, "--seed", str(seed)]
    assert last_return(tmp_path, "passive_tmaze_50", *arguments) >= 0.98


def test_memory_is_carried_from_unroll_to_unroll(tmp_path):
    """The bit is asked for 20 steps after it was seen, and unrolls of 32 steps know nothing of where episodes begin."""
    assert last_return(tmp_path, "memory_chain_20", "--core", "lru") >= 0.98


def test_what_is_looked_at_tells_the_ball_from_the_rest(tmp_path):
    """Random play scores 0.5; the control, which sees a mean of all cells, has nothing to look with."""
    command = ["look_minatar_breakout", "--core", "spatio_temporal"]
    assert last(tmp_path, *command)["train/return"] > 1.5
    folder = tmp_path / "look_minatar_breakout" / "slow"
    assert main(["look", str(folder), "--rows", "16", "--compared", "512"]) == 0
    rows = json.loads((folder / "look" / "look.json").read_text())["objects"]
    assert max(row["low"] for row in rows if row["object"] in ("ball", "paddle") and row["low"] is not None) > 1


def test_without_memory_tokens_segments_know_nothing_of_each_other(tmp_path):
    assert last(tmp_path, "segments_5")["eval/success"] >= 0.98
    blind = last(tmp_path, "segments_5", "--preset", "blind", "--loop.episodes", "25600")
    assert blind["eval/success"] < 0.75
