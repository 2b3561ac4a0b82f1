"""The documents' code: every block runs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import jaxmem

ROOT = Path(jaxmem.__file__).parents[1]
EXTENDING = ROOT / "docs" / "extending.md"
LOOKING = ROOT / "docs" / "looking.md"
PROGRAMS = {"jaxmem": ["-m", "jaxmem.cli.main"], "pytest": ["-m", "pytest"], "python": []}
# Trained for seconds only.
SHORT = {
    "my_experiment.py": ("--loop.episodes", "64", "--loop.eval-every", "64", "--loop.eval-episodes", "4"),
    "my_study.py": (
        *("--learn.updates", "4", "--learn.eval-every", "4", "--data.episodes", "32"),
        *("--play.episodes", "2", "--seeds", "1"),
    ),
    "my_look.py": (
        *("--loop.unroll", "8", "--loop.collect", "8", "--loop.episodes", "16", "--loop.eval-every", "16"),
        *("--loop.eval-episodes", "4"),
    ),
}


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(blocks(ROOT / "README.md", "python"))))
def test_a_python_block_of_the_readme_runs(number: int):
    exec(blocks(ROOT / "README.md", "python")[number], {})


def write_files(path: Path, folder: Path) -> set[str]:
    """Write a document's blocks of Python to the files that they name at their head; gives the files' names."""
    for block in blocks(path, "python"):
        head, code = block.split("\n", maxsplit=1)
        with (folder / head.removeprefix("# ")).open("a", encoding="utf-8") as file:
            file.write(code)
    return {path.name for path in folder.iterdir()}


def run_commands(block: str, folder: Path) -> None:
    """Run a block's commands, in their order."""
    for command in block.splitlines():
        program, *arguments = shlex.split(command)
        short = SHORT[arguments[1]] if arguments[0] == "run" else ()
        words = [sys.executable, *PROGRAMS[program], *arguments, *short]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_the_files_of_extending_are_tested_trained_and_evaluated(tmp_path: Path):
    assert write_files(EXTENDING, tmp_path) == {"my_experiment.py", "test_my_experiment.py", "my_study.py"}
    for block in blocks(EXTENDING, "bash"):
        run_commands(block, tmp_path)


def test_the_files_of_looking_are_tested_trained_and_looked_at(tmp_path: Path):
    """The first block of commands takes minutes."""
    assert write_files(LOOKING, tmp_path) == {"my_look.py", "test_my_look.py", "look_at_it.py"}
    run_commands(blocks(LOOKING, "bash")[1], tmp_path)


def test_the_core_of_extending_is_short():
    core = next(block for block in blocks(EXTENDING, "python") if "cores.register(" in block)
    assert len([line for line in core.splitlines()[1:] if line]) <= 30


def test_the_core_of_looking_is_short():
    """Its class, up to its registration."""
    core = next(block for block in blocks(LOOKING, "python") if "cores.register(" in block)
    core = core.split("class Glance(LookingCore):", maxsplit=1)[1].split("cores.register(", maxsplit=1)[0]
    assert len([line for line in core.splitlines() if line]) <= 25
