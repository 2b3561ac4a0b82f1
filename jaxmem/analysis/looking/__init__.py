"""Looking: where a trained agent looks, beside what matters to it."""

from jaxmem.analysis.looking.report import Look, LookOptions, look, write

__all__ = ["Look", "LookOptions", "look", "write"]
