"""How the tests compile: nearly all their time would go to that, for code that runs once and for milliseconds."""

import gc
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

SHARED = {
    # The smallest operation too: two workers and their child processes compile the same ones.
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    # Which line made an operation is of use to a profiler only.
    "JAX_TRACEBACK_IN_LOCATIONS_LIMIT": "0",
}
"""Environment variables of JAX with which a program is traced, lowered and found again sooner."""


def pytest_configure(config: pytest.Config) -> None:
    """Set the flags before anything imports JAX, for child processes too; slow tests need the code to be fast.

    Flags that are there already come last, and win. All processes of one session share what they have compiled. Workers
    of xdist inherit their parent's environment. Tracing makes many objects that live on: Python would look through them
    for garbage so often that it takes a tenth of the time.
    """
    gc.set_threshold(100_000, 20, 20)
    if "not slow" in config.option.markexpr and not hasattr(config, "workerinput"):
        os.environ["XLA_FLAGS"] = " ".join((*QUICK, os.environ.get("XLA_FLAGS", "")))
        os.environ.update({name: value for name, value in SHARED.items() if name not in os.environ})
        cache = tempfile.TemporaryDirectory(prefix="jaxmem-tests-")
        config.add_cleanup(cache.cleanup)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = cache.name
