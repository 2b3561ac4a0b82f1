"""Memory cores: sequence models with one protocol, chosen by name."""

from jaxmem.cores.law import check_law
from jaxmem.cores.protocol import Core, reset_rows
from jaxmem.cores.registry import CoreOptions, looks_at, make, needs_equal_width, options, register, registered_cores
from jaxmem.cores.windowed import Windowed, windowed

__all__ = [
    "Core",
    "CoreOptions",
    "Windowed",
    "check_law",
    "looks_at",
    "make",
    "needs_equal_width",
    "options",
    "register",
    "registered_cores",
    "reset_rows",
    "windowed",
]
