"""Libraries of physics without the messages that a user of jaxmem can do nothing about."""

import contextlib
import importlib
import io
import sys
import warnings
from collections.abc import Iterator
from typing import Any

_UNMAINTAINED = "Brax System, piplines and environments are not actively being maintained"
_DEPRECATED = "compiler attribute 'settotalmass' is deprecated"
_NO_WARP = ("Failed to import warp:", "Failed to import mujoco_warp:")


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """While MuJoCo is imported: leaves out its lines on stdout that say that Warp, which is optional, is not there."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            yield
    finally:
        for line in said.getvalue().splitlines(keepends=True):
            if not line.startswith(_NO_WARP):
                sys.stdout.write(line)


@contextlib.contextmanager
def quiet_build() -> Iterator[None]:
    """While models are built: leaves out that Brax is no longer developed, and a deprecation in its model files.

    Other warnings pass. MuJoCo must have been imported.
    """
    # Its names come from C++, where type checkers do not look.
    mujoco: Any = importlib.import_module("mujoco")
    before = mujoco.get_mju_user_warning()

    def warn(message: str) -> None:
        if message.startswith(_DEPRECATED):
            return
        if before is not None:
            before(message)
        else:
            print(f"WARNING: {message}", file=sys.stderr)

    # Without a handler MuJoCo also writes a file MUJOCO_LOG.TXT where the program was started.
    mujoco.set_mju_user_warning(warn)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", _UNMAINTAINED, UserWarning)
            yield
    finally:
        mujoco.set_mju_user_warning(before)
