"""What commands that train share: options, from them to a configuration, and the process they train in."""

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from jaxmem import agents
from jaxmem.analysis.curves import draw_curves
from jaxmem.cli.arguments import Parser, set_fields
from jaxmem.config import ConfigError
from jaxmem.experiment import Choice, Experiment
from jaxmem.training.folder import RunFolder
from jaxmem.training.loop import Program
from jaxmem.training.options import RunConfig

FIELDS = """Any field of the configuration is set by its dotted name, as in --seeds 4 --env.length 20
--agent.discount 0.999; `jaxmem run EXPERIMENT --help` lists them."""

# Of a reward, as a share, after discounting.
_LITTLE_LEFT = 0.01


def add_choices(parser: Parser, several: bool) -> None:
    """Let a command choose presets, cores and agents, one or several of each."""
    nargs: dict[str, Any] = {"nargs": "+", "action": "extend"} if several else {}
    parser.add_argument(
        "--preset",
        help="which settings: best (the default), paper, the published ones, or others that `jaxmem list` shows",
        **nargs,
    )
    parser.add_argument("--core", help="the memory core, one that `jaxmem list` shows", **nargs)
    parser.add_argument(
        "--agent",
        help="the algorithm, one that `jaxmem list agents` shows: the preset made for it, else that of --preset or the "
        "default one, whose fields are kept where both algorithms have them",
        **nargs,
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders are made (default: runs)")


def configure(
    experiment: Experiment, preset: str | None, core: str | None, agent: str | None, fields: list[str], prog: str
) -> tuple[Choice, Program]:
    """The configuration that was chosen, and its program: what does not fit together is refused before it is run.

    Args:
        experiment: where the configuration comes from.
        preset: one of its presets; None for the first one with that algorithm, else the default.
        core: name of a core; None for the experiment's first.
        agent: name of another algorithm; None for the preset's own.
        fields: the command line's words that set fields.
        prog: what the help calls the command.

    Raises:
        ConfigError: for unknown names, wrong values, and what does not fit together.
        SystemExit: with status 0, after the help that `fields` ask for was printed.
    """
    if preset is None:
        preset = experiment.default_preset if agent is None else experiment.preset_with(agent)
    config = experiment.config(preset, core)
    if agent is not None and agent != config.agent.name:
        exchanged = replace(config, agent=agents.exchange(config.agent, agent))
        made_for = config.agent.name
        print(f"note: preset {preset} of {experiment.name} is made for {made_for}, not {agent}", file=sys.stderr)
        config = exchanged
    config = set_fields(config, fields, prog)
    return Choice(experiment.name, preset, config), Program(config)


def warn_of_discount(config: RunConfig) -> None:
    """Say on stderr where the discount leaves next to nothing of the reward that tells the decisive action from others.

    That reward comes as many steps later as the task's credit length says; what is left of it is all that hangs on the
    action, and little against noise, the approximation's errors and a penalty on the way.
    """
    discount = getattr(config.agent, "discount", None)
    try:
        credit_length = config.env.spec().credit_length
    except ConfigError:
        # What is wrong with the environment is told where it is made.
        return
    if discount is None or credit_length is None or discount ** (credit_length - 1) >= _LITTLE_LEFT:
        return
    left, enough = discount ** (credit_length - 1), 1 - 1 / credit_length
    print(
        f"warning: agent.discount {discount:g} leaves {left:.2g} of the reward that tells a right action from a "
        f"wrong one, {credit_length - 1} steps later: --agent.discount 1, or at least {enough:.4g}, keeps it",
        file=sys.stderr,
    )


def check_id(run_id: str) -> str:
    """The name of a folder as it is; raises `ConfigError` for one that could be a path or a flag."""
    if not re.fullmatch(r"\w[\w.+=@-]*", run_id):
        raise ConfigError(f"--id is {run_id!r}: allowed are letters, digits and . _ + = @ -, a letter or digit first")
    return run_id


def prepare_process() -> None:
    """Make this process ready to train: compiled programs are kept, and late errors of writers are not repeated."""
    # Unless the user has said where or switched it off.
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(home / "jaxmem"))
    sys.unraisablehook = _quiet_about_closed_loops


def _quiet_about_closed_loops(unraisable: Any) -> None:
    """After a save that the disk refused, Orbax's writers call back, many times, into loops that are closed."""
    if "Event loop is closed" not in str(unraisable.exc_value):
        sys.__unraisablehook__(unraisable)


def draw_run(folder: RunFolder) -> None:
    """Draw a run's learning curve into its folder; a disk that refuses it is told."""
    try:
        draw_curves({folder.label(): folder.read_metrics()}, folder.curve)
    except OSError as error:
        print(f"warning: {folder.curve} not drawn: {error.strerror or error}", file=sys.stderr)
