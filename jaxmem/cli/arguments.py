"""Command-line parsing whose errors are one line."""

import argparse
import contextlib
import io
import itertools
import re
from pathlib import Path
from typing import NoReturn

import tyro

from jaxmem.cli.fields import check_fields, spell_none
from jaxmem.config import ConfigError, ConfigT

_HELP = ("-h", "--help")

_FIXED = {
    "--core.name": "choose a core with --core NAME",
    "--env.id": "it is part of the experiment",
    "--id": "the environment comes first",
    "--agent.name": "choose an agent with --agent NAME",
}


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `ConfigError` where argparse prints usage and exits."""

    def __init__(self, prog: str, description: str) -> None:
        """A parser for `prog` without abbreviations, so that a typo is never taken for something else."""
        super().__init__(prog=f"jaxmem {prog}", description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise the message as one line."""
        raise ConfigError(f"{message} (see {self.prog} --help)")


def split_name(parser: Parser, arguments: list[str]) -> tuple[str | None, list[str], bool]:
    """What comes first if it is no flag, the rest without requests for help, and whether help was asked for.

    A name comes first because behind flags it could not be told from the value of a field. Help that was asked for is
    printed: the parser's own here, that of the fields by `set_fields`, which needs the name.
    """
    names, rest, asks_help = split_names(parser, arguments)
    return (names[0] if names else None), names[1:] + rest, asks_help


def split_names(parser: Parser, arguments: list[str]) -> tuple[list[str], list[str], bool]:
    """As `split_name`, for any number of names."""
    names = list(itertools.takewhile(lambda word: not word.startswith("-"), arguments))
    asks_help = any(word in _HELP for word in arguments)
    if asks_help:
        parser.print_help()
    return names, [word for word in arguments[len(names) :] if word not in _HELP], asks_help


def count(text: str) -> int:
    """An argparse type: a positive 32-bit integer."""
    return _integer(text, 1)


def natural(text: str) -> int:
    """An argparse type: a 32-bit integer that is not negative."""
    return _integer(text, 0)


def _integer(text: str, low: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer >= {low} (32 bits)")
    return value


def check_out(path: Path | None) -> None:
    """Raise `ConfigError` where `--out` is in no folder that exists; None is no path."""
    if path is not None and not path.absolute().parent.is_dir():
        raise ConfigError(f"--out is {str(path)!r}: allowed is a file in a folder that exists")


def add_file_option(parser: Parser) -> None:
    """Let a command take the file that registers a user's own parts."""
    parser.add_argument(
        "--file",
        type=Path,
        metavar="FILE.py",
        help="the experiment file that the run came from, if it registers parts of its own",
    )


def load_file(path: Path | None) -> None:
    """Run a user's experiment file for what it registers; None does nothing."""
    if path is not None:
        # What trains agents takes seconds to import, and most commands have no such file.
        from jaxmem.experiment import from_file

        from_file(path)


def set_fields(config: ConfigT, arguments: list[str], prog: str) -> ConfigT:
    """`config` with fields set by dotted names, as in `--agent.batch-size 128`.

    Raises:
        ConfigError: one line for an unknown field, a value of the wrong type or one that is not allowed.
        SystemExit: with status 0, after `--help` was printed.
    """
    for argument in arguments:
        reason = _FIXED.get(argument.partition("=")[0])
        if reason is not None:
            raise ConfigError(f"{argument.partition('=')[0]} cannot be set: {reason}")
    if any(word in _HELP for word in arguments):
        tyro.cli(type(config), default=config, args=["--help"], prog=prog, description="")
    check_fields(config, arguments)
    arguments = spell_none(config, arguments)
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(errors):
            return tyro.cli(type(config), default=config, args=arguments, prog=prog)
    except SystemExit:
        raise ConfigError(_one_line(errors.getvalue())) from None


def _one_line(message: str) -> str:
    """What tyro says in a box of several lines: a title, what is wrong and what there is, ruled off from each other."""
    sections: list[list[str]] = [[]]
    for line in (raw.strip(" │╭╮╰╯") for raw in message.splitlines()):
        if line and not line.strip("─-"):
            sections.append([])
        elif line:
            sections[-1].append(line)
    texts = [section for section in sections if section]
    wrong = " ".join(texts[min(1, len(texts) - 1)]) if texts else "the arguments cannot be read"
    # A message of our own already names the field; tyro puts the group in front of it.
    wrong = re.sub(r"^Error parsing [\w.]+: (?=[\w.]+ is )", "", wrong)
    wrong = wrong.partition(" Got errors:")[0]
    if len(texts) < 3 or len(texts[2]) < 2 or not texts[2][0].endswith(":"):
        return wrong
    hint = "expected" if "helptext" in texts[2][0] else "perhaps"
    return f"{wrong} ({hint} {texts[2][1]})"
