"""`jaxmem plot`: learning curves of one run or several in one picture."""

from pathlib import Path

from jaxmem.analysis.curves import Rows, draw_curves
from jaxmem.cli.arguments import Parser
from jaxmem.config import ConfigError
from jaxmem.training.folder import RunFolder


def main(arguments: list[str]) -> int:
    """Run the command; see `jaxmem plot --help`."""
    parser = Parser("plot", "Draw the learning curves of one run or several into one picture.")
    parser.add_argument("runs", nargs="+", type=Path, help="run folders")
    parser.add_argument("--out", type=Path, help="PNG, PDF or SVG (default: curve.png in the first run's folder)")
    options = parser.parse_args(arguments)
    folders = [RunFolder.open(path) for path in options.runs]
    path = options.out or folders[0].curve
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise ConfigError(f"--out is {str(path)!r}: allowed are files that end in .png, .pdf or .svg")
    draw_curves(labelled(folders), path)
    print(path)
    return 0


def labelled(folders: list[RunFolder]) -> dict[str, Rows]:
    """The metrics of runs by label: experiment and core, and the folder where those are not unique."""
    names = [folder.label() for folder in folders]
    return {
        f"{name} ({folder.path})" if names.count(name) > 1 else name: folder.read_metrics()
        for name, folder in zip(names, folders, strict=True)
    }
