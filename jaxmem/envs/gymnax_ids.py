"""Options of gymnax environments, derived from their constructors and their default params."""

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, ClassVar

import gymnax

from jaxmem.config import ConfigError, choice, flag, integer, number, text
from jaxmem.envs.registry import EnvOptions, EnvSpec, Made, horizon

_LIMIT = "max_steps_in_episode"


@dataclasses.dataclass(frozen=True)
class GymnaxOptions(EnvOptions):
    """Options of a gymnax environment: its scalar constructor arguments and scalar params.

    `max_steps_in_episode` is None for the environment's own limit, which may depend on the other
    options.
    """

    build: ClassVar[Callable[..., Any]]
    arguments: ClassVar[tuple[str, ...]] = ()
    source: ClassVar[str] = "gymnax"

    def make(self) -> Made:
        """Build the environment: `(env, params)`.

        Raises:
            ConfigError: the environment refuses an argument, or needs data that is not there.
        """
        changed = self._changed()
        arguments = {name: changed.pop(name) for name in self.arguments if name in changed}
        try:
            env = type(self).build(**arguments)
            params = env.default_params
        # What other people's constructors raise is theirs to choose.
        except Exception as error:
            raise _failure(self.id, error) from error
        return env, params.replace(**changed) if changed else params

    def spec(self) -> EnvSpec:
        """What the task asks; memory and credit lengths are not stated by gymnax."""
        env, params = self.make()
        lines = (inspect.getdoc(type(env)) or env.name).splitlines()
        return EnvSpec(self.id, self.source, lines[0], horizon(env, params), None, None)

    def _changed(self) -> dict[str, Any]:
        # Only what differs from the defaults: some default params depend on constructor arguments.
        changed = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name != "id" and value != field.default:
                changed[field.name] = float(value) if isinstance(field.default, float) else value
        return changed


def ids() -> list[str]:
    """The ids that gymnax knows, its own and those a user registered there."""
    return list(gymnax.registered_envs)


@functools.cache
def own_options(id: str) -> type[GymnaxOptions]:
    """The options class of one of gymnax's ids.

    An environment that cannot be built here (its data is missing) has no options but `id`.
    """
    build = functools.partial(gymnax.make, id)
    try:
        env, params = build()
    except Exception:
        return _options_class(id, lambda: build()[0], {}, None, "gymnax")
    return _options_class(
        id,
        lambda **arguments: build(**arguments)[0],
        inspect.signature(type(env)).parameters,
        params,
        "gymnax",
    )


@functools.cache
def derived_options(id: str, factory: Callable[..., Any]) -> type[GymnaxOptions]:
    """The options class of a registered function or class that returns a gymnax environment.

    Raises:
        ConfigError: the factory cannot be called without arguments.
    """
    try:
        params = factory().default_params
    except Exception as error:
        raise _failure(id, error) from error
    source = f"{factory.__module__}.{getattr(factory, '__qualname__', type(factory).__qualname__)}"
    return _options_class(id, factory, inspect.signature(factory).parameters, params, source)


def _options_class(
    id: str,
    build: Callable[..., Any],
    parameters: Any,
    params: Any,
    source: str,
) -> type[GymnaxOptions]:
    # Constructor integers are sizes and counts: a wrong one would fail late, inside jit.
    arguments = {
        name: _field(parameter.default, low=1)
        for name, parameter in parameters.items()
        if _is_scalar(parameter.default)
    }
    fields: dict[str, tuple[Any, Any]] = {"id": (str, choice(id, (id,))), **arguments}
    for field in dataclasses.fields(params) if params is not None else ():
        default = getattr(params, field.name)
        if field.name == _LIMIT:
            fields[_LIMIT] = (int | None, integer(None, low=1, optional=True))
        elif field.name not in fields and _is_scalar(default):
            fields[field.name] = _field(default, low=None)
    return dataclasses.make_dataclass(
        re.sub(r"\W", "", id) + "Options",
        [(name, kind, field) for name, (kind, field) in fields.items()],
        bases=(GymnaxOptions,),
        namespace={
            "__doc__": f"Options of {id}.",
            "build": staticmethod(build),
            "arguments": tuple(arguments),
            "source": source,
        },
        frozen=True,
    )


def _failure(id: str, error: Exception) -> ConfigError:
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return ConfigError(f"environment {id!r} could not be made: {reason}")


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def _field(default: Any, low: int | None) -> tuple[type, Any]:
    """Type and checked field of a scalar; `low` bounds integers unless the default is below it."""
    if isinstance(default, bool):
        return bool, flag(default)
    if isinstance(default, int):
        return int, integer(default, low=None if low is None else min(low, default))
    if isinstance(default, float):
        return float, number(default)
    return str, text(default)
