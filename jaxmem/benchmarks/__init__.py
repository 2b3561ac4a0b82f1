"""Figures that `jaxmem bench` measures and prints."""
