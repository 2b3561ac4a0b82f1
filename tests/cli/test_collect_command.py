"""`jaxmem collect`: collects, goes on, imports and looks; wrong input is one line."""

import numpy as np
import pytest

from jaxmem import datasets, envs
from jaxmem.cli.main import main

MAZE = ["collect", "PassiveTMaze-v0", "--length", "3", "--policy", "oracle", "--rows", "4"]


def run(capsys, *arguments, status=0) -> str:
    assert main(list(map(str, arguments))) == status
    captured = capsys.readouterr()
    return captured.err if status else captured.out


def test_collects_goes_on_and_says_what_is_there(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = run(capsys, *MAZE, "--episodes", 6)
    (folder,) = (tmp_path / "runs" / "datasets").iterdir()
    assert str(folder.relative_to(tmp_path)) in output
    assert "has 6 trajectories already: --episodes is 6" in run(capsys, *MAZE, "--episodes", 6)
    # Options may have the prefix that they have elsewhere.
    prefixed = ["--env.length" if word == "--length" else word for word in MAZE]
    assert "already" not in run(capsys, *prefixed, "--episodes", 9)
    assert [path.name for path in (tmp_path / "runs" / "datasets").iterdir()] == [folder.name]
    dataset = datasets.open(folder)
    assert len(dataset) == 9
    assert dataset.env() == envs.options("PassiveTMaze-v0", length=3)
    told = run(capsys, "collect", "--info", folder)
    for words in ("oracle", "env.length", "success", "1 (1 to 1)", "array obs", "float32[2]"):
        assert words in told
    assert "every byte of 9 trajectories" in run(capsys, "collect", "--verify", folder)
    (folder / dataset.meta.shards[0].file).unlink()
    assert "shard-00000-9.array_record is missing" in run(capsys, "collect", "--verify", folder, status=2)


def test_ctrl_c_says_how_to_go_on(capsys, tmp_path, monkeypatch):
    folder = tmp_path / "a"
    arguments = [*MAZE, "--episodes", "20", "--out", str(folder)]

    def interrupted(*arguments, report, **options):
        def stop(kept: int, played: int) -> None:
            report(kept, played)
            if played >= 8:
                raise KeyboardInterrupt

        return collect(*arguments, report=stop, **options)

    collect = datasets.collect
    with monkeypatch.context() as patched:
        patched.setattr(datasets, "collect", interrupted, raising=False)
        assert main(arguments) == 130
    assert f"stopped: 8 trajectories are in {folder}; the same command goes on" in capsys.readouterr().out
    run(capsys, *arguments)
    assert [shard.trajectories for shard in datasets.open(folder).meta.shards] == [20]


def test_imports(capsys, tmp_path):
    steps = {name: np.zeros(4, np.float32) for name in ("observations", "actions", "rewards")}
    np.savez(tmp_path / "flat.npz", allow_pickle=False, terminals=np.array([0, 1, 0, 1]), **steps)
    arguments = ["collect", "--import", tmp_path / "flat.npz", "--out", tmp_path / "a"]
    assert "imported" in run(capsys, *arguments)
    assert [one.steps for one in datasets.open(tmp_path / "a")] == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["collect"], "no environment given"),
        (["collect", "--length", "3"], "no environment given"),
        (["collect", "nosuch", "--episodes", "3"], "unknown environment 'nosuch'"),
        ([*MAZE], "no number of episodes given"),
        ([*MAZE, "--episodes", "0"], "'0' is not an integer >= 1"),
        ([*MAZE, "--episodes", "3", "--banana", "1"], "unknown field"),
        ([*MAZE, "--episodes", "3", "--keep", "best"], "invalid choice: 'best'"),
        ([*MAZE, "--episodes", "3", "--explore"], "--explore is of trained runs"),
        (["collect", "PassiveTMaze-v0", "--episodes", "3", "--policy", "nosuch"], "known are random, oracle"),
        (["collect", "PassiveTMaze-v0", "--episodes", "3", "--policy", "runs/none"], "no run folder at runs/none"),
        (["collect", "--policy", "runs/none", "--episodes", "3"], "no run folder at runs/none"),
        (["collect", "--info", "none"], "no dataset at none"),
        (["collect", "--info", "none", "--verify", "none"], "and nothing beside it"),
        (["collect", "PassiveTMaze-v0", "--verify", "none"], "and nothing beside it"),
        (["collect", "--import", "none.npz"], "--import needs --out"),
        (["collect", "--import", "none.npz", "--out", "a"], "no file at none.npz"),
        (["collect", "--import", "none.npz", "--out", "a", "--episodes", "3"], "--episodes cannot be given beside it"),
    ],
)
def test_wrong_arguments(arguments, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = run(capsys, *arguments, status=2)
    assert says in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
