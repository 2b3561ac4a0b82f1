"""`jaxmem sweep`: to the end, stopped, killed wherever it writes, gone on with; always the same table."""

import csv
import itertools
import signal
import sys
from pathlib import Path

import pytest
from support import share_programs

from jaxmem.cli import cells as cells_command
from jaxmem.cli.main import main
from jaxmem.sweep import cells
from jaxmem.sweep import folder as sweep_folder
from jaxmem.sweep.folder import SweepFolder
from jaxmem.training import checkpoint, folder, train
from jaxmem.training.folder import RunFolder

DATA = Path(__file__).parent.parent / "data"
SWEEP = ["sweep", str(DATA / "pair.py") + ":pair_{1,2}", "--seeds", "2"]
CELLS = ["pair_1-best-mlp-ddqn", "pair_2-best-mlp-ddqn"]


class Killed(BaseException):
    """The process is gone: nothing that follows is done."""


@pytest.fixture(autouse=True)
def compiled_once(monkeypatch):
    share_programs(monkeypatch)


def sweep(runs: Path, *more: str) -> int:
    return main([*SWEEP, "--runs", str(runs), *more])


def only(runs: Path) -> SweepFolder:
    (path,) = (runs / "sweeps").iterdir()
    return SweepFolder(path)


def tables(runs: Path) -> tuple[bytes, bytes]:
    found = only(runs)
    return found.table_csv.read_bytes(), found.table_markdown.read_bytes()


def states(runs: Path) -> list[str]:
    return [row["state"] for row in csv.DictReader(only(runs).table_csv.read_text().splitlines())]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture
def unbroken(whole) -> Path:
    """A sweep that was never stopped; any test may begin with it, in the fixtures of a test."""
    if not (whole / "sweeps").exists():
        assert sweep(whole) == 0
    return whole


def test_a_sweep_is_a_table_and_a_run_folder_for_each_cell(unbroken, capsys):
    found = only(unbroken)
    assert [run.path.name for run in found.runs()] == CELLS
    rows = list(csv.DictReader(found.table_csv.read_text().splitlines()))
    for row, run, name in zip(rows, found.runs(), ("pair_1", "pair_2"), strict=True):
        last = run.read_metrics()[-2:]
        assert list(row.values())[:5] == [name, "best", "mlp", "ddqn", "2"]
        assert float(row["greedy return"]) == pytest.approx(sum(r["eval/return"] for r in last) / 2, rel=1e-3)
        assert float(row["env steps"]) == last[0]["env_steps"]
        assert float(row["CI low"]) <= float(row["greedy return"]) <= float(row["CI high"])
        # No bound is set that could be reached.
        assert row["seeds solved"] == ""
        assert row["state"] == "done"
        assert run.curve.exists()
    # Each has its own seed.
    losses = [[row["train/loss"] for row in run.read_metrics()[-2:]] for run in found.runs()]
    assert losses[0] != losses[1]
    assert "wall" not in found.table_csv.read_text()
    assert found.table_markdown.read_text().count("\n| ") == 3
    # Each is an ordinary run.
    before = tables(unbroken)
    assert main(["run", "--resume", str(found.runs()[0].path)]) == 0
    assert sweep(unbroken) == 0
    output = capsys.readouterr().out
    assert "finished before: 2 of 2 cells" in output
    assert tables(unbroken) == before


def test_seeds_that_reach_the_bound_are_counted(tmp_path):
    # Every return reaches it, in the second evaluation in a row.
    assert sweep(tmp_path, "--loop.stop-return=-9", "--loop.stop-evals", "2", "--core", "mlp") == 0
    rows = list(csv.DictReader(only(tmp_path).table_csv.read_text().splitlines()))
    assert [row["seeds solved"] for row in rows] == ["2", "2"]


@pytest.mark.parametrize(
    ("chunk", "last"), [(4, "open"), (6, "open"), (8, "done")], ids=["at an end", "amidst", "at the end of all"]
)
def test_stopped_and_gone_on_with(chunk, last, unbroken, tmp_path, capsys, monkeypatch):
    original, count = train._Session._chunk, [0]

    def counted(self):
        original(self)
        count[0] += 1
        if count[0] == chunk:
            signal.raise_signal(signal.SIGINT)

    # One iteration a call: four calls a cell.
    monkeypatch.setattr(train, "_CALL_SECONDS", 0.0)
    monkeypatch.setattr(train._Session, "_chunk", counted)
    assert sweep(tmp_path) == (130 if last == "open" else 0)
    said = "go on with the same command: jaxmem sweep" if last == "open" else "sweep folder: "
    assert said in capsys.readouterr().out.splitlines()[-1]
    assert states(tmp_path) == ["done", last]
    assert sweep(tmp_path) == 0
    assert count[0] == 8
    assert tables(tmp_path) == tables(unbroken)


def test_the_end_is_expected_after_all_steps_that_are_played(tmp_path, monkeypatch):
    class Expected(cells.Cells):
        def train(self):
            # 2500 unrolls of 32 steps in 128 rows; 8000 episodes and 32 random ones of at most 21 steps.
            assert self.steps == [10_240_000, 8032 * 21]
            raise KeyboardInterrupt

    monkeypatch.setattr(cells_command, "Cells", Expected)
    assert main(["sweep", "minatar_breakout", "quickstart", "--runs", str(tmp_path)]) == 130


def test_killed_wherever_it_writes(unbroken, tmp_path, monkeypatch):
    """Death in the midst of every write and before every folder and checkpoint that is made."""
    left = [0]

    def dies(function, half):
        def wrapped(*arguments, **options):
            left[0] -= 1
            if left[0] == 0:
                half(*arguments)
                raise Killed
            return function(*arguments, **options)

        return wrapped

    def part(path, content):
        path.with_name(path.name + ".part").write_text(content[: len(content) // 2])

    def half_a_row(run, rows):
        with run.metrics_file.open("a") as file:
            file.write(str(rows[0]["seed"]) + ",1")

    for module in (folder, sweep_folder, sys.modules["jaxmem.analysis.tables"]):
        monkeypatch.setattr(module, "write_atomically", dies(folder.write_atomically, part))
    monkeypatch.setattr(RunFolder, "append_metrics", dies(RunFolder.append_metrics, half_a_row))
    monkeypatch.setattr(checkpoint.Checkpoints, "save", dies(checkpoint.Checkpoints.save, lambda *_: None))
    monkeypatch.setattr(cells, "finished_rows", dies(cells.finished_rows, lambda *_: None))
    # Pictures take longer than all the rest.
    monkeypatch.setattr(cells_command, "draw_run", lambda run: None)
    # The second cell writes as the first does.
    for point in itertools.chain(range(1, 18), range(18, 100, 4)):
        runs = tmp_path / str(point)
        left[0] = point
        try:
            assert sweep(runs) == 0
        except Killed:
            left[0] = 0
            assert sweep(runs) == 0
            assert tables(runs) == tables(unbroken), point
        else:
            break
    # sweep.json, the tables three times, and of each cell: config.json, its rows and checkpoints, and reading them.
    assert point > 30


def test_a_failed_cell_is_told_and_tried_again(unbroken, tmp_path, capsys, monkeypatch):
    original = cells.start

    def full(config, *arguments):
        if config.seed == 1:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory\nand much more")
        return original(config, *arguments)

    monkeypatch.setattr(cells, "start", full)
    assert sweep(tmp_path) == 1
    output = capsys.readouterr().out
    assert f"failed: {CELLS[0]}: out of device memory: RESOURCE_EXHAUSTED: Out of memory\n" in output
    assert "1 of 2 cells failed" in output
    assert states(tmp_path) == ["failed", "done"]
    monkeypatch.setattr(cells, "start", original)
    assert sweep(tmp_path) == 0
    assert tables(tmp_path) == tables(unbroken)
    # A finished run whose rows are gone cannot be told.
    rows = only(tmp_path).runs()[1].metrics_file
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:-1]))
    assert sweep(tmp_path) == 1
    assert "has lost 1 of its 6 rows" in capsys.readouterr().out
    assert states(tmp_path) == ["done", "failed"]


def fails(arguments: list[str], capsys) -> str:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("jaxmem: ")
    assert error.count("\n") == 1, error
    return error


def test_a_folder_of_another_sweep_or_of_something_else_is_refused(tmp_path, capsys):
    here = ["--runs", str(tmp_path), "--id", "mine"]
    mine = SweepFolder(tmp_path / "sweeps" / "mine")
    mine.path.mkdir(parents=True)
    (mine.path / "letter.txt").write_text("dear")
    assert "is not a sweep folder: it holds 'letter.txt'" in fails([*SWEEP, *here], capsys)
    (mine.path / "letter.txt").unlink()
    with folder.locked(mine.path, "sweep folder"):
        assert "is in use by another process" in fails([*SWEEP, *here], capsys)
    # What a sweep leaves that is killed at its very beginning.
    (mine.path / "sweep.json.part").write_text('{"half')
    assert sweep(tmp_path, "--id", "mine") == 0
    before = mine.record_file.read_bytes()
    assert "cores were none, now mlp lstm" in fails([*SWEEP, *here, "--core", "mlp", "lstm"], capsys)
    assert "fields were --seeds 2, now --loop.keep 2 --seeds 2" in fails([*SWEEP, *here, "--loop.keep", "2"], capsys)
    assert mine.record_file.read_bytes() == before
    mine.record_file.write_text(before.decode().replace('"batch_size": 4', '"batch_size": 5', 1))
    assert f"in {CELLS[0]}, config.agent.batch_size was 5, now 4" in fails([*SWEEP, *here], capsys)
    mine.record_file.write_text("[]")
    assert "cannot be read" in fails([*SWEEP, *here], capsys)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--core", "mlp", "nosuch"], "pair_1 core nosuch: core.name is 'nosuch'"),
        (["--preset", "best", "paper"], "pair_1 preset paper: unknown preset of pair_1"),
        (["--agent", "nosuch"], "unknown agent 'nosuch'"),
        (["--core"], "--core: expected at least one argument"),
        (["--seeds", "0"], "'0' is not an integer >= 1"),
        (["--agent.discount", "2"], "agent.discount is 2"),
        (["--agent.discuont", "0.9"], "unknown field 'agent.discuont' (did you mean 'agent.discount'?)"),
        (["--id", "a/b"], "--id is 'a/b'"),
        (["--file", "nosuch.py"], "no experiment file at nosuch.py"),
        (["--core", "gpt", "--core.heads", "3"], "pair_1 core gpt: core.heads is 3"),
    ],
)
def test_every_cell_is_built_before_anything_is_written(more, says, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert says in fails([*SWEEP, *more], capsys)
    assert list(tmp_path.iterdir()) == []


def test_wrong_names(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pair = str(DATA / "pair.py")
    assert "no experiment given" in fails(["sweep"], capsys)
    assert "unknown experiment 'nosuch_1'" in fails(["sweep", "nosuch_{1,2}"], capsys)
    tiny = str(DATA / "tiny.py")
    assert "2 cells would be called tiny-best-gpt-ddqn" in fails(["sweep", tiny, f"{tiny}:tiny"], capsys)
    assert "unknown experiment in" in fails(["sweep", pair], capsys)
    assert list(tmp_path.iterdir()) == []
    assert main(["sweep", "--help"]) == 0
    assert "same command finds its folder again" in " ".join(capsys.readouterr().out.split())
