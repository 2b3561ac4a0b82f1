"""The command line: `jaxmem run|list|evaluate|plot|render|bench`."""
