"""`jaxmem run STUDY`: to the end, stopped and gone on with; and what is wrong is told in a line."""

import csv
import shutil
from pathlib import Path

import pytest
from support import shared_offline_programs

from jaxmem import study
from jaxmem.cli.arguments import set_fields
from jaxmem.cli.main import main
from jaxmem.offline import study as offline_study
from jaxmem.offline import train as training
from jaxmem.training.stop import Interrupted

DATA = Path(__file__).parent.parent / "data"
STUDY = f"{DATA / 'small_study.py'}:small"


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    with shared_offline_programs():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    runs = tmp_path_factory.mktemp("whole")
    assert main(["run", STUDY, "--runs", str(runs), "--id", "one"]) == 0
    return runs


def tables(runs: Path) -> list[str]:
    return [(runs / "small" / "one" / name).read_text() for name in ("results.csv", "table.csv", "table.md")]


def test_every_model_is_trained_and_played_at_every_length(whole):
    rows = list(csv.DictReader(tables(whole)[0].splitlines()))
    assert [(row["model"], row["steps"], row["seed"]) for row in rows] == [
        (model, steps, seed) for model in ("lstm", "rmt") for steps in ("5", "7") for seed in ("0", "1")
    ]
    assert all(0 <= float(row["success"]) <= 1 for row in rows)
    table = list(csv.reader(tables(whole)[1].splitlines()))
    assert table[0] == ["success at", "5", "7"]
    assert [row[0] for row in table[1:]] == ["lstm", "rmt", "rmt, A. Body 2026"]
    assert table[3] == ["rmt, A. Body 2026", "", "0.5"]
    assert (whole / "small" / "one" / "lengths.png").stat().st_size > 5000
    assert (whole / "small" / "one" / "rmt" / "curve.png").is_file()


def test_stopped_while_it_trains_and_while_it_plays_it_ends_in_the_same_tables(whole, tmp_path, monkeypatch, capsys):
    shutil.copytree(whole / "datasets", tmp_path / "datasets")
    begin = ["run", STUDY, "--runs", str(tmp_path), "--id", "one"]
    again = ["run", "--resume", str(tmp_path / "small" / "one"), "--file", str(DATA / "small_study.py")]
    with monkeypatch.context() as patch:
        train = training.train

        def stopped(program, folder, *more):
            if folder.path.name == "rmt":
                raise Interrupted
            return train(program, folder, *more)

        patch.setattr(offline_study, "train", stopped)
        assert main(begin) == 130
    assert f"jaxmem run --resume {tmp_path / 'small' / 'one'}" in capsys.readouterr().out
    with monkeypatch.context() as patch:
        write = offline_study.StudyFolder.write_played

        def killed(self, model, played):
            write(self, model, played)
            raise KeyboardInterrupt

        patch.setattr(offline_study.StudyFolder, "write_played", killed)
        assert main(again) == 130
    assert main(again) == 0
    assert tables(tmp_path) == tables(whole)
    assert main(again) == 0
    assert "loss" not in capsys.readouterr().out.split("resuming")[-1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--models", "gpt"], "unknown model of small 'gpt': known are lstm, rmt"),
        (["--preset", "paper"], "unknown preset of small 'paper'"),
        (["--learn.batch", "0"], "model lstm: learn.batch is 0: allowed is an integer >= 1"),
        (["--learn.rate", "1"], "model lstm: unknown field 'learn.rate'"),
        (["--id", "../x"], "--id is '../x'"),
        (["--core", "lstm"], "--core"),
        (["--play.lengths", "5", "2"], "model lstm: RateTMaze-v0 of 2 steps: allowed are 3 to"),
        (["--data.policy", "orcle"], "model lstm: unknown policy"),
        (["--play.lengths", "5", "5"], "play.lengths are [5, 5]: allowed are different ones"),
        (["--learn.segment", "2"], "model lstm: learn.segment is 2: allowed is a divisor of the window, 5"),
    ],
)
def test_wrong_words_are_told_in_a_line(arguments, told, tmp_path, capsys):
    assert main(["run", STUDY, "--runs", str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_taken_and_a_dataset_that_is_damaged_are_told(whole, tmp_path, capsys):
    assert main(["run", STUDY, "--runs", str(whole), "--id", "one"]) == 2
    assert "holds something already" in capsys.readouterr().err
    shutil.copytree(whole / "datasets", tmp_path / "datasets")
    (shard,) = (tmp_path / "datasets").glob("*/*.array_record")
    shard.write_bytes(shard.read_bytes()[:-7])
    assert main(["run", STUDY, "--runs", str(tmp_path)]) == 2
    assert shard.name in capsys.readouterr().err


def test_mistakes_in_a_study_are_told(tmp_path, capsys):
    good = (DATA / "small_study.py").read_text()
    for wrong, told in (
        (good.replace("STUDIES = [", "STUDIES = [3, "), "is no list of jaxmem.study.Study"),
        (good.replace('models=("lstm", "rmt")', 'models=("lstm", "lstm")'), "allowed is a tuple of different names"),
        (good.replace('models=("lstm", "rmt")', 'models=("a/b",)'), "the model 'a/b': allowed are letters"),
        (good.replace('name="small"', 'name="../x"'), "the name '../x': allowed are letters"),
        (good.replace('{"best": config}', "{}"), "has no preset"),
        (good.replace('{"best": config}', '{"best": lambda model: None}'), "gives a NoneType"),
    ):
        assert wrong != good
        file = tmp_path / "mine.py"
        file.write_text(wrong)
        assert main(["run", f"{file}:small", "--runs", str(tmp_path / "runs")]) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_damaged_table_of_what_was_played_is_played_again(whole, tmp_path, capsys):
    shutil.copytree(whole, tmp_path / "runs")
    folder = tmp_path / "runs" / "small" / "one"
    again = ["run", "--file", str(DATA / "small_study.py"), "--resume", str(folder)]
    table = folder / "lstm" / "played.csv"
    content = table.read_bytes()
    table.write_bytes(content[:-9])
    assert main(again) == 0
    assert f"warning: {table} cannot be read" in capsys.readouterr().out
    assert tables(tmp_path / "runs") == tables(whole)
    # A line less: the last seed of the last length.
    table.write_bytes(content[: content.rstrip().rindex(b"\n") + 1])
    assert main(again) == 0
    assert table.read_bytes() == content
    assert tables(tmp_path / "runs") == tables(whole)


def test_the_memory_of_another_run_is_told(whole, tmp_path, capsys):
    shutil.copytree(whole / "small" / "one" / "rmt", tmp_path / "alone")
    assert main(["memory", str(tmp_path / "alone")]) == 2
    assert "is in no study's folder: allowed is RUNS/STUDY/ID/MODEL" in capsys.readouterr().err


@pytest.mark.parametrize("none", [["--play.lengths", "none"], ["--play.lengths=none"]])
def test_none_empties_a_list(none):
    asked = [*none, "--seeds", "4"]
    config = set_fields(study.find(STUDY).config("lstm"), asked, "jaxmem run small")
    assert (config.play.lengths, config.seeds) == ((), 4)


def test_other_commands_say_what_such_a_folder_is(whole, capsys):
    assert main(["evaluate", str(whole / "small" / "one" / "rmt")]) == 2
    assert "is the run of a sequence model, part of a study" in capsys.readouterr().err
    assert main(["plot", str(whole / "small" / "one" / "rmt"), "--out", str(whole / "x.png")]) == 2
    assert "is the run of a sequence model, part of a study" in capsys.readouterr().err
    assert main(["run", "--resume", str(whole / "small" / "one"), "--checkpoint", "previous"]) == 2
    assert "a study goes on at the last checkpoint of each model" in capsys.readouterr().err


def test_what_memory_holds_is_written_beside_the_model(whole, capsys):
    model = whole / "small" / "one" / "rmt"
    assert main(["memory", str(model), "--steps", "5", "--episodes", "8"]) == 0
    assert "a swap flips" in capsys.readouterr().out
    assert [len(list(csv.DictReader((model / "memory.csv").read_text().splitlines())))] == [2]
    assert (model / "memory.png").is_file()


@pytest.mark.parametrize(
    ("model", "more", "told"),
    [
        ("lstm", [], "core is lstm: allowed is rmt with memory tokens"),
        ("rmt", ["--steps", "5", "4"], "steps are 4: allowed are 5 or more"),
        ("none", [], "no run folder at"),
    ],
)
def test_a_model_without_such_a_memory_is_told_before_anything_is_played(whole, capsys, model, more, told):
    assert main(["memory", str(whole / "small" / "one" / model), *more]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert "seed 0" not in captured.out


def test_studies_are_listed(capsys):
    assert main(["list", "studies"]) == 0
    assert "rate_tmaze_90" in capsys.readouterr().out
