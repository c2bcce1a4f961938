"""Exceptions of users' code: packed where they were raised, made again elsewhere."""

from __future__ import annotations

import pickle
import traceback
from typing import Any, NamedTuple

from ..errors import Failure, RemoteError, parts_of, remote_error, without_init
from .objects import Packed
from .reasons import RAISED, message_of, say
from .steps import users_part
from .switches import pickled

__all__ = ["Caught", "pack_error", "unpack_error"]


def pack_error(error: BaseException, engine_info: dict[str, Any]) -> Packed:
    """Return an exception of the user's code, with its traceback as text."""
    name = type(error).__name__
    failure = Failure(name, message_of(error), _traceback(error), engine_info)
    BaseException.with_traceback(error, None)
    original = _pack_whole(error) or _pack_parts(error)
    return Packed(pickle.dumps((tuple(failure), original), 5))


class Caught(NamedTuple):
    """The results of a map of which some elements raised.

    `errors` holds what they raised, packed, by their place among the `values`.
    """

    values: list[Any]
    errors: dict[int, bytes]

    def filled(self) -> list[Any]:
        """Return the results, with the exceptions in their places."""
        for place, packed in self.errors.items():
            self.values[place] = unpack_error(packed)
        return self.values


def _traceback(error: BaseException) -> str:
    step = users_part(error.__traceback__)
    try:
        return "".join(traceback.format_exception(type(error), error, step))
    except RAISED:  # by an attribute of it
        return "".join(traceback.format_tb(step))


def _pack_whole(error: BaseException) -> bytes:
    """Return an exception's pickle, or nothing if it cannot be had or used."""
    try:
        packed = pickled(error)
        pickle.loads(packed)  # an __init__ may ask for more than `args` has
    except RAISED:  # as one's that checks its arguments
        return b""
    return packed


def _pack_parts(error: BaseException) -> bytes:
    """Return an exception's type with what of it can travel, or nothing."""
    try:
        cls, args, attributes = parts_of(error)
        if not _can_travel(args):
            args = (message_of(error),)
        can = {name: value for name, value in attributes.items() if _can_travel(value)}
        return pickled(_Parts(cls, args, can))
    except RAISED:
        return b""


class _Parts:
    """An exception that is made again without its own `__init__`."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts

    def __reduce__(self) -> tuple[Any, ...]:
        return without_init, self._parts


def _can_travel(value: Any) -> bool:
    try:
        pickle.loads(pickled(value))
    except RAISED:
        return False
    return True


def unpack_error(payload: Any) -> RemoteError:
    """Return the exception to raise here for one that `pack_error` packed.

    What is none says so: an engine may send anything.
    """
    try:
        found, packed = pickle.loads(payload)
        failure = Failure(*found)
    except RAISED as error:
        text = f"an engine told of an error that cannot be read: {say(error)}"
        failure, packed = Failure("CannotUnpack", text, "", {}), None
    original: BaseException | None = None
    if packed:
        try:
            original = pickle.loads(packed)
        except RAISED:  # not importable here: the text remains
            original = None
    return remote_error(failure, original)
