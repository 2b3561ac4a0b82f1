"""Memory cores: sequence models with one protocol, chosen by name."""

from jaxmem.cores.protocol import Core, reset_rows
from jaxmem.cores.registry import CoreOptions, make, needs_equal_width, options, registered_cores

__all__ = ["Core", "CoreOptions", "make", "needs_equal_width", "options", "registered_cores", "reset_rows"]
