"""What docs/datasets.md shows runs as it stands there."""

import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import jaxmem
from jaxmem.cli.main import main

PAGE = (Path(jaxmem.__file__).parents[1] / "docs" / "datasets.md").read_text(encoding="utf-8")
# Whoever has no trained run, and no time.
SKIPPED = ("runs/passive_tmaze/",)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_commands_and_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    flat = {name: np.zeros(4, np.float32) for name in ("observations", "actions", "rewards")}
    np.savez("hopper.npz", allow_pickle=False, terminals=np.array([0, 1, 0, 1]), **flat)
    for block in blocks("bash"):
        for line in block.splitlines():
            program, *arguments = shlex.split(line, comments=True)
            assert program == "jaxmem"
            if not any(word in line for word in SKIPPED):
                assert main(arguments) == 0, capsys.readouterr()
    for block in blocks("python"):
        exec(block, {})
    assert os.listdir("data")


@pytest.mark.parametrize("word", ["array_record", "SHA-256", "JMT1", "timeouts"])
def test_the_page_says_what_the_format_is(word):
    assert word in PAGE
