"""Entry point: picks the command, and turns everything a user can get wrong into one line."""

import importlib
import sys
from typing import NamedTuple

from jaxmem import __version__
from jaxmem.config import ConfigError, lookup
from jaxmem.failures import known_failure


class Command(NamedTuple):
    """A command's module, whose `main(arguments) -> exit status` runs it, and its line in the help."""

    module: str
    help: str


COMMANDS = {
    "run": Command("jaxmem.cli.run", "train an experiment, or resume a run"),
    "sweep": Command("jaxmem.cli.sweep", "train experiments with several cores, presets or agents, one after another"),
    "ablation": Command("jaxmem.cli.ablation", "train a recipe beside what it is without each of its parts"),
    "list": Command("jaxmem.cli.list", "show experiments, environments, cores and agents"),
    "collect": Command("jaxmem.cli.collect", "write episodes of a policy or a run as a dataset, or look at one"),
    "evaluate": Command("jaxmem.cli.evaluate", "play greedy episodes with a trained run"),
    "plot": Command("jaxmem.cli.plot", "draw the learning curves of runs and sweeps, and compare them"),
    "report": Command("jaxmem.cli.report", "write one HTML page about runs: scores, curves, where agents look"),
    "look": Command("jaxmem.cli.look", "where a trained agent looks, beside what matters to it"),
    "memory": Command("jaxmem.cli.memory", "what the memory of a sequence model holds, and what exchanging it does"),
    "measure": Command("jaxmem.cli.measure", "memory and credit-assignment lengths of a task, exact or estimated"),
    "render": Command("jaxmem.cli.render", "draw an episode of an environment as GIF or PNG"),
    "bench": Command("jaxmem.cli.bench", "measure environments, cores and their memory"),
}


def usage() -> str:
    """The help text of `jaxmem` itself."""
    lines = [f"jaxmem {__version__}: does the agent remember, and does it assign credit?", ""]
    lines += ["usage: jaxmem COMMAND ...   (each command has --help)", ""]
    lines += [f"  {name:<10}{command.help}" for name, command in COMMANDS.items()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 done, 2 wrong input, 1 failed on the way, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"jaxmem {__version__}")
        return 0
    try:
        command = lookup(COMMANDS, arguments[0], "command")
        return importlib.import_module(command.module).main(arguments[1:])
    except ConfigError as error:
        return _fail(str(error), 2)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; nothing is left to tell it.
        sys.stderr.close()
        return 1
    except OSError as error:
        return _fail(f"{error.filename or 'the disk'}: {error.strerror or error}", 1)
    except RuntimeError as error:
        meaning = known_failure(error)
        if meaning is None:
            raise
        return _fail(meaning, 1)


def _fail(message: str, status: int) -> int:
    print(f"jaxmem: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
