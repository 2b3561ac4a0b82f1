"""Learning curves: which panels there are, and what they show."""

import math

import matplotlib.figure
import numpy as np
import pytest

from jaxmem.analysis.curves import curve_of, draw_curves
from jaxmem.config import ConfigError


def rows(*names, seeds=2):
    return [
        {"seed": seed, "env_steps": 100 * step, "train/loss": 0.5}
        | {f"eval/{name}": math.nan if name == "success" and "blind" in names else 10 * step + seed for name in names}
        for step in range(3)
        for seed in range(seeds)
    ]


@pytest.fixture
def titles(monkeypatch, tmp_path):
    """Titles of the panels that a drawing has."""

    def draw(runs):
        found = []
        monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda self, *_, **__: found.append(self))
        draw_curves(runs, tmp_path / "curves.png")
        return [axes.get_title().partition(" (")[0] for axes in found[0].axes]

    return draw


def test_a_panel_for_each_metric_return_and_success_first_no_length(titles):
    run = rows("apples", "key", "length", "return", "success")
    assert titles({"one": run}) == ["greedy return", "greedy success", "greedy apples", "greedy key"]


def test_metrics_that_not_all_runs_have_are_left_out(titles):
    runs = {"rooms": rows("apples", "return", "success"), "maze": rows("return", "success")}
    assert titles(runs) == ["greedy return", "greedy success"]


def test_success_that_nothing_reports_is_left_out(titles):
    assert titles({"one": rows("return", "success", "blind")}) == ["greedy return", "greedy blind"]


def test_a_curve_is_the_mean_over_seeds_within_its_band():
    curve = curve_of(rows("return"), "eval/return", "one")
    np.testing.assert_array_equal(curve.env_steps, [0, 100, 200])
    np.testing.assert_array_equal(curve.mean, [0.5, 10.5, 20.5])
    low, high = curve.band()
    assert (low <= curve.mean).all()
    assert (curve.mean <= high).all()


def test_no_rows_and_unknown_metrics_are_one_line(tmp_path):
    with pytest.raises(ConfigError, match="one: its metrics have no rows yet"):
        draw_curves({"one": []}, tmp_path / "curves.png")
    with pytest.raises(ConfigError, match="no column 'eval/keys': known are train/loss, eval/return"):
        curve_of(rows("return"), "eval/keys", "one")
