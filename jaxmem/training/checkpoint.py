"""Checkpoints of a whole run, with Orbax: atomic, checked, the last few kept.

A checkpoint is arrays and JSON; nothing in it is pickled, so that opening somebody else's cannot run code. Beside the
arrays it holds a digest of each one and their shapes: files that were cut short or belong to another run are
recognised before anything is computed from them.
"""

import contextlib
import hashlib
import logging
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxmem.config import ConfigError

_ARRAYS, _META = "run", "meta"


class CheckpointError(ConfigError):
    """A checkpoint that cannot be used; the message is one line for the user."""


class Checkpoints:
    """The checkpoints in one folder, numbered by the iterations done."""

    def __init__(self, folder: Path, keep: int | None) -> None:
        """Open `folder`, which is made if it is missing; after a save the last `keep` are left; None only reads."""
        # Orbax reports each save, and each failure with all its threads' tracebacks; ours is one line.
        logging.getLogger("absl").setLevel(logging.CRITICAL)
        self.folder = Path(folder).absolute()
        writes = keep is not None
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            enable_async_checkpointing=False,
            create=writes,
            read_only=not writes,
            # What a killed or failed save left behind.
            cleanup_tmp_directories=writes,
        )
        self._manager = ocp.CheckpointManager(self.folder, options=options)

    def steps(self) -> list[int]:
        """Numbers of the finished checkpoints, oldest first."""
        return sorted(self._manager.all_steps())

    def choose(self, which: str) -> int:
        """The number that "latest", "previous" or a number in digits stands for.

        Raises:
            CheckpointError: if there is no such checkpoint.
        """
        steps = self.steps()
        if not steps:
            raise CheckpointError(f"no checkpoint in {self.folder}")
        known = f"there are {', '.join(map(str, steps))}"
        if which == "latest":
            return steps[-1]
        if which == "previous":
            if len(steps) < 2:
                raise CheckpointError(f"no previous checkpoint in {self.folder}: {known}")
            return steps[-2]
        if which.isdecimal() and int(which) in steps:
            return int(which)
        raise CheckpointError(f"no checkpoint {which!r} in {self.folder}: {known}, also latest and previous")

    def forget_after(self, step: int) -> None:
        """Delete the checkpoints that came after `step`, which a run that goes on from there will write anew."""
        for later in self.steps():
            if later > step:
                self._manager.delete(later)

    def save(self, step: int, run: Any, meta: dict[str, Any]) -> None:
        """Write `run` (a pytree of arrays) and `meta` (JSON values) as checkpoint `step`.

        A checkpoint with that number stays as it is.

        Raises:
            CheckpointError: if the disk does not take it; older checkpoints are untouched then.
        """
        if step in self._manager.all_steps():
            return
        arrays = [np.asarray(leaf) for leaf in jax.tree.leaves(_plain(run))]
        record = {"meta": meta, "signature": _signature(run), "digests": [_digest(a) for a in arrays]}
        items = {_ARRAYS: ocp.args.StandardSave(_named(arrays)), _META: ocp.args.JsonSave(record)}
        try:
            self._manager.save(step, args=ocp.args.Composite(**items))
        except (OSError, ValueError) as error:
            where = self.folder / str(step)
            raise CheckpointError(f"checkpoint {where} cannot be written: {_first_line(error)}") from error

    def restore(self, template: Any, step: int) -> tuple[Any, dict[str, Any]]:
        """Read checkpoint `step` into the shape of `template` (arrays or `jax.ShapeDtypeStruct`s).

        Returns:
            The run, on the default device, and its meta data.

        Raises:
            CheckpointError: if it is damaged, or was written by a run of another configuration.
        """
        where = self.folder / str(step)
        signature, digests, meta = self._record(step)
        if signature != _signature(template):
            raise CheckpointError(
                f"checkpoint {where} was written by another configuration: {_difference(signature, template)}"
            )
        leaves, structure = jax.tree.flatten(_plain(template))
        empty = [np.empty(leaf.shape, leaf.dtype) for leaf in leaves]
        targets = _named(empty)
        try:
            restored = self._manager.restore(
                step, args=ocp.args.Composite(**{_ARRAYS: ocp.args.StandardRestore(targets)})
            )[_ARRAYS]
            arrays = [np.asarray(restored.get(name, array)) for name, array in _numbered(empty)]
        except Exception as error:
            raise _damaged(where, _first_line(error)) from error
        if [_digest(array) for array in arrays] != digests:
            raise _damaged(where, "its arrays are not those that were saved")
        plain = jax.tree.unflatten(structure, arrays)
        return jax.tree.map(_typed, template, plain), meta

    def meta(self, step: int) -> dict[str, Any]:
        """What `save` got as `meta`, without reading the arrays; raises `CheckpointError` if it is damaged."""
        return self._record(step)[2]

    def signature(self, step: int) -> list[str]:
        """One line an array, without reading them: path, dtype, shape; raises `CheckpointError` if it is damaged."""
        return self._record(step)[0]

    def _record(self, step: int) -> tuple[list[str], list[str], dict[str, Any]]:
        try:
            record = self._manager.restore(step, args=ocp.args.Composite(**{_META: ocp.args.JsonRestore()}))[_META]
            return record["signature"], record["digests"], record["meta"]
        except Exception as error:
            raise _damaged(self.folder / str(step), _first_line(error)) from error

    def close(self) -> None:
        """Release Orbax's threads."""
        self._manager.close()


def last_meta(folder: Path) -> dict[str, Any] | None:
    """What the last checkpoint in a folder got as `meta`; None where there is none.

    Raises:
        CheckpointError: if it is damaged.
    """
    if not folder.is_dir():
        return None
    with contextlib.closing(Checkpoints(folder, keep=None)) as checkpoints:
        steps = checkpoints.steps()
        return checkpoints.meta(steps[-1]) if steps else None


def restored(folder: Path, which: str, template: Any) -> tuple[Any, int]:
    """What checkpoint `which` in a folder holds, shaped as `template`, and its number; see `Checkpoints.choose`.

    Raises:
        CheckpointError: if there is no such checkpoint, or it cannot be used.
    """
    with contextlib.closing(Checkpoints(folder, keep=None)) as checkpoints:
        step = checkpoints.choose(which)
        return checkpoints.restore(template, step)[0], step


def _damaged(where: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"checkpoint {where} is damaged (--checkpoint previous takes the one before): {reason}")


def _is_key(leaf: Any) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(tree: Any) -> Any:
    """The tree with random keys as the integers they hold; shapes stay shapes."""

    def convert(leaf: Any) -> Any:
        if not _is_key(leaf):
            return leaf
        if isinstance(leaf, jax.ShapeDtypeStruct):
            return jax.eval_shape(jax.random.key_data, leaf)
        return jax.random.key_data(leaf)

    return jax.tree.map(convert, tree)


def _typed(template: Any, array: np.ndarray) -> jax.Array:
    value = jax.numpy.asarray(array)
    return jax.random.wrap_key_data(value) if _is_key(template) else value


def _numbered(arrays: list[np.ndarray]) -> list[tuple[str, np.ndarray]]:
    return [(f"{index:05d}", array) for index, array in enumerate(arrays)]


def _named(arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
    """What Orbax is given: it refuses arrays without elements, such as the memory of a core that has none."""
    return {name: array for name, array in _numbered(arrays) if array.size}


def _signature(tree: Any) -> list[str]:
    """One line a leaf: its path, dtype and shape."""
    leaves = jax.tree_util.tree_flatten_with_path(_plain(tree))[0]
    return [f"{jax.tree_util.keystr(path)} {leaf.dtype}{list(leaf.shape)}" for path, leaf in leaves]


def _difference(signature: list[str], template: Any) -> str:
    expected = _signature(template)
    for found, wanted in zip(signature, expected, strict=False):
        if found != wanted:
            return f"it has {found}, this run {wanted}"
    return f"it has {len(signature)} arrays, this run {len(expected)}"


def _digest(array: np.ndarray) -> str:
    # As bytes, since bfloat16 has no buffer of its own.
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return hashlib.blake2b(content.data, digest_size=16).hexdigest()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
