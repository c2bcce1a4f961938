"""`PrePickled`: packed once, sent many times."""

from __future__ import annotations

from typing import Any

from ..errors import CannotPack
from .nested import Nested
from .objects import pack, unpack
from .steps import cause_of

__all__ = ["PrePickled"]


class PrePickled(Nested):
    """An object in its packed form, for what is sent many times.

    It is taken as it is now: what is changed later does not travel. It goes where
    the object could, as the function of a call or inside arguments, and arrives as
    the object itself::

        table = PrePickled(big_table)
        for row in rows:
            view.apply_async(look_up, table, row)

    Raises
    ------
    CannotPack
        The object cannot be pickled.
    """

    def __init__(self, obj: Any) -> None:
        what = getattr(obj, "__name__", None) or type(obj).__name__
        try:
            packed = pack(obj)
        except Exception as error:
            raise CannotPack(
                f"cannot pickle {what} beforehand: {type(error).__name__}: {error}"
            ) from cause_of(error)
        # Copies, or what is changed in the object later would travel, but only arrays.
        buffers = [_copy(buffer.raw()) for buffer in packed.buffers]
        super().__init__(_unpack, packed.payload, buffers)
        #: Whether it may be the function of a call.
        self.is_callable = callable(obj)
        #: How messages call it.
        self.__name__ = str(what)

    def __repr__(self) -> str:
        return f"<PrePickled: {self.__name__}>"


def _copy(memory: memoryview) -> bytes | bytearray:
    return bytes(memory) if memory.readonly else bytearray(memory)


def _unpack(payload: Any, *buffers: Any) -> Any:
    return unpack(payload, buffers)
