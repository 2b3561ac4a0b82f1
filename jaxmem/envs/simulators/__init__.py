"""Environments of physics libraries: one file a library, over `base.py`; see `jaxmem.envs.registry.ADAPTERS`."""
