"""Experiments learn what they promise: minutes, not seconds."""

import pytest

from jaxmem.cli.main import main
from jaxmem.training.folder import RunFolder

pytestmark = pytest.mark.slow


def last_return(tmp_path, *arguments: str) -> float:
    assert main(["run", *arguments, "--runs", str(tmp_path), "--id", "slow"]) == 0
    return RunFolder(tmp_path / arguments[0] / "slow").read_metrics()[-1]["eval/return"]


@pytest.mark.parametrize("seed", range(5))
def test_quickstart_is_solved(seed, tmp_path):
    assert last_return(tmp_path, "quickstart", "--seed", str(seed)) == 1.0


@pytest.mark.parametrize("core", ["gpt", "lstm"])
@pytest.mark.parametrize("seed", range(3))
def test_a_cue_is_kept_for_fifty_steps(core, seed, tmp_path):
    assert last_return(tmp_path, "passive_tmaze_50", "--core", core, "--seed", str(seed)) >= 0.98


def test_the_cue_is_fetched(tmp_path):
    assert last_return(tmp_path, "active_tmaze_20", "--core", "lstm") >= 0.98


def test_without_memory_half_is_the_most(tmp_path):
    """The control: what the others learn is memory."""
    assert last_return(tmp_path, "quickstart", "--core", "mlp", "--loop.episodes", "4000") < 0.75
