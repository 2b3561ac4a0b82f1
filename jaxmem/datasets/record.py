"""One trajectory, as arrays and as the bytes of a record.

A record is a header and the elements of the arrays, little-endian, in C order, each array at a multiple of 8 bytes.
The header is `JMT1`, its own size (uint32) and the number of arrays (uint16); for each array the length of its name
(uint8) and the name, the length of its dtype's name and that, its number of axes (uint8) and their sizes (uint64 each);
and zeros up to a multiple of 8. All numbers are little-endian. Nothing in it can run code, as a pickle could.
"""

import functools
import math
import struct
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

_MAGIC = b"JMT1"
_HEAD = struct.Struct("<4sIH")
_ALIGNMENT = 8
_INFO = "info/"
# Beside these, the kinds of NumPy that are numbers or truth values.
_EXTENDED = {np.dtype(kind).name: np.dtype(kind) for kind in (ml_dtypes.bfloat16,)}
_KINDS = "biufc"


class Trajectory(NamedTuple):
    """One episode of T steps, as NumPy arrays; those that were read from a dataset cannot be written to.

    Attributes:
        obs: [T+1, ...]; `obs[t]` is what `action[t]` was chosen on, and the last one is what was seen after it.
        action: [T] integers, or [T, A] of continuous actions, as agents have them.
        reward: float32 [T].
        terminated: whether the task ended the episode.
        truncated: whether something else did, such as a time limit.
        info: scalars that say how the episode went, by name.
    """

    obs: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    terminated: np.bool
    truncated: np.bool
    info: dict[str, Any]

    @property
    def steps(self) -> int:
        """Number of actions, T."""
        return len(self.reward)


class _Place(NamedTuple):
    """Where an array is in a record."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    count: int
    offset: int


def arrays_of(trajectory: Trajectory) -> dict[str, np.ndarray]:
    """A trajectory's arrays by the names that they have in a dataset; those of `info` begin with `info/`."""
    values = trajectory._asdict()
    info = values.pop("info")
    values |= {f"{_INFO}{name}": value for name, value in info.items()}
    return {name: np.asarray(value) for name, value in values.items()}


def encode(arrays: dict[str, np.ndarray]) -> bytes:
    """The record of some named arrays.

    Raises:
        ValueError: a dtype that is neither a number nor a truth value, or too long a name.
    """
    described = tuple((name, value.dtype, value.shape) for name, value in arrays.items())
    contents = (np.asarray(value, stored(value.dtype)[0], order="C").tobytes() for value in arrays.values())
    return b"".join([_header(described), *map(_padded, contents)])


def decode(record: bytes) -> Trajectory:
    """The trajectory of a record, its arrays views of these bytes.

    Raises:
        ValueError: the record is none of ours, or not whole.
    """
    try:
        magic, size, _ = _HEAD.unpack_from(record)
        if magic != _MAGIC:
            raise ValueError("it does not begin as a record does")
        places, end = _places(record[:size])
        if len(record) != end:
            raise ValueError(f"it has {len(record)} bytes instead of {end}")
        arrays = {
            place.name: np.frombuffer(record, place.dtype, place.count, place.offset).reshape(place.shape)
            for place in places
        }
        info = {name.removeprefix(_INFO): value[()] for name, value in arrays.items() if name.startswith(_INFO)}
        obs, action, reward = arrays["obs"], arrays["action"], arrays["reward"]
        terminated, truncated = np.bool(arrays["terminated"]), np.bool(arrays["truncated"])
        return Trajectory(obs, action, reward, terminated, truncated, info)
    except (struct.error, KeyError, TypeError, UnicodeDecodeError, IndexError) as error:
        raise ValueError(f"its header cannot be read: {error!r}") from error


# Episodes of one task are often of one length, and their headers the same: here and in `_places`.
@functools.lru_cache(maxsize=4096)
def _header(described: tuple[tuple[str, np.dtype, tuple[int, ...]], ...]) -> bytes:
    """The header of arrays with these names, dtypes and shapes."""
    parts = []
    for name, dtype, shape in described:
        label, kind = name.encode(), stored(dtype)[1].encode()
        if len(label) > 255:
            raise ValueError(f"{name[:20]}... is too long a name: allowed are 255 bytes")
        parts.append(struct.pack("<B", len(label)) + label + struct.pack("<B", len(kind)) + kind)
        parts.append(struct.pack(f"<B{len(shape)}Q", len(shape), *shape))
    content = b"".join(parts)
    size = _HEAD.size + len(content)
    return _padded(_HEAD.pack(_MAGIC, size + -size % _ALIGNMENT, len(described)) + content)


@functools.lru_cache(maxsize=4096)
def _places(header: bytes) -> tuple[list[_Place], int]:
    """Where each array is, and how many bytes the record has."""
    _, size, count = _HEAD.unpack_from(header)
    position, offset, places = _HEAD.size, size, []
    for _ in range(count):
        name, position = _word(header, position)
        kind, position = _word(header, position)
        axes = header[position]
        shape = struct.unpack_from(f"<{axes}Q", header, position + 1)
        position += 1 + 8 * axes
        dtype = _EXTENDED.get(kind) or np.dtype(kind).newbyteorder("<")
        if dtype.hasobject:
            raise ValueError(f"its dtype {kind} is not one of numbers")
        items = math.prod(shape)
        places.append(_Place(name, dtype, shape, items, offset))
        nbytes = items * dtype.itemsize
        offset += nbytes + -nbytes % _ALIGNMENT
    return places, offset


def _word(header: bytes, position: int) -> tuple[str, int]:
    """A short text, and where it ends."""
    begin = position + 1
    end = begin + header[position]
    return header[begin:end].decode(), end


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % _ALIGNMENT)


# NumPy puts a dtype's name together anew each time, which takes longer than to encode a short array.
@functools.cache
def stored(dtype: np.dtype) -> tuple[np.dtype, str]:
    """A dtype as it is stored, little-endian, and its name; raises `ValueError` for one that is not of numbers."""
    if dtype.name not in _EXTENDED and (dtype.kind not in _KINDS or dtype.itemsize > (16 if dtype.kind == "c" else 8)):
        raise ValueError(
            f"the dtype {dtype} cannot be stored: allowed are numbers of up to 64 bits, complex ones of up to 128, and "
            "truth values"
        )
    return (dtype if dtype.name in _EXTENDED else dtype.newbyteorder("<")), dtype.name
