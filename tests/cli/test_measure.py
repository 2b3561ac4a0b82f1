"""`jaxmem measure`: what it prints, what it draws, and what it refuses."""

import re
from pathlib import Path

import pytest
from PIL import Image

from jaxmem.analysis.lengths import catalogue
from jaxmem.analysis.lengths.catalogue import Claim, Entry
from jaxmem.cli.main import main
from jaxmem.envs import registry

TINY = Path(__file__).parent.parent / "data" / "tiny.py"
MAZE = "ActiveTMaze-v0"


@pytest.fixture
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def measures(capsys, *arguments) -> str:
    """What the command prints."""
    status = main(["measure", *map(str, arguments)])
    output, error = capsys.readouterr()
    assert status == 0, error
    return output


def refuses(capsys, *arguments) -> str:
    """The one line with which it ends; nothing is written."""
    before = sorted(Path().iterdir())
    assert main(["measure", *map(str, arguments)]) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith("jaxmem: ")
    assert error.count("\n") == 1
    assert sorted(Path().iterdir()) == before
    return error


def table(output: str) -> dict[str, list[str]]:
    """Rows of the printed table by their first cell."""
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in output.splitlines() if line[:1] == "│"]
    return {name: cells for name, *cells in rows}


def is_picture(path: Path) -> bool:
    with Image.open(path) as image:
        return image.size[0] > 100 and len(image.convert("L").getcolors(256) or []) > 2


def test_a_maze_is_measured(capsys):
    output = measures(capsys, MAZE, "--length", 3)
    title, *_ = output.splitlines()
    assert title == f"{MAZE}: T = 6, discount 0.99, best return 0.951; 74 states, 52 beliefs"
    assert table(output) == {
        "reward memory m_R": ["5", "exact", ""],
        "transition memory m_T": ["6", "exact", ""],
        "value memory l_value": ["5", "exact", ""],
        "policy memory l_mem": ["5", "exact", "5"],
        "policy memory, ties drawn": ["5", "exact", ""],
        "credit assignment c": ["6", "exact", "6"],
        "m = max(m_R, m_T)": ["6", "exact", ""],
    }
    for lines in (
        "\nreward memory m_R = 5\n  share the last 4 observations:\n    [0 0] ",
        "\ntransition memory m_T = 6\n  share the last 5 observations:\n    [0 0] ",
        "    [0 0] 2:[0 -1] 0: | [0 0] 0:[0 0] 0:[0 0] 0:[1 0]  =>  the policy takes action 3\n",
        "\ncredit assignment c = 6\n  after  [0 0]  the best action is 2:\n",
    ):
        assert lines in output
    assert "what hangs on that action, by discount: 0.295 at 0.9, 0.475 at 0.99, 0.498 at 0.999, 0.5 at 1\n" in output
    assert "replayed in the environment (every layout): 11 of 11 of these histories were met\n" in output
    path = Path(f"lengths-{MAZE}.png")
    assert f"picture: {path}\n" in output
    assert is_picture(path)
    assert "draws" not in output


def test_options_of_the_command_and_of_the_environment(capsys):
    options = ("--length", 2, "--penalty", 0, "--discount", 1, "--out", "mine.svg")
    output = measures(capsys, "PassiveTMaze-v0", *options)
    assert output.startswith("PassiveTMaze-v0: T = 3, discount 1, best return 1;")
    assert table(output)["credit assignment c"] == ["3", "exact", "3"]
    assert "<svg" in Path("mine.svg").read_text()
    assert [path.name for path in Path().iterdir()] == ["mine.svg"]


def test_what_was_drawn_is_told(capsys):
    output = measures(capsys, "MemoryChain-bsuite", "--memory-length", 2)
    assert "\nrandom outcomes were found by 16384 draws each: those much rarer than 0.0002 can be missing, " in output
    assert "(4096 random episodes): " in output
    played, of = re.findall(r"(\d+) of (\d+) of these", output)[0]
    assert played == of
    assert Path("lengths-MemoryChain-bsuite.png").exists()


def test_help(capsys):
    assert "--max-beliefs" in measures(capsys, "--help")
    with pytest.raises(SystemExit) as done:
        main(["measure", MAZE, "--help"])
    assert done.value.code == 0
    output = capsys.readouterr().out
    assert "--discount" in output
    assert "--oracle-distance" in output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give one environment, or --all, or --run FOLDER"),
        (["nosuch"], "unknown environment 'nosuch'"),
        (["ActiveTMaze"], "did you mean 'ActiveTMaze-v0'"),
        ([MAZE, "--all"], "give one environment, or --all, or --run FOLDER"),
        ([MAZE, "--run", "folder"], "give one environment, or --all, or --run FOLDER"),
        (["--all", "--run", "folder"], "give one environment, or --all, or --run FOLDER"),
        (["--length", "3"], "give one environment, or --all, or --run FOLDER"),
        (["--all", "--length", "3"], "unknown argument '--length': options of an environment need its id first"),
        (["--run", "folder", "--length", "3"], "unknown argument '--length'"),
        ([MAZE, "--length", "1", "--discount", "0"], "'0' is not a number above 0, and at most 1"),
        ([MAZE, "--length", "1", "--discount", "2"], "'2' is not a number above 0, and at most 1"),
        ([MAZE, "--length", "1", "--discount", "nan"], "'nan' is not a number above 0, and at most 1"),
        ([MAZE, "--discount", "banana"], "'banana' is not a number above 0, and at most 1"),
        ([MAZE, "--discount"], "argument --discount: expected one argument"),
        ([MAZE, "--lenght", "3"], "unknown field 'lenght' (did you mean 'length'?)"),
        ([MAZE, "--length", "0"], "env.length is 0: allowed is an integer from 1"),
        ([MAZE, "3"], "Unrecognized options: 3"),
        ([MAZE, "--out", "nosuch/x.png"], "--out is 'nosuch/x.png': allowed is a file in a folder that exists"),
        (["--all", "--out", "nosuch/x.md"], "--out is 'nosuch/x.md': allowed is a file in a folder that exists"),
        ([MAZE, "--out", "x.txt"], "--out is 'x.txt': allowed are files that end in .png, .pdf or .svg"),
        ([MAZE, "--length", "1", "--max-beliefs", "5"], "more than 5 beliefs can be reached, after 2 of 4 steps"),
        ([MAZE, "--max-beliefs", "0"], "'0' is not an integer >= 1"),
        ([MAZE, "--file", "nosuch.py"], "no experiment file at nosuch.py"),
        (["Pendulum-v1"], "has actions that are no integers: it cannot be written out"),
        (["KeyToDoor-v0"], "cannot be written out: num_apples is 10"),
        (["UmbrellaLength-v0"], "distractors is 20: allowed are at most 8"),
        (["--run", "nosuch"], "no run folder at nosuch"),
        (["--run", "nosuch", "--windows", "0"], "'0' is not an integer >= 1"),
    ],
)
def test_wrong_arguments(arguments, says, capsys):
    assert says in refuses(capsys, *arguments)


def test_a_picture_that_cannot_be_written_is_one_line(capsys):
    Path("folder.png").mkdir()
    assert main(["measure", "PassiveTMaze-v0", "--length", "1", "--out", "folder.png"]) != 0
    error = capsys.readouterr().err
    assert error.startswith("jaxmem: ")
    assert "folder.png" in error
    assert error.count("\n") == 1


USERS = """
import jax.numpy as jnp
from gymnax.environments import spaces
from gymnax.environments.environment import Environment, EnvParams

from jaxmem import envs


class Mine(Environment):
    name = "Mine"

    def __init__(self, steps: int = 4):
        super().__init__()
        self.steps = steps

    @property
    def default_params(self):
        return EnvParams(max_steps_in_episode=self.steps)

    def action_space(self, params=None):
        return spaces.Discrete(2)

    def as_pomdp(self, params):
        def step(state, action):
            cue, time = state
            last = time + 1 == self.steps
            return [(1.0, (cue, time + 1), "nothing", last and action == cue, last)]

        begin = [(0.5, (cue, 0), f"cue {cue}") for cue in range(2)]
        return envs.FinitePOMDP.from_rules(begin, step, 2, self.steps)


class Cells(envs.TMaze):
    def _observe(self, *arguments):
        obs = super()._observe(*arguments)
        return {"junction": obs[0] == 1, "cue": obs[1:]}


envs.register("Mine/Recall-v0", Mine)
envs.register("[/Mine]-v0", Mine)
envs.register("Cells-v0", Cells)
"""


@pytest.mark.usefixtures("own_registry")
def test_a_users_environment(capsys):
    assert "unknown environment 'Mine/Recall-v0'" in refuses(capsys, "Mine/Recall-v0")
    Path("mine.py").write_text(USERS)
    output = measures(capsys, "Mine/Recall-v0", "--file", "mine.py", "--steps", 3)
    assert output.startswith("Mine/Recall-v0: T = 3, discount 0.99, best return 0.9801; ")
    assert table(output)["reward memory m_R"] == ["3", "exact", ""]
    assert "    cue 0 0: | nothing 0:nothing  =>  action 0 is expected to pay 1\n" in output
    # Observations that are words cannot be looked for in episodes.
    assert "replayed" not in output
    assert is_picture(Path("lengths-Mine_Recall-v0.png"))


@pytest.mark.usefixtures("own_registry")
def test_names_are_no_markup(capsys):
    Path("mine.py").write_text(USERS)
    output = measures(capsys, "[/Mine]-v0", "--file", "mine.py", "--out", "mine.png")
    assert output.startswith("[/Mine]-v0: T = 4, ")


@pytest.mark.usefixtures("own_registry")
def test_observations_of_several_arrays(capsys):
    Path("mine.py").write_text(USERS)
    found = table(measures(capsys, "Cells-v0", "--file", "mine.py", "--length", 2))
    plain = table(measures(capsys, "PassiveTMaze-v0", "--length", 2, "--penalty", -0.1))
    assert {name: cells[:2] for name, cells in found.items()} == {name: cells[:2] for name, cells in plain.items()}
    assert is_picture(Path("lengths-Cells-v0.png"))


def test_all_tasks_on_a_page(capsys, monkeypatch):
    measurable = Entry("PassiveTMaze-v0", {"length": 2}, Claim("T", "T", "1"), "here | there")
    monkeypatch.setattr(catalogue, "entries", lambda: [measurable, Entry("Pendulum-v1", {})])
    assert measures(capsys, "--all", "--out", "page.md") == "written to page.md\n"
    page = Path("page.md").read_text()
    assert "\n| PassiveTMaze-v0, length 2 [1] | 3 | 3 | 3 | 3 | 3 | 3 | 1 | T, T, 1 | 3, 1 |\n" in page
    assert "\n1. Here | there.\n" in page
    assert "\n| Pendulum-v1 | environment 'Pendulum-v1' has actions that are no integers: it cannot" in page
    # Each table has a head, a rule and rows of as many cells.
    for block in page.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1, block
    assert measures(capsys, "--all") == page + "\n"


@pytest.fixture
def run(tmp_path) -> Path:
    """One iteration of training."""
    runs = tmp_path / "runs"
    options = ["--id", "one", "--core", "mlp", "--seeds", 1, "--loop.episodes", 8]
    assert main(list(map(str, ["run", TINY, "--runs", runs, *options]))) == 0
    return runs / "tiny" / "one"


FEW = ("--episodes", 4, "--times", 0, "--windows", 2, 1)
WRONG_BESIDE_A_RUN = [
    (("--out", "x.txt"), "allowed are files that end in .png, .pdf or .svg"),
    (("--out", "nosuch/x.png"), "allowed is a file in a folder that exists"),
    (("--episodes", 1), "episodes is 1: allowed is an integer >= 2"),
]


def test_a_run_is_estimated(run, capsys):
    output = measures(capsys, "--run", run, *FEW)
    assert "greedy episodes with the latest steps alone" in output
    assert list(table(output)) == ["1", "2", "all", "0"]
    assert "\nmemory length of what this agent uses: " in output
    assert "\ncredit-assignment length: " in output
    assert f"\npicture: {run / 'lengths.png'}\n" in output
    assert is_picture(run / "lengths.png")
    # One run for all, since training one takes longest.
    for arguments, says in WRONG_BESIDE_A_RUN:
        assert says in refuses(capsys, "--run", run, *FEW, *arguments)
