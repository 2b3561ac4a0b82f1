"""Sequence models learn RATE's T-Maze, and a memory of bits holds far beyond: minutes, not seconds."""

import csv

import pytest

from jaxmem.cli.main import main

pytestmark = pytest.mark.slow


def test_every_model_is_right_inside_its_length_and_bits_beyond(tmp_path):
    assert main(["run", "rate_tmaze_90", "--runs", str(tmp_path), "--id", "slow"]) == 0
    rows = csv.DictReader((tmp_path / "rate_tmaze_90" / "slow" / "results.csv").read_text().splitlines())
    success: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        success.setdefault((row["model"], row["steps"]), []).append(float(row["success"]))
    for (model, steps), seeds in success.items():
        if steps == "90":
            assert min(seeds) > 0.95, model
    assert sum(success["bits", "9600"]) / 3 >= 0.95
    model = str(tmp_path / "rate_tmaze_90" / "slow" / "bits")
    assert main(["memory", model, "--steps", "90"]) == 0
    (tmp_path / "rate_tmaze_90" / "slow" / "bits" / "memory.png").stat()
    report = csv.DictReader((tmp_path / "rate_tmaze_90" / "slow" / "bits" / "memory.csv").read_text().splitlines())
    for row in report:
        assert float(row["flipped"]) >= 0.95
        assert abs(float(row["success, random memory"]) - 0.5) <= 0.11
