"""`jaxmem report`: what is on the page, that it is closed in itself, and what is refused."""

import contextlib
import json
import shlex
from collections import namedtuple
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from made_up_look import made_up_look
from made_up_runs import made_up

from jaxmem import __version__, experiment
from jaxmem.cli.configure import configure
from jaxmem.cli.main import main
from jaxmem.config import replace
from jaxmem.training.checkpoint import Checkpoints

Whole, Agent = namedtuple("Whole", "agent experience"), namedtuple("Agent", "params optimiser")
NASTY = "x\"><img src=x onerror=alert(1)><script>alert('1')"


class Page(HTMLParser):
    """What is on a page: its elements with their attributes, and the texts of some."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def values(self, name: str) -> list[str]:
        """Values of all attributes that are called so."""
        return [value or "" for _, attributes in self.elements for key, value in attributes.items() if key == name]


def fails(arguments: list, capsys) -> str:
    assert main(["report", *map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return error


def test_one_run_that_was_looked_at(tmp_path, capsys):
    run = made_up(tmp_path / NASTY, score=lambda seed, part: part * (1 - part / 2) + seed / 4, seeds=2)
    (made_up_look(run.path) / "attention.gif").write_bytes(b"GIF89a")
    assert main(["report", str(run.path)]) == 0
    captured = capsys.readouterr()
    path = run.path / "report.html"
    assert captured.out == f"{path} ({path.stat().st_size / 1e3:.0f} kB)\n"
    lines = captured.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"note: left out: {run.path / 'look' / 'attention.gif'}, which is damaged: ")
    page = Page(path)
    text = page.texts["html"][0]
    assert page.texts["h1"] == ["passive_tmaze_50: lstm"]
    assert page.texts["h2"] == [
        "Overview",
        "Learning curves",
        "Final scores",
        "Where the agent looks",
        "Configuration",
    ]
    assert f"by jaxmem {__version__}." in text
    assert f"{run.path / 'look' / 'attention.gif'}, which is damaged" in text
    # Last and highest return, mean of two seeds, and the interval of the last.
    overview = page.texts["tr"][1]
    assert "unfinished" in overview
    assert "PassiveTMaze-v0lstmddqn21000:00:000.6250.6250.6250.625" in overview
    assert "0.6250.5 to 0.75" in page.texts["tr"][3]
    # Nothing outside of the page, and nothing that runs.
    assert page.values("http-equiv") == ["Content-Security-Policy"]
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page.values("content")
    assert [source.partition(",")[0] for source in page.values("src")] == ["data:image/png;base64"] * 2
    assert all(link.startswith("#") for name in ("href", "xlink:href") for link in page.values(name))
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    tags = [tag for tag, _ in page.elements]
    assert not {"script", "link", "iframe", "object"} & set(tags)
    assert len([1 for tag, attributes in page.elements if tag == "img" and attributes["alt"]]) == 2
    anchors = page.values("id")
    assert len(set(anchors)) == len(anchors)
    assert {link[1:] for link in page.values("href")} <= set(anchors)
    assert NASTY in page.texts["h3"][0]
    assert "jaxmem look" not in page.texts["section"][3]


def test_runs_beside_each_other(tmp_path, capsys):
    """A sweep's runs, one of them not begun, beside a run of its own."""
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    cells = [{"folder": name} for name in ("one", "two", "three")]
    (sweep / "sweep.json").write_text(json.dumps({"asked": {}, "cells": cells}))
    made_up(sweep / "one", seeds=2, agent={"learning_rate": 0.5})
    made_up(sweep / "two", "passive_tmaze_100", "gpt", seeds=2)
    made_up(tmp_path / "alone", core="gpt", seeds=1)
    out = tmp_path / "all.html"
    assert main(["report", str(sweep), str(tmp_path / "alone"), "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.err == f"note: not drawn: {sweep / 'three'}, which has no rows yet\n"
    page = Page(out)
    text = page.texts["html"][0]
    assert page.texts["h1"] == ["passive_tmaze_50, passive_tmaze_100: lstm, gpt"]
    assert f"Not drawn: {sweep / 'three'}, which has no rows yet" in text
    assert (
        "Not looked at yet: sweep/one, sweep/two, alone. jaxmem look FOLDER does, at pictures and in T-Mazes." in text
    )
    assert "No interval, since there is a single seed: passive_tmaze_50 gpt" in text
    assert page.texts["h3"] == ["passive_tmaze_50", "passive_tmaze_100"]
    assert page.texts["summary"] == ["sweep/one", "sweep/two", "alone"]
    (differ,) = [rows for rows in page.texts["table"] if rows.startswith("Fields in which the runs differ")]
    assert "agent.learning_rate0.50.0020.002" in differ
    assert "env.length5010050" in differ
    assert "agent.discount" not in differ
    assert "0.5" in page.texts["mark"]


def test_a_finished_run_and_its_parameters(tmp_path):
    """Both as the last checkpoint tells: of the arrays, the agent's parameters count, and the seeds' axis does not."""
    run = made_up(tmp_path / "run", seeds=2)
    agent = Agent({"kernel": np.zeros((2, 3, 400)), "bias": np.zeros((2, 5)), "scale": np.zeros(2)}, np.zeros((2, 9)))
    meta = {"iteration": run.read_config().loop.iterations, "solved": 0, "rows": 6}
    with contextlib.closing(Checkpoints(run.checkpoints, keep=1)) as checkpoints:
        checkpoints.save(1, Whole(agent, np.zeros((2, 7))), meta)
    assert main(["report", str(run.path)]) == 0
    page = Page(run.path / "report.html")
    assert page.texts["tr"][1].startswith(f"{tmp_path.name}/runfinishedPassiveTMaze-v0lstmddqn21,206100")
    assert "finished" in page.values("class")


def test_the_command_repeats_the_run(tmp_path, capsys):
    """Whatever fields were set: numbers, lists, none and flags; not where the experiment is not known."""
    run = made_up(tmp_path / "run", core="gpt", seeds=3, agent={"act_dropout": False, "max_grad_norm": 2.0})
    record = json.loads(run.config_file.read_text())
    record["config"]["network"]["head"] = []
    record["config"]["network"]["cnn_channels"] = [4, 5]
    record["config"]["loop"]["stop_return"] = None
    run.config_file.write_text(json.dumps(record))
    assert main(["report", str(run.path)]) == 0
    (command,) = Page(run.path / "report.html").texts["pre"]
    words = shlex.split(command)
    assert " ".join(words[:9]) == "jaxmem run passive_tmaze_50 --preset best --core gpt --agent ddqn"
    choice, _ = configure(experiment.find(words[2]), words[4], words[6], words[8], words[9:], "jaxmem run")
    assert choice.config == run.read_config()
    assert choice.config == replace(
        experiment.find("passive_tmaze_50").config(core="gpt"),
        seeds=3,
        agent=choice.config.agent,
        network=choice.config.network,
        loop=choice.config.loop,
    )
    run.config_file.write_text(json.dumps(record | {"experiment": "mine"}))
    assert main(["report", str(run.path)]) == 0
    page = Page(run.path / "report.html")
    assert "pre" not in page.texts
    assert "its experiment is not known here" in page.texts["details"][0]
    own = tmp_path / "own file.py"
    own.write_text(
        "from dataclasses import replace\nfrom jaxmem import experiment\n"
        "EXPERIMENTS = [replace(experiment.find('passive_tmaze_50'), name='mine')]\n"
    )
    assert main(["report", str(run.path), "--file", str(own)]) == 0
    assert shlex.split(Page(run.path / "report.html").texts["pre"][0])[2] == f"{own}:mine"


def test_wrong_input_is_one_line(tmp_path, capsys):
    run = made_up(tmp_path / "run", seeds=2)
    assert "no run folder at" in fails([tmp_path / "nosuch"], capsys)
    assert "is not a run folder" in fails([tmp_path], capsys)
    for out in ("x.htm", "no/x.html"):
        allowed = "allowed is a file that ends in .html, in a folder that exists"
        assert allowed in fails([run.path, "--out", tmp_path / out], capsys)
    blocked = tmp_path / "blocked.html"
    blocked.with_name("blocked.html.part").mkdir()
    assert f"{blocked} cannot be written: Is a directory" in fails([run.path, "--out", blocked], capsys)
    assert not blocked.exists()
    folder = made_up_look(run.path)
    (folder / "look.json").write_text("{")
    assert f"{folder / 'look.json'} cannot be read" in fails([run.path], capsys)
    (folder / "look.json").unlink()
    rows = run.metrics_file.read_text()
    for damage, reason in {
        rows.replace("100", "much"): "cannot be read",
        rows.replace("env_steps", "steps"): "is damaged: it has no column 'env_steps'",
        "".join(rows.splitlines(keepends=True)[:2] * 2): "cannot be read",
        rows + rows.splitlines(keepends=True)[2]: "is damaged: its rows are not one an evaluation and seed",
        "": "has rows yet",
    }.items():
        run.metrics_file.write_text(damage)
        assert reason in fails([run.path], capsys)
    assert not (run.path / "report.html").exists()


@pytest.mark.parametrize("text", ["{}", '{"config": {}, "experiment": "x"}'])
def test_a_damaged_configuration_is_one_line(tmp_path, capsys, text):
    run = made_up(tmp_path / "run")
    run.config_file.write_text(text)
    assert "is not the configuration of a run" in fails([run.path], capsys)
