"""Learning curves: which panels there are, and what they show."""

import math

import matplotlib.figure
import numpy as np
import pytest

from jaxmem.analysis.curves import Panel, curve_of, draw_curves, draw_panels
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


@pytest.mark.parametrize("panels", [1, 2])
@pytest.mark.parametrize("name", ["short", "a long name of an algorithm agent.learning_rate=0.001 loop.collect=64"])
@pytest.mark.filterwarnings("error")
def test_long_legends_are_below_the_panels_and_within_the_picture(name, panels, monkeypatch, tmp_path):
    found = []
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda self, *_, **__: found.append(self))
    curves = [curve_of(rows("return"), "eval/return", f"{name} {number}") for number in range(5)]
    draw_panels([[Panel("maze", "eval/return", curves)] * panels], tmp_path / "curves.png")
    (figure,) = found
    figure.draw_without_rendering()
    inside = [axes.get_legend() is not None for axes in figure.axes]
    assert inside == [name == "short"] * panels
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width
        assert box.y1 <= min(axes.get_tightbbox().y0 for axes in figure.axes)


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
