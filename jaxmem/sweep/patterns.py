"""Names written with braces, as in bash."""

import re

from jaxmem.config import ConfigError

_GROUP = re.compile(r"\{(?:([^{}]*,[^{}]*)|(0|[1-9]\d*)\.\.(0|[1-9]\d*))\}")
_MOST = 10_000


def expand(pattern: str) -> list[str]:
    """The names that `{a,b}` and `{1..5}` stand for, the leftmost group varying slowest; groups do not nest.

    Raises:
        ConfigError: for a range of over 10,000 numbers, and for braces that mean neither.
    """
    group = _GROUP.search(pattern)
    if group is None:
        return [_plain(pattern, pattern)]
    if group[1] is not None:
        items = group[1].split(",")
    else:
        first, last = int(group[2]), int(group[3])
        if abs(last - first) >= _MOST:
            raise ConfigError(f"{group[0]} is too long: allowed are ranges of up to {_MOST} numbers")
        step = 1 if first <= last else -1
        items = [str(number) for number in range(first, last + step, step)]
    before, after = _plain(pattern[: group.start()], pattern), pattern[group.end() :]
    return [before + item + rest for item in items for rest in expand(after)]


def _plain(part: str, pattern: str) -> str:
    if set("{}") & set(part):
        raise ConfigError(f"braces in {pattern!r}: allowed are {{a,b}} and {{1..5}}, not nested")
    return part


def expand_all(patterns: list[str]) -> list[str]:
    """The names of several patterns, each once, in order."""
    return list(dict.fromkeys(name for pattern in patterns for name in expand(pattern)))
