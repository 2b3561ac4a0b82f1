"""Names of the memory cores, and their options as frozen configurations."""

import dataclasses
import functools
import inspect
import re
from typing import Any, ClassVar, cast

import jax.numpy as jnp

from jaxmem.config import Config, ConfigError, choice, integer, text
from jaxmem.cores import memax
from jaxmem.cores.gpt import GPT
from jaxmem.cores.gru import GRU
from jaxmem.cores.looking import LookingCore
from jaxmem.cores.lru import LRU
from jaxmem.cores.lstm import LSTM
from jaxmem.cores.mingru import MinGRU
from jaxmem.cores.mlp import MLP
from jaxmem.cores.protocol import Core, lacks_nothing
from jaxmem.cores.rmt import RMT
from jaxmem.cores.spatial import MeanPool, Mott, SpatioTemporal
from jaxmem.cores.timesformer import TimeSformer
from jaxmem.cores.trxl import GTrXL, TransformerXL

_CORES: dict[str, type[Core]] = {
    "gpt": GPT,
    "trxl": TransformerXL,
    "gtrxl": GTrXL,
    "rmt": RMT,
    "lstm": LSTM,
    "gru": GRU,
    "lru": LRU,
    "mingru": MinGRU,
    "memax": memax.Memax,
    "mlp": MLP,
    "mott": Mott,
    "spatio_temporal": SpatioTemporal,
    "mean_pool": MeanPool,
    "timesformer": TimeSformer,
}

registered_cores: list[str] = [name for name in _CORES if name != "memax" or memax.is_installed()]
"""Names that `make` and `options` take, in order of registration; memax only where it is installed."""

_GIVEN_LATER = ("max_length", "dtype")


@dataclasses.dataclass(frozen=True)
class CoreOptions(Config):
    """Which core, and its options; every core has a subclass with the checked fields of its module.

    Attributes:
        name: the core's registered name.
        width: width of the core's output.
    """

    path: ClassVar[str] = "core"

    name: str = text()
    width: int = integer(128, low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        # Rules between fields live in the module: building one checks them.
        self.make(max_length=1)

    def make(self, max_length: int, dtype: Any = jnp.float32) -> Core:
        """Build the core.

        Args:
            max_length: the most steps of an episode that the core has to look back on.
            dtype: floating-point type of the computation.

        Raises:
            ConfigError: for a value that is not allowed.
        """
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return make(max_length=max_length, dtype=dtype, **fields)


def register(name: str, core: type[Core]) -> None:
    """Make `name` known to `make`, `options` and the command line's `--core`.

    Args:
        name: a new name.
        core: a subclass of `Core`; its checked fields (`jaxmem.config`) become options.

    Raises:
        ConfigError: `name` is not a new name, or `core` is not such a class, or an unfinished one.
    """
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]*", name):
        raise ConfigError(f"core.name is {name!r}: allowed are letters, digits and . _ -, a letter or digit first")
    if name in _CORES:
        raise ConfigError(f"core {name!r} is registered already: allowed is a new name")
    if not (isinstance(core, type) and issubclass(core, Core)):
        raise ConfigError(f"core {name!r} is {core!r}: allowed is a subclass of jaxmem.cores.Core")
    lacks_nothing(core)
    _CORES[name] = core
    registered_cores.append(name)


def make(name: str, width: int, max_length: int, dtype: Any = jnp.float32, **options: Any) -> Core:
    """Build a core by name.

    Args:
        name: one of `registered_cores`.
        width: width of the core's output.
        max_length: the most steps of an episode that the core has to look back on.
        dtype: floating-point type of the computation; parameters are float32.
        **options: the core's own options; `grid` of those that look at pictures.

    Raises:
        ConfigError: for an unknown name or option, or a value that is not allowed.
    """
    module = _module(name)
    _check_known(name, options, *(["grid"] if issubclass(module, LookingCore) else []))
    return module(width=width, max_length=max_length, dtype=dtype, **options)


def options(name: str, **options: Any) -> CoreOptions:
    """A core and its options as a frozen configuration, with `.make(max_length, dtype)`.

    Args:
        name: one of `registered_cores`.
        **options: `width` and the core's own options; what is left out takes its default.

    Raises:
        ConfigError: for an unknown name or option, or a value that is not allowed.
    """
    module = _module(name)
    _check_known(name, options, "width")
    return _options_class(name, module)(**options)


def needs_equal_width(name: str) -> bool:
    """Whether a core's input must be exactly as wide as its output; raises `ConfigError` for an unknown name."""
    return _module(name).needs_equal_width


def looks_at(name: str) -> str | None:
    """What pictures a core is fed, "features" or "pixels" (`LookingCore`), or None; raises as `needs_equal_width`."""
    module = _module(name)
    return module.looks_at if issubclass(module, LookingCore) else None


def _module(name: str) -> type[Core]:
    if name not in _CORES:
        raise ConfigError(f"core.name is {name!r}: allowed is one of {', '.join(registered_cores)}")
    return _CORES[name]


def _check_known(name: str, options: dict[str, Any], *extra: str) -> None:
    known = [*extra, *(field.name for field in _own_fields(_CORES[name]))]
    for option in options:
        if option not in known:
            raise ConfigError(f"unknown option of core {name} {option!r}: known are {', '.join(known) or 'none'}")


def _own_fields(module: type[Core]) -> list[dataclasses.Field[Any]]:
    shared = ("width", *_GIVEN_LATER)
    return [
        field
        for field in dataclasses.fields(cast(Any, module))
        if "check" in field.metadata and field.name not in shared
    ]


@functools.cache
def _options_class(name: str, module: type[Core]) -> type[CoreOptions]:
    fields: list[Any] = [("name", str, choice(name, [name]))]
    fields += [
        (field.name, field.type, dataclasses.field(default=field.default, metadata=field.metadata))
        for field in _own_fields(module)
    ]
    return dataclasses.make_dataclass(
        f"{module.__name__}Options",
        fields,
        bases=(CoreOptions,),
        frozen=True,
        namespace={"__doc__": _explanation(module), "__module__": __name__},
    )


def _explanation(module: type[Core]) -> str:
    """The docstring of a core, with the fields that it inherits; the command line shows it as help."""
    own = inspect.getdoc(module) or ""
    bases = [base for base in module.__mro__[1:] if issubclass(base, Core) and base is not Core]
    heading = "Attributes:"
    inherited = [(inspect.getdoc(base) or "").partition(heading)[2].strip("\n") for base in bases]
    return "\n".join([own if heading in own else f"{own}\n\n{heading}", *inherited])
