"""`jaxmem plot` on made-up metrics: which pictures and tables there are, and what they say."""

import csv
import json
from functools import partial
from pathlib import Path

import matplotlib.figure
import pytest
from made_up_runs import made_up

from jaxmem.analysis import groups
from jaxmem.cli.main import main


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def fails(arguments: list, capsys) -> str:
    assert main(["plot", *map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return error


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are drawn instead of saved."""
    found = []
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda self, *_, **__: found.append(self))
    return found


@pytest.fixture
def runs(tmp_path) -> list[Path]:
    """Two cores at two lengths: both seeds of the one score 1, those of the other 0 and 1 at length 50, 0 at 100."""
    plan = {("lstm", 50): lambda seed, part: part, ("gpt", 50): lambda seed, part: part * seed}
    plan |= {("lstm", 100): lambda seed, part: part, ("gpt", 100): lambda seed, part: 0.0}
    folders = []
    for (core, length), score in plan.items():
        path = tmp_path / f"{core}{length}"
        made_up(path, f"passive_tmaze_{length}", core, score, seeds=2)
        folders.append(path)
    return folders


def test_pictures_and_tables_have_the_same_figures(runs, drawn, tmp_path, capsys):
    out = tmp_path / "all.png"
    assert main(["plot", *map(str, runs), "--out", str(out), "--table"]) == 0
    captured = capsys.readouterr()
    names = [f"all{name}.{end}" for name in ("", "_lengths", "_improvement") for end in ("png", "csv", "md")]
    assert captured.out.split() == [str(tmp_path / name) for name in names]
    assert "note: unfinished" in captured.err
    curves, lengths, improvement = drawn
    assert [axes.get_title() for axes in curves.axes] == ["passive_tmaze_50"] * 2 + ["passive_tmaze_100"] * 2
    assert [axes.get_ylabel() for axes in curves.axes[:2]] == ["greedy return", "greedy success"]
    assert [text.get_text() for text in curves.legends[0].texts] == ["lstm", "gpt"]
    ends = {(row["task"], row["line"]): row for row in table(out.with_suffix(".csv")) if row["metric"] == "eval/return"}
    assert len(ends) == 4
    unsure = ends["passive_tmaze_50", "gpt"]
    assert (unsure["seeds"], unsure["env steps"], unsure["mean"]) == ("2", "100", "0.5")
    assert (unsure["CI low"], unsure["CI high"]) == ("0", "1")
    sure = ends["passive_tmaze_100", "lstm"]
    assert (sure["mean"], sure["CI low"], sure["CI high"]) == ("1", "1", "1")
    by_length = table(tmp_path / "all_lengths.csv")
    assert [row["length"] for row in by_length] == ["50", "100"] * 2
    for line, name in zip(lengths.axes[0].lines, ("lstm", "gpt"), strict=True):
        scores = [float(row["eval/success mean"]) for row in by_length if row["algorithm"] == name]
        assert list(line.get_ydata()) == scores
    assert lengths.axes[0].get_title() == "passive_tmaze"
    # lstm beats gpt with 1 of 2 pairs' worth at 50, one half won and one half tied, and always at 100.
    (pair,) = table(tmp_path / "all_improvement.csv")
    assert (pair["X"], pair["Y"], pair["tasks"]) == ("lstm", "gpt", "2")
    assert float(pair["P(X > Y), eval/success"]) == (0.75 + 1) / 2
    assert list(improvement.axes[0].lines[1].get_xdata()) == [0.875]
    assert improvement.axes[0].get_yticklabels()[0].get_text() == "lstm > gpt"
    assert (tmp_path / "all_improvement.md").read_text().count("|\n") == 3


def test_one_curve_over_all_tasks(runs, drawn, tmp_path, capsys):
    out = tmp_path / "all.png"
    arguments = ["--out", str(out), "--table", "--aggregate", "--estimate", "iqm"]
    assert main(["plot", *map(str, runs), *arguments]) == 0
    assert [axes.get_title() for axes in drawn[0].axes] == ["2 tasks", "2 tasks"]
    assert "interquartile mean of 2 seeds on each of 2 tasks" in drawn[0].get_suptitle()
    gpt = table(out.with_suffix(".csv"))[1]
    # Scores 0, 1, 0 and 0, of which the lowest and the highest are cut.
    assert (gpt["line"], gpt["seeds"], gpt["iqm"]) == ("gpt", "2+2", "0")
    capsys.readouterr()
    assert main(["plot", *map(str, runs[:3]), *arguments]) == 0
    assert "not drawn: passive_tmaze_100, which was not run with gpt" in capsys.readouterr().err
    assert "no task was run with each of gpt, lstm" in fails([*runs[1:3], *arguments], capsys)


def test_fields_that_presets_set_for_each_task_are_told(tmp_path, drawn, capsys):
    """The budget, and how long is explored; `--file` tells it of experiments that are not shipped."""
    first, second = made_up(tmp_path / "one", "quickstart"), made_up(tmp_path / "two")
    arguments = ["plot", str(first.path), str(second.path)]
    assert main(arguments) == 0
    told = "note: not in the lines' names, since presets set it for each task: agent.epsilon_fraction, loop.episodes\n"
    assert told in capsys.readouterr().err
    for folder in (first, second):
        record = json.loads(folder.config_file.read_text())
        folder.config_file.write_text(json.dumps(record | {"experiment": "my_" + record["experiment"]}))
    assert main(arguments) == 0
    assert told not in capsys.readouterr().err
    own = tmp_path / "own.py"
    own.write_text(
        "from dataclasses import replace\nfrom jaxmem import experiment\n"
        "EXPERIMENTS = [replace(experiment.find(n), name='my_' + n) for n in ('quickstart', 'passive_tmaze_50')]\n"
    )
    assert main([*arguments, "--file", str(own)]) == 0
    assert told in capsys.readouterr().err
    legends = [[text.get_text() for text in figure.legends[0].texts] for figure in drawn]
    apart = ["lstm agent.epsilon_fraction=0.125 loop.episodes=8000"]
    apart.append(f"lstm agent.epsilon_fraction={1000 / 60000} loop.episodes=60000")
    assert legends == [["lstm"], apart, ["lstm"]]


def test_a_single_seed_and_success_that_nothing_reports(tmp_path, drawn, capsys):
    made_up(tmp_path / "one", metrics=("return", "blind"), seeds=1)
    made_up(tmp_path / "two", core="gpt", metrics=("return", "success"), seeds=1)
    assert main(["plot", str(tmp_path / "one")]) == 0
    captured = capsys.readouterr()
    assert captured.out.split() == [str(tmp_path / "one" / "curve.png")]
    assert captured.err == "note: no interval, since there is a single seed: passive_tmaze_50 lstm\n"
    assert [axes.get_title() for axes in drawn[0].axes] == ["greedy return"]
    assert main(["plot", str(tmp_path / "one"), str(tmp_path / "two"), "--table"]) == 0
    captured = capsys.readouterr()
    assert "not drawn: passive_tmaze_50, greedy success, which not all of these runs report" in captured.err
    (pair,) = table(tmp_path / "one" / "improvement.csv")
    assert (pair["P(X > Y), eval/return"], pair["CI low"], pair["CI high"]) == ("0.5", "", "")
    both = [tmp_path / "one", tmp_path / "two"]
    assert "not all of these runs report: allowed is one of return" in fails([*both, "--metric", "success"], capsys)
    assert "which none of them reports" in fails([*both, "--metric", "nosuch"], capsys)


def test_a_sweep_stands_for_its_runs(tmp_path, drawn, capsys):
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    cells = [{"folder": name} for name in ("one", "two", "three")]
    (sweep / "sweep.json").write_text(json.dumps({"asked": {}, "cells": cells}))
    assert "has rows yet" in fails([sweep], capsys)
    made_up(sweep / "one")
    made_up(sweep / "two", core="gpt")
    assert main(["plot", str(sweep), str(sweep / "one")]) == 0
    captured = capsys.readouterr()
    assert captured.out.split() == [str(sweep / "curve.png"), str(sweep / "improvement.png")]
    assert f"not drawn: {sweep / 'three'}, which has no rows yet" in captured.err
    assert len(drawn[0].axes[0].lines) == 2


def test_finished_runs_by_length_beside_what_is_published(tmp_path, drawn, capsys, monkeypatch):
    plan = {"short": (50, "lru", 1.0), "long": (250, "lru", 0.5), "open": (100, "lru", 0.9), "gpt": (50, "gpt", 0.2)}
    for name, (length, core, best) in plan.items():
        score = partial(lambda seed, part, best: part * best / (1 + seed), best=best)
        made_up(tmp_path / name, f"active_tmaze_{length}", core, score, seeds=2)
    folders = [tmp_path / name for name in plan]
    assert "none of these runs is a finished one of ActiveTMaze-v0" in fails([*folders, "--published"], capsys)
    monkeypatch.setattr(groups, "finished_rows", lambda run: None if run.path.name == "open" else [])
    drawn.clear()
    assert main(["plot", *map(str, folders), "--published", "--table", "--out", str(tmp_path / "all.png")]) == 0
    assert str(tmp_path / "all_published.png") in capsys.readouterr().out
    assert [tuple(row.values())[1:] for row in table(tmp_path / "all_published.csv")] == [
        ("lru", "50", "2", "0.75", "0.5", "1"),
        ("lru", "250", "2", "0.375", "0.25", "0.5"),
        ("gpt", "50", "2", "0.15", "0.1", "0.2"),
    ]
    (axes,) = drawn[-1].axes
    labels = [text.get_text() for text in (axes.get_legend() or drawn[-1].legends[0]).texts]
    assert labels == ["lru", "gpt", *(f"{name}, Ni et al. 2023, arXiv:2307.03864" for name in ("transformer", "LSTM"))]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["20", "50", "250", "500"]


def test_sample_efficiency_against_one_algorithm(runs, drawn, tmp_path, capsys):
    """Of the seeds of gpt, one learns as those of lstm do at length 50; none does at 100, and nobody gets to 2."""
    out = tmp_path / "all.png"
    arguments = [*map(str, runs), "--out", str(out), "--against", "lstm"]
    assert main(["plot", *arguments]) == 0
    names = [str(tmp_path / f"all_efficiency.{end}") for end in ("png", "csv", "md")]
    assert capsys.readouterr().out.split()[-3:] == names
    rows = table(Path(names[1]))
    assert [row["task"] for row in rows] == ["passive_tmaze_50"] * 8 + ["passive_tmaze_100"] * 8
    told = {(row["measure"], row["algorithm"]): list(row.values())[4:] for row in rows[:8]}
    steps = "steps to 0.9 (90 % of lstm's way)"
    assert told == {
        ("greedy success at the end, mean", "lstm"): ["2", "2", "1", "1", "1"],
        ("greedy success at the end, mean", "gpt"): ["2", "1", "0.5", "0", "1"],
        ("greedy success over all steps, mean", "lstm"): ["2", "2", "0.5", "0.5", "0.5"],
        ("greedy success over all steps, mean", "gpt"): ["2", "1", "0.25", "0", "0.5"],
        ("greedy success over all steps, difference, against lstm", "gpt"): ["2", "1", "-0.25", "-0.5", "0"],
        (f"{steps}, median", "lstm"): ["2", "2", "90", "90", "90"],
        (f"{steps}, median", "gpt"): ["2", "1", ">=95", "90", ">=100"],
        (f"{steps}, ratio, against lstm", "gpt"): ["2", "1", ">=1.056", "1", ">=1.111"],
    }
    difference, ratio = drawn[-1].axes[:2]
    assert difference.get_title() == "passive_tmaze_50, 100 steps"
    assert [list(axes.lines[1].get_xdata()) for axes in (difference, ratio)] == [[-0.25], [95 / 90]]
    assert ratio.lines[1].get_marker() == ">"
    assert main(["plot", *arguments, "--reach", "2"]) == 0
    assert {row["value"] for row in table(Path(names[1])) if row["measure"].startswith("steps to 2")} == {">=100", ""}
    capsys.readouterr()
    assert "allowed is one of lstm, gpt\n" in fails([*runs, "--against", "gru"], capsys)
    assert "--reach is 1.0: allowed is a finite score, beside --against" in fails([*runs, "--reach", "1"], capsys)


def test_wrong_arguments(tmp_path, capsys):
    run = made_up(tmp_path / "run")
    assert "allowed are files that end in .png" in fails([run.path, "--out", "x.txt"], capsys)
    assert "invalid choice: 'median'" in fails([run.path, "--estimate", "median"], capsys)
    assert "in a folder that exists" in fails([run.path, "--out", tmp_path / "no" / "x.png"], capsys)
    other = made_up(tmp_path / "other")
    run.write_metrics([])
    assert "has rows yet" in fails([run.path], capsys)
    assert main(["plot", str(run.path), str(other.path), "--out", str(tmp_path / "x.png")]) == 0
    assert f"not drawn: {run.path}, which has no rows yet" in capsys.readouterr().err
