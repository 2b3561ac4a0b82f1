"""Where and with what figures were measured."""

import os
import platform
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path

import jax

import jaxmem
from jaxmem.benchmarks.report import Table

_UNIT = 1 if sys.platform == "darwin" else 1024


def describe(arguments: list[str]) -> Table:
    """Device, processor, versions, commit, date and the command, one a row."""
    device = jax.devices()[0]
    rows = {
        "device": f"{len(jax.devices())} x {device.device_kind} ({device.platform})",
        "processor": _processor(),
        "cores": str(_cores()),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "jax": jax.__version__,
        "jaxmem": jaxmem.__version__,
        "commit": _commit() or "not in a git checkout",
        "date": time.strftime("%Y-%m-%d %H:%M %z"),
        "command": shlex.join(["jaxmem", "bench", *arguments]),
    }
    notes = ("load before: processes that were running or waiting, averaged over the minute before.",)
    return Table("Where and with what", ("what", "value"), list(rows.items()), notes)


def peak_memory() -> Table:
    """The most memory that the process has held so far, in MiB."""
    rows = [("process, resident (host)", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT / 2**20)]
    for device in jax.local_devices():
        peak = (device.memory_stats() or {}).get("peak_bytes_in_use")
        if peak is not None:
            rows.append((f"{device.device_kind} {device.id}", peak / 2**20))
    notes = ("Over all measurements so far, the compiler included.",)
    return Table("Peak memory of the whole run", ("where", "MiB"), list(rows), notes)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _commit() -> str | None:
    """The checkout's commit, marked if files differ from it; None if jaxmem was installed from elsewhere."""
    package = Path(jaxmem.__file__)
    # A virtual environment may lie in a checkout of something else, which does not track this file.
    if _git(package.parent, "ls-files", "--error-unmatch", package.name) is None:
        return None
    commit = _git(package.parent, "rev-parse", "--short=12", "HEAD")
    changed = _git(package.parent, "status", "--porcelain")
    return f"{commit} with uncommitted changes" if commit and changed else commit


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        # Without optional locks, so that asking changes nothing in the checkout.
        command = ["git", "--no-optional-locks", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
