"""`jaxmem run` as a user runs it: to the end, stopped, killed, resumed."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from support import assert_same_bits

from jaxmem.cli.main import main
from jaxmem.training.evaluate import load_run
from jaxmem.training.folder import RunFolder

TINY = Path(__file__).parent.parent / "data" / "tiny.py"


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


def jaxmem(*arguments, environment=os.environ) -> subprocess.Popen:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "jaxmem.cli.main", *map(str, arguments)]
    environment = environment | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def here(capsys, *arguments) -> str:
    """What the command prints, where a process of its own is not the point."""
    status = main(list(map(str, arguments)))
    output = "".join(capsys.readouterr())
    assert status == 0, output
    return output


# Solved at the sixteenth evaluation in a row, which is after 120 episodes: the budget is never the reason to stop.
LENGTH = ("--loop.episodes", 400, "--loop.stop-return=-9", "--loop.stop-evals", 16)


@pytest.fixture(scope="module")
def whole(runs) -> tuple[RunFolder, str]:
    """A run that was never stopped."""
    process = jaxmem("run", TINY, "--runs", runs, "--id", "whole", *LENGTH)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    return RunFolder(runs / "tiny" / "whole"), output


def assert_same_end(folder: RunFolder, other: RunFolder) -> None:
    assert_same_bits(load_run(folder)[1], load_run(other)[1])


def rows_without_time(folder: RunFolder) -> list[dict]:
    with folder.metrics_file.open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "wall_s"} for row in csv.DictReader(file)]


def test_a_run_writes_what_it_promises_and_says_where(whole):
    folder, output = whole
    for path in (folder.config_file, folder.metrics_file, folder.checkpoints, folder.curve):
        assert path.exists()
        assert str(path) in output
    assert list(folder.path.rglob("events.out.tfevents*"))
    rows = folder.read_metrics()
    columns = ["seed", "env_steps", "episodes", "updates", "wall_s", "train/return", "eval/return", "eval/success"]
    assert set(columns) <= set(rows[0])
    assert [row["seed"] for row in rows[:4]] == [0, 1, 0, 1]
    # 6 random episodes and 120 more, 4 steps each, evaluated every 8.
    assert (rows[-1]["episodes"], rows[-1]["env_steps"], rows[-1]["updates"]) == (126, 504, 60)
    assert len(rows) == 2 * (1 + 15)
    assert all(0 <= row["eval/success"] <= 1 for row in rows)
    assert all(a["wall_s"] <= b["wall_s"] for a, b in zip(rows, rows[1:], strict=False))
    assert "compiled in" in output
    assert "greedy return" in output
    assert json.loads(folder.config_file.read_text())["config"]["loop"]["episodes"] == 400


def interrupted(process: subprocess.Popen, folder: RunFolder, ask: signal.Signals, rows: int) -> str:
    """What a run printed that got a signal after so many rows of metrics."""
    deadline = time.monotonic() + 240
    while not (folder.metrics_file.exists() and len(folder.read_metrics()) >= rows):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(ask)
    return process.communicate(timeout=120)[0]


def test_a_run_that_was_stopped_and_killed_ends_in_the_same_bits(runs, whole, capsys):
    folder = RunFolder(runs / "tiny" / "broken")
    process = jaxmem("run", TINY, "--runs", runs, "--id", "broken", *LENGTH)
    output = interrupted(process, folder, signal.SIGINT, 6)
    assert process.returncode == 130
    assert f"go on with: jaxmem run --resume {folder.path}" in output
    stopped = len(folder.read_metrics())
    interrupted(jaxmem("run", "--resume", folder.path), folder, signal.SIGKILL, stopped + 4)
    assert len(folder.read_metrics()) < len(whole[0].read_metrics()), "the run ended before it could be killed"
    here(capsys, "run", "--resume", folder.path)
    assert rows_without_time(folder) == rows_without_time(whole[0])
    assert_same_end(folder, whole[0])


def test_damaged_checkpoint_is_refused_and_the_previous_one_goes_on(runs, whole, capsys):
    folder = RunFolder(runs / "tiny" / "damaged")
    shutil.copytree(whole[0].path, folder.path)
    steps = sorted(int(path.name) for path in folder.checkpoints.iterdir() if path.name.isdigit())
    # Not all of Orbax's files are needed to read the arrays: cut the whole of them.
    for path in (folder.checkpoints / str(steps[-1]) / "run").rglob("*"):
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)
    assert main(["run", "--resume", str(folder.path)]) == 2
    error = capsys.readouterr().err
    assert "damaged" in error
    assert "--checkpoint previous" in error
    assert error.count("\n") == 1
    here(capsys, "run", "--resume", folder.path, "--checkpoint", "previous")
    assert_same_end(folder, whole[0])


def test_a_finished_run_resumes_to_nothing(whole, capsys):
    before = rows_without_time(whole[0])
    assert "done in" in here(capsys, "run", "--resume", whole[0].path)
    assert rows_without_time(whole[0]) == before


def test_evaluation_changes_nothing(runs, whole, capsys):
    """Evaluated five times as rarely, the same run comes to the same end."""
    rarely = (*LENGTH[:-1], 4, "--loop.eval-every", 40, "--loop.eval-episodes", 9)
    here(capsys, "run", TINY, "--runs", runs, "--id", "rarely", *rarely)
    folder = RunFolder(runs / "tiny" / "rarely")
    assert len(folder.read_metrics()) == 2 * 4
    one, other = load_run(folder)[1], load_run(whole[0])[1]
    assert_same_bits(replace(one, window=None), replace(other, window=None))


def test_seeds_lie_on_several_devices(runs, tmp_path, capsys):
    # Once, the command compiles and keeps what it compiled as it does for users: no other flag, no cache of the tests.
    two = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    two |= {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "XDG_CACHE_HOME": str(tmp_path)}
    small = ("--core", "mlp", "--loop.episodes", 16)
    process = jaxmem("run", TINY, "--runs", runs, "--id", "devices", *small, environment=two)
    output = process.communicate(timeout=240)[0]
    assert process.returncode == 0, output
    assert list((tmp_path / "jaxmem").iterdir())
    folder = RunFolder(runs / "tiny" / "devices")
    assert [row["episodes"] for row in folder.read_metrics()] == [6, 6, 14, 14, 22, 22]
    output = here(capsys, "run", "--resume", folder.path)
    assert "written on 2 x cpu, this is 1 x cpu" in output


def test_two_processes_do_not_train_one_folder(whole, capsys):
    with whole[0].locked():
        assert main(["run", "--resume", str(whole[0].path)]) == 2
    assert "is in use by another process" in capsys.readouterr().err


def test_a_run_without_a_checkpoint_starts_again_and_lost_rows_are_told(runs, whole, capsys):
    folder = RunFolder(runs / "tiny" / "bare")
    shutil.copytree(whole[0].path, folder.path)
    folder.metrics_file.unlink()
    assert "has lost 32 of the 32 rows" in here(capsys, "run", "--resume", folder.path)
    shutil.rmtree(folder.checkpoints)
    output = here(capsys, "run", "--resume", folder.path)
    assert "starts from its beginning" in output
    assert rows_without_time(folder) == rows_without_time(whole[0])
    assert_same_end(folder, whole[0])


def test_evaluate_and_plot_read_the_run(whole, capsys, tmp_path):
    path = str(whole[0].path)
    assert main(["evaluate", path, "--episodes", "8"]) == 0
    output = capsys.readouterr().out
    assert "return" in output
    assert main(["evaluate", path, "--episodes", "8", "--only", "1", "--explore"]) == 0
    assert "8 exploring episodes a seed" in capsys.readouterr().out
    assert main(["evaluate", path, "--only", "2"]) == 2
    assert "allowed is an integer from 0 to 1" in capsys.readouterr().err
    picture = tmp_path / "both.png"
    assert main(["plot", path, path, "--out", str(picture)]) == 0
    assert picture.stat().st_size > 1000
    assert main(["plot", path, "--out", "x.txt"]) == 2


def test_a_run_that_is_there_already_is_not_overwritten(whole, runs, capsys):
    assert main(["run", str(TINY), "--runs", str(runs), "--id", "whole"]) == 2
    assert "holds a run already" in capsys.readouterr().err
