"""`jaxmem ablation`: parts of a grid, one after another into one folder; stopped, gone on with, drawn."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import share_programs

from jaxmem.cli.main import main
from jaxmem.sweep import cells
from jaxmem.training import train

GRID = str(Path(__file__).parent.parent / "data" / "grid.py")
FILES = ("results.csv", "curves.csv", "table.csv", "table.md")


@pytest.fixture(autouse=True)
def compiled_once(monkeypatch):
    share_programs(monkeypatch)


def ablation(runs: Path, *more: str) -> int:
    return main(["ablation", GRID, *more, "--runs", str(runs)])


def place(runs: Path) -> Path:
    return runs / "ablations" / "grid"


def read(runs: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((place(runs) / name).read_text().splitlines()))


def fails(arguments: list[str], capsys) -> str:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("jaxmem: ")
    assert error.count("\n") == 1, error
    return error


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> Path:
    """All cells but one in one go."""
    runs = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        share_programs(patch)
        assert ablation(runs, "--one-factor") == 0
    return runs


def test_a_row_a_cell_and_seed_and_curves_of_all(unbroken):
    results, curves = read(unbroken, "results.csv"), read(unbroken, "curves.csv")
    assert [tuple(row.values())[:5] for row in results[:4]] == [
        ("3", "mlp", "left", "10", "0"),
        ("3", "mlp", "left", "10", "1"),
        ("3", "mlp", "left", "20", "0"),
        ("3", "mlp", "left", "20", "1"),
    ]
    # Of each task the base and two others; 100 steps are 25 episodes of 4.
    assert len(results) == 2 * 3 * 2
    for row in results:
        own = [point for point in curves if all(point[name] == row[name] for name in ("length", "turn", "lag", "seed"))]
        config = json.loads(
            (place(unbroken) / f"{row['length']}_mlp_{row['turn']}_{row['lag']}/config.json").read_text()
        )
        assert config["config"]["loop"]["episodes"] == 25
        assert [point["env_steps"] for point in own] == sorted((p["env_steps"] for p in own), key=int)
        assert own[-1]["return"] == row["return"]
        assert own[-1]["env_steps"] == row["env_steps"]
        # All returns reach the bound twice: at the beginning, and after two iterations of four episodes.
        assert (row["solved"], row["steps"]) == ("1", own[1]["env_steps"])
    assert [point["pace"] for point in curves[:2]] != ["", ""]
    assert (place(unbroken) / "table.md").read_text().count("2 of 2") == 6
    for picture in ("training.png", "solved.png"):
        assert (place(unbroken) / picture).read_bytes().startswith(b"\x89PNG")


def counting(monkeypatch, trained: list[Any]) -> None:
    original: Callable = cells.start

    def start(config, *arguments):
        trained.append(config.seed)
        return original(config, *arguments)

    monkeypatch.setattr(cells, "start", start)


def test_parts_add_up(unbroken, tmp_path, capsys, monkeypatch):
    trained: list[int] = []
    counting(monkeypatch, trained)
    assert ablation(tmp_path, "--lengths", "3", "--turns", "left", "--lags", "10") == 0
    assert trained == [3010]
    assert ablation(tmp_path, "--one-factor") == 0
    assert sorted(trained) == [3010, 3011, 3020, 4010, 4011, 4020]
    assert "finished before: 1 of 6 cells" in capsys.readouterr().out
    for name in FILES:
        assert sorted(read(tmp_path, name), key=str) == sorted(read(unbroken, name), key=str), name
    (place(tmp_path) / "solved.png").unlink()
    assert ablation(tmp_path, "--plot", "--lengths", "4") == 0
    assert (place(tmp_path) / "solved.png").exists()
    assert len(trained) == 6
    # What is finished stays what it was.
    assert "config.loop.episodes was 25, now 50" in fails(
        ["ablation", GRID, "--lengths", "3", "--steps", "200", "--runs", str(tmp_path)], capsys
    )


class Killed(BaseException):
    """The process is gone: nothing that follows is done."""


def test_killed_and_gone_on_with(unbroken, tmp_path, monkeypatch):
    original, saved = train._Session._save, [0]

    def dies(self):
        original(self)
        saved[0] += 1
        if saved[0] == 4:
            raise Killed

    # A checkpoint at every evaluation but the first, and at the end.
    monkeypatch.setattr(train._Session, "_save", dies)
    with pytest.raises(Killed):
        ablation(tmp_path, "--one-factor")
    assert 0 < len(read(tmp_path, "results.csv")) < len(read(unbroken, "results.csv"))
    assert ablation(tmp_path, "--one-factor") == 0
    for name in FILES:
        assert (place(tmp_path) / name).read_bytes() == (place(unbroken) / name).read_bytes(), name


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["nosuch"], "unknown ablation 'nosuch': known are attention, credit"),
        ([], "no ablation given: known are attention, credit"),
        (["credit", "--lengths", "60"], "--lengths is '60': allowed are 50, 100, 250"),
        (
            ["credit", "--explorations", "frist"],
            "--explorations is 'frist': allowed are rare, first, any, epsilon, entropy",
        ),
        (["credit", "--one-factor", "--cores", "gpt", "--targets", "lambda"], "no cell of credit has these levels"),
        (["credit", "--steps", "0"], "'0' is not an integer >= 1"),
        (["credit", "--agent.discuont", "1"], "unknown field 'agent.discuont' (did you mean 'agent.discount'?)"),
        (["credit", "--plot"], "no results of the ablation credit in runs/ablations/credit"),
        (["credit", "--plot", "--core.width", "8"], "--plot trains nothing: '--core.width' cannot be given beside it"),
        (["credit", "--one-factor", "--cores", "lru", "--loop.minibatches", "7"], "loop.minibatches is 7: allowed is"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(more, says, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert says in fails(["ablation", *more], capsys)
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_one_on_a_short_maze(tmp_path, capsys):
    """All that its cells need is there: a cell of each exploration, trained for an iteration or two."""
    base = ["--lengths", "50", "--targets", "lambda", "--discounts", "0.99", "--explorations", "epsilon"]
    short = ["--env.length", "5", "--core.width", "8", "--network.head", "8", "--loop.collect", "8"]
    few = ["--loop.minibatches", "1", "--loop.eval-every", "8", "--loop.eval-episodes", "4", "--steps", "128"]
    command = [
        "ablation",
        "credit",
        *base,
        "--inputs",
        "raw",
        "--baselines",
        "value",
        "--cores",
        "lru",
        *short,
        *few,
        "--runs",
        str(tmp_path),
    ]
    assert main(command) == 0
    rows = list(csv.DictReader((tmp_path / "ablations" / "credit" / "results.csv").read_text().splitlines()))
    assert len(rows) == 3
    for row in rows:
        assert row["solved"] == "0"
        assert row["env_steps"] == "128"
        assert 0 <= float(row["oracle"]) <= 1
        assert 0 < float(row["left"]) < 1
    assert "50_lru_epsilon_raw_lambda_value_0.99" in capsys.readouterr().out
