"""Any object to bytes and buffers, and back.

Pickle protocol 5: large buffers (arrays above all) stay where they are and
travel beside the bytes, uncopied.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .names import ATOMS
from .switches import pickled

__all__ = ["Packed", "is_plain", "pack", "pack_plain", "unpack"]

#: A buffer smaller than this is cheaper inside the bytes than in a frame.
OUT_OF_BAND_NBYTES = 8 * 1024


class Packed(NamedTuple):
    """An object on its way: the pickle, and the buffers that it refers to."""

    payload: bytes
    buffers: Sequence[Any] = ()


def pack(obj: Any) -> Packed:
    """Return an object as bytes and buffers.

    Whatever pickle or the object's own `__reduce__` raises comes through: the
    callers know what the object is to its user, and say it.
    """
    if is_plain(obj):
        return pack_plain(obj)
    buffers: list[Any] = []
    return Packed(pickled(obj, None, _collector(buffers)), buffers)


def pack_plain(obj: Any) -> Packed:
    """Return an object as bytes that `is_plain`."""
    return Packed(pickle.dumps(obj, 5))


#: Containers longer than this are not looked through: pickling them takes longer
#: than making the pickler that can do everything.
_SHORT = 8
_PLAIN = frozenset({*ATOMS, range})
_CONTAINERS = frozenset({tuple, list, dict})


def is_plain(obj: Any, depth: int = 3) -> bool:
    """Tell whether an object is surely of built-in types only, and small.

    Plain `pickle.dumps` does for those, in a third of the time; it would send a
    function or a class of `__main__` by its name, which means nothing elsewhere.
    """
    kind = type(obj)
    if kind in _PLAIN:
        return True
    if kind not in _CONTAINERS or len(obj) > _SHORT or not depth:
        return False
    if kind is dict:
        for key in obj:
            if type(key) not in ATOMS:
                return False
        obj = obj.values()
    for each in obj:  # not by `all`: a generator would cost more than the rest
        if type(each) not in _PLAIN and not is_plain(each, depth - 1):
            return False
    return True


def _collector(buffers: list[Any]) -> Callable[[pickle.PickleBuffer], bool]:
    def keep_inside(buffer: pickle.PickleBuffer) -> bool:
        try:
            raw = buffer.raw()
        except BufferError:  # not contiguous
            return True
        if raw.nbytes < OUT_OF_BAND_NBYTES:
            return True
        buffers.append(buffer)
        return False

    return keep_inside


def unpack(payload: Any, buffers: Sequence[Any] = ()) -> Any:
    """Return the object that `pack` made bytes of."""
    return pickle.loads(payload, buffers=buffers)
