"""The notebooks: each one runs from top to bottom, and the outputs that are kept in it can be published."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
BADGE = "https://colab.research.google.com/github/jaxmem/jaxmem/blob/main/notebooks/"

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


class ThisInterpreter(AsyncKernelManager):
    """Starts the interpreter that runs the tests, whatever kernels are installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    assert NOTEBOOKS


# What it runs is much like the files of docs/extending.md, which are always run.
SLOW = "02_bring_your_own_core"


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] * (path.stem == SLOW), id=path.stem) for path in NOTEBOOKS],
)
def test_notebook_runs(tmp_path, monkeypatch, path):
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    work = tmp_path / "work"
    work.mkdir()
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(work)}}
    client = NotebookClient(notebook, resources=resources, kernel_manager_class=ThisInterpreter, timeout=300)
    # Raises with the cell and its traceback where one fails.
    client.execute(env=os.environ | {"JAXMEM_NOTEBOOK_QUICK": "1"})
    errors = [o for cell in notebook.cells for o in cell.get("outputs", []) if o.get("name") == "stderr"]
    assert errors == []


@each_notebook
def test_kept_outputs(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert {output.output_type for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert all(output.get("name") != "stderr" for output in outputs)
    assert path.stat().st_size < 1_000_000


@each_notebook
def test_nothing_of_the_machine_is_kept(path):
    # Pictures are letters and slashes at random.
    text = re.sub(r'"image/png": "[^"]*"', "", path.read_text(encoding="utf-8"))
    assert (
        re.findall(r"(?<![\w:/.])/(?:home|Users|root|tmp|work|content|opt|usr|var|mnt|private)\b[^\"\s]*", text) == []
    )
    assert not re.search(r"[A-Z]:\\\\", text)
    assert "\\u001b" not in text


@each_notebook
def test_badge_opens_this_notebook(path):
    assert re.findall(re.escape(BADGE) + r"([^)\s]*)\)", path.read_text(encoding="utf-8")) == [path.name]
