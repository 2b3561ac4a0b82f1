"""The command line: `jaxmem run|sweep|list|evaluate|plot|render|bench`."""
