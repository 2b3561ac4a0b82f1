"""Checked fields for frozen configurations.

A field declares what it accepts where it is declared (`integer(32, low=1)`); building the object
checks every field and raises one line that names the field, the value and what is allowed. The
same declarations serve dataclasses (`Config`) and Linen modules (`validate` in `__post_init__`).
"""

import dataclasses
import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")
ConfigT = TypeVar("ConfigT", bound="Config")


class ConfigError(ValueError):
    """A configuration value that is not allowed; the message is one line for the user."""


@dataclasses.dataclass(frozen=True)
class Check:
    """What a field accepts: a predicate and the same in words."""

    accepts: Callable[[Any], bool]
    allowed: str


def _field(default: Any, check: Check, optional: bool) -> Any:
    if optional:
        inner = check
        check = Check(lambda value: value is None or inner.accepts(value), f"{check.allowed}, or none")
    return dataclasses.field(default=default, metadata={"check": check})


def _bounds(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f" >= {low}"
    return f" <= {high}" if low is None else f" from {low} to {high}"


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def integer(
    default: Any = dataclasses.MISSING,
    low: int | None = None,
    high: int | None = None,
    *,
    optional: bool = False,
) -> Any:
    """An integer field between `low` and `high`, both included; never more than an int32 holds."""
    most = 2**31 - 1 if high is None else high
    allowed = f"an integer{_bounds(low, high)}" + (" (32 bits)" if high is None else "")
    check = Check(lambda value: _is_integer(value) and (low is None or value >= low) and value <= most, allowed)
    return _field(default, check, optional)


def number(
    default: Any = dataclasses.MISSING,
    low: float | None = None,
    high: float | None = None,
    *,
    above: float | None = None,
    optional: bool = False,
) -> Any:
    """A finite real field between `low` and `high`, both included, or greater than `above`."""
    check = Check(
        lambda value: (
            (_is_integer(value) or isinstance(value, float))
            and math.isfinite(value)
            and (low is None or value >= low)
            and (high is None or value <= high)
            and (above is None or value > above)
        ),
        f"a number{_bounds(low, high)}" + ("" if above is None else f" > {above}"),
    )
    return _field(default, check, optional)


def choice(default: Any, options: Sequence[Any], *, optional: bool = False) -> Any:
    """A field that takes one of `options`."""
    check = Check(
        lambda value: isinstance(value, type(options[0])) and value in options,
        "one of " + ", ".join(str(option) for option in options),
    )
    return _field(default, check, optional)


def integer_or(default: Any, words: Sequence[str], low: int) -> Any:
    """An integer field from `low` on, which also takes one of `words`."""
    one, word = integer(low=low).metadata["check"], choice(words[0], words).metadata["check"]
    allowed = f"{one.allowed}, or {word.allowed}"
    return _field(default, Check(lambda value: one.accepts(value) or word.accepts(value), allowed), False)


def flag(default: bool) -> Any:
    """A true-or-false field."""
    return _field(default, Check(lambda value: isinstance(value, bool), "true or false"), False)


def text(default: Any = dataclasses.MISSING) -> Any:
    """A non-empty string field."""
    check = Check(lambda value: isinstance(value, str) and bool(value), "a non-empty name")
    return _field(default, check, False)


def integers(default: tuple[int, ...], low: int, count: int | None = None) -> Any:
    """A tuple of integers, each at least `low`; it may be empty, or has `count` items."""
    check = Check(
        lambda value: (
            isinstance(value, tuple)
            and count in (None, len(value))
            and all(_is_integer(item) and item >= low for item in value)
        ),
        f"a list of {'' if count is None else f'{count} '}integers >= {low}",
    )
    return _field(default, check, False)


def numbers(default: tuple[float, ...], above: float) -> Any:
    """A tuple of finite numbers greater than `above`, each greater than the one before; it may be empty."""
    one = number(above=above).metadata["check"]
    check = Check(
        lambda value: isinstance(value, tuple) and all(map(one.accepts, value)) and list(value) == sorted(set(value)),
        f"a list of numbers > {above}, in order",
    )
    return _field(default, check, False)


def span(default: Any) -> Any:
    """A number, or a pair of numbers `(low, high)`."""
    one = number().metadata["check"]
    check = Check(
        lambda value: (
            one.accepts(value)
            or (isinstance(value, tuple) and len(value) == 2 and all(map(one.accepts, value)) and value[0] <= value[1])
        ),
        "a number, or two, the lower one first",
    )
    return _field(default, check, False)


def describe(value: Any) -> str:
    """`value` as a user typed it: `none` for None, a quoted string, a plain number."""
    return "none" if value is None else repr(value)


def validate(obj: Any, path: str) -> None:
    """Check every declared field of a dataclass instance; raise `ConfigError` at the first wrong one."""
    for field in dataclasses.fields(obj):
        check = field.metadata.get("check")
        value = getattr(obj, field.name)
        if check is not None and not check.accepts(value):
            name = f"{path}.{field.name}" if path else field.name
            raise ConfigError(f"{name} is {describe(value)}: allowed is {check.allowed}")


@dataclasses.dataclass(frozen=True)
class Config:
    """Base of every frozen configuration: fields are checked when it is built.

    `path` is the dotted prefix under which the command line knows the fields.
    """

    path: ClassVar[str] = ""

    def __post_init__(self) -> None:
        validate(self, self.path)


def replace(config: ConfigT, **changes: Any) -> ConfigT:
    """A copy with `changes`; an unknown field raises `ConfigError` with the known ones."""
    known = [field.name for field in dataclasses.fields(config)]
    for name in changes:
        if name not in known:
            where = f" of {config.path}" if config.path else ""
            raise ConfigError(f"unknown option{where} {name!r}: known are {', '.join(known)}")
    return dataclasses.replace(config, **changes)


def lookup(table: Mapping[str, T], name: Any, kind: str, hint: str = "") -> T:
    """`table[name]`, or a `ConfigError` that names the kind, the closest match and what is known."""
    if isinstance(name, str) and name in table:
        return table[name]
    close = difflib.get_close_matches(str(name), table, n=1)
    guess = f" (did you mean {close[0]!r}?)" if close else ""
    known = hint or f"known are {', '.join(table)}"
    raise ConfigError(f"unknown {kind} {name!r}{guess}: {known}")


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings, such as a configuration's JSON values, as one with dotted names."""
    found = {}
    for name, value in values.items():
        dotted = f"{prefix}{name}"
        found |= flat(value, f"{dotted}.") if isinstance(value, Mapping) else {dotted: value}
    return found


def tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration's fields as JSON gives them, with tuples again where it has lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
