"""How the tests compile: nearly all their time would be XLA's, spent on code that runs once and for milliseconds."""

import os
import tempfile

import pytest

QUICK = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)
"""XLA's flags for a compiler that is three to four times as fast; a program's meaning is the same."""


def pytest_configure(config: pytest.Config) -> None:
    """Set the flags before anything imports JAX, for child processes too; slow tests need the code to be fast.

    Flags that are there already come last, and win. All processes of one session share what they have compiled. Workers
    of xdist inherit their parent's environment.
    """
    if "not slow" in config.option.markexpr and not hasattr(config, "workerinput"):
        os.environ["XLA_FLAGS"] = " ".join((*QUICK, os.environ.get("XLA_FLAGS", "")))
        cache = tempfile.TemporaryDirectory(prefix="jaxmem-tests-")
        config.add_cleanup(cache.cleanup)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = cache.name
