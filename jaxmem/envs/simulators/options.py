"""What adapters of physics libraries share before the library is there: options, and what to install.

It imports neither gymnax nor a library, so that reading a command line starts no backend.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from jaxmem.config import ConfigError, choice, integer
from jaxmem.envs.control_options import ControlOptions
from jaxmem.envs.registry import EnvSpec, Made


@dataclasses.dataclass(frozen=True)
class SimulatorOptions(ControlOptions):
    """Options of a physics library's environment. What an adapter adds is in its subclass."""

    library: ClassVar[str]
    source: ClassVar[str]
    extra: ClassVar[str]

    time_limit: int = integer(1000, low=1)
    """Steps of the physics library's environment after which an episode is cut off."""

    @property
    def name(self) -> str:
        """Name of the environment in the library."""
        return self.id.partition("/")[2]

    def make(self) -> Made:
        """Build the environment: a `SimulatorEnv` in the wrappers that are asked for, and `SimulatorParams`.

        Raises:
            ConfigError: the library is not there or refuses an option, or as `ControlOptions.wrapped`.
        """
        raise NotImplementedError

    def spec(self) -> EnvSpec:
        """What the task asks; the credit length is not stated. The library need not be there."""
        description = f"{self.library}'s {self.name}; {self.what_is_seen()}."
        return EnvSpec(self.id, self.source, description, self.horizon(self.time_limit), self.memory_length(), None)

    @contextmanager
    def building(self) -> Iterator[None]:
        """Where the library is imported and builds the environment: what goes wrong is one line.

        Raises:
            ConfigError: the library is not there, or refuses.
        """
        try:
            yield
        except ImportError as error:
            raise ConfigError(
                f"environment {self.id!r} needs {self.library} ({_line(error)}): pip install 'jaxmem[{self.extra}]', "
                f"in a clone make install EXTRA={self.extra}"
            ) from error
        # What other people's constructors raise is theirs to choose.
        except Exception as error:
            raise ConfigError(f"environment {self.id!r} could not be made: {_line(error)}") from error


def options_of(id: str, base: type[SimulatorOptions], **defaults: tuple[Any, Any]) -> type[SimulatorOptions]:
    """The options class of one id; `defaults` replace fields of `base`: (type, field) by name."""
    fields = [("id", str, choice(id, (id,))), *((name, kind, field) for name, (kind, field) in defaults.items())]
    namespace = {"__doc__": f"Options of {id}.", "__module__": base.__module__}
    title = "".join(part.capitalize() for part in id.replace("/", "_").split("_"))
    return dataclasses.make_dataclass(f"{title}Options", fields, bases=(base,), namespace=namespace, frozen=True)


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
