"""The arguments and the values of calls: what cannot be packed or unpacked is named."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from ..errors import CannotPack, CannotUnpack
from .names import ATOMS
from .objects import Packed, pack
from .reasons import RAISED, blamed, lacking, say
from .references import Unresolved
from .steps import cause_of

__all__ = ["pack_call", "pack_elements", "pack_value", "unpack_value"]

#: What engines call what they unpack.
ARGUMENTS = "the arguments"


def pack_call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Packed:
    """Return the arguments of one call.

    Raises
    ------
    CannotPack
        The error names the argument.
    """
    if not kwargs and all(type(arg) in ATOMS for arg in args):
        return Packed(pickle.dumps((args, kwargs), 5))
    try:
        return pack((args, kwargs))
    except Exception as error:
        failure = error
    for key, value in (*enumerate(args), *kwargs.items()):
        which = key if isinstance(key, int) else repr(key)
        pack_value(value, f"argument {which} of {name}")
    raise CannotPack(
        f"cannot send the arguments of {name}: {say(failure)}"
    ) from cause_of(failure)


def _kind(value: Any) -> str:
    """Return what a value is, with its article."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def pack_value(value: Any, what: str) -> Packed:
    """Return a value that `what` names.

    Raises
    ------
    CannotPack
        The error calls it by that name.
    """
    try:
        return pack(value)
    except Exception as error:
        raise CannotPack(
            f"cannot send {what} ({_kind(value)}): {blamed(value, error)}"
        ) from cause_of(error)


def pack_elements(parts: Sequence[Any], name: str, begin: int = 0) -> Packed:
    """Return one part of each sequence of a map.

    Parameters
    ----------
    begin
        The index of the first element, for the error.

    Raises
    ------
    CannotPack
        The error names the element.
    """
    try:
        return pack(parts)
    except Exception as error:
        failure = error
    for part in parts:
        for i, element in enumerate(part, begin):
            pack_value(element, f"element {i} for {name}")
    raise CannotPack(f"cannot send elements for {name}: {say(failure)}") from cause_of(
        failure
    )


def unpack_value(payload: Any, buffers: Sequence[Any], what: str) -> Any:
    """Return a value that another process packed.

    Raises
    ------
    CannotUnpack
        The error calls it by the name of `what`.
    Exception
        Whatever looking up a `Reference` in it raised.
    """
    try:
        return pickle.loads(payload, buffers=buffers)
    except Unresolved as error:
        reason = error.error
    except RAISED as error:
        why = lacking(error, is_engine=what == ARGUMENTS)
        raise CannotUnpack(f"cannot unpack {what} here: {why}") from cause_of(error)
    raise reason
