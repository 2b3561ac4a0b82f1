"""Training inside a notebook; needs IPython, which every notebook has."""

from dataclasses import dataclass
from pathlib import Path

from IPython.display import display, update_display

from jaxmem.training.folder import RunFolder
from jaxmem.training.options import RunConfig
from jaxmem.training.progress import Display
from jaxmem.training.train import start


@dataclass
class OneLine(Display):
    """A run's progress, in one line that is written anew."""

    label: str = ""

    def say(self, text: str) -> None:
        """Put `text` in place of the last one."""
        update_display(_line(self.label, text), raw=True, display_id=self.label)


def train(config: RunConfig, path: Path, experiment: str, label: str) -> RunFolder:
    """Train all seeds of a configuration to its end; everything is in the folder afterwards.

    Args:
        config: what is trained.
        path: where the run's folder is made.
        experiment: the name that the folder keeps.
        label: what the line of its progress begins with; one that no other run of the notebook has.

    Raises:
        ConfigError: as `start`, or because there is a run at `path`.
    """
    folder = RunFolder.create(path, experiment, "best", config)
    display(_line(label, "compiling"), raw=True, display_id=label)
    progress = OneLine(config.loop.iterations, label=label)
    last = start(config, folder, progress)[-1]
    progress.say(f"{last['wall_s']:.0f} s, {last['env_steps']:,} env steps and {last['updates']:,} updates a seed")
    return folder


def _line(label: str, text: str) -> dict[str, str]:
    return {"text/plain": f"{label} | {text}"}
