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
PROGRAMS = {"jaxmem": "jaxmem.cli.main", "pytest": "pytest"}
# Trained for seconds only.
SHORT = {
    "my_experiment.py": ("--loop.episodes", "64", "--loop.eval-every", "64", "--loop.eval-episodes", "4"),
    "my_study.py": (
        *("--learn.updates", "4", "--learn.eval-every", "4", "--data.episodes", "32"),
        *("--play.episodes", "2", "--seeds", "1"),
    ),
}


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(blocks(ROOT / "README.md", "python"))))
def test_a_python_block_of_the_readme_runs(number: int):
    exec(blocks(ROOT / "README.md", "python")[number], {})


def test_the_files_of_extending_are_tested_trained_and_evaluated(tmp_path: Path):
    """Blocks of Python name the file that they belong to; then the page's commands are run, in their order."""
    for block in blocks(EXTENDING, "python"):
        head, code = block.split("\n", maxsplit=1)
        with (tmp_path / head.removeprefix("# ")).open("a", encoding="utf-8") as file:
            file.write(code)
    assert {path.name for path in tmp_path.iterdir()} == {"my_experiment.py", "test_my_experiment.py", "my_study.py"}
    for block in blocks(EXTENDING, "bash"):
        for command in block.splitlines():
            program, *arguments = shlex.split(command)
            short = SHORT[arguments[1]] if arguments[0] == "run" else ()
            words = [sys.executable, "-m", PROGRAMS[program], *arguments, *short]
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_the_core_of_extending_is_short():
    core = next(block for block in blocks(EXTENDING, "python") if "cores.register(" in block)
    assert len([line for line in core.splitlines()[1:] if line]) <= 30
