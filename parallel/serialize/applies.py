"""Objects and whole calls as lists of bytes and buffers, for users' own transports."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from .callables import pack_function, unpack_function
from .calls import pack_call, unpack_value
from .objects import Packed, pack

__all__ = [
    "deserialize_object",
    "pack_apply_message",
    "serialize_object",
    "unpack_apply_message",
]

#: Bytes, or anything else that lends its memory.
Buffer: TypeAlias = Any


def serialize_object(
    obj: Any, buffer_threshold: int | None = None, item_threshold: int | None = None
) -> list[Buffer]:
    """Return an object as a list of buffers: the first is bytes, the rest its arrays.

    Parameters
    ----------
    buffer_threshold, item_threshold
        Have no meaning here: buffers from 8 KiB up are not copied, wherever in the
        object they are.
    """
    return _listed(pack(obj))


def _listed(packed: Packed) -> list[Buffer]:
    head = pickle.dumps((len(packed.buffers), packed.payload), 5)
    return [head, *(memoryview(buffer) for buffer in packed.buffers)]


def deserialize_object(
    buffers: Sequence[Buffer], g: Any = None
) -> tuple[Any, list[Buffer]]:
    """Return the first object that is in a list of buffers, and the rest of them.

    Parameters
    ----------
    g
        Has no meaning here: the namespace is that of `__main__`.

    Raises
    ------
    CannotUnpack
        Something that it needs is not here; the error says what.
    """
    head, *rest = buffers
    count, payload = pickle.loads(head)
    obj = unpack_value(payload, rest[:count], "the object")
    return obj, rest[count:]


def pack_apply_message(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    buffer_threshold: int | None = None,
    item_threshold: int | None = None,
) -> list[Buffer]:
    """Return a call as a list of buffers: the function, then its arguments.

    Raises
    ------
    CannotPack
        Something in it cannot be pickled; the error says what.
    """
    function = pack_function(f)
    packed = pack_call(function.name, tuple(args), kwargs)
    return [function.code, *_listed(packed)]


def unpack_apply_message(
    bufs: Sequence[Buffer], g: Any = None, copy: bool = True
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Return the function, the arguments and the keyword arguments of a call.

    Parameters
    ----------
    g, copy
        Have no meaning here.

    Raises
    ------
    CannotUnpack
        Something that it needs is not here; the error says what.
    """
    code, *rest = bufs
    f = unpack_function(code)
    (args, kwargs), _ = deserialize_object(rest)
    return f, args, kwargs
