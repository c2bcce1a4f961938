"""How this process pickles: its own way, cloudpickle's or dill's.

Whatever packed it, it is unpacked the same way, so that a switch concerns only what
leaves the process where it was made.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any, TypeAlias

from .companions import Luggage
from .nested import Nested
from .picklers import ValuePickler, dumps, reduce_value

__all__ = ["pickled", "use_cloudpickle", "use_dill", "use_pickle", "way"]

Callback: TypeAlias = Callable[[Any], Any]
Way: TypeAlias = Callable[[Any, "Luggage | None", "Callback | None"], bytes]

_way: Way = dumps


def way() -> Way:
    """Return the function that pickles now: it is another one after a switch."""
    return _way


def pickled(
    obj: Any, luggage: Luggage | None = None, buffer_callback: Callback | None = None
) -> bytes:
    """Return the bytes of any object, in the way that this process is set to."""
    return _way(obj, luggage, buffer_callback)


def use_pickle() -> None:
    """Pickle in the package's own way again, in all of this process.

    Functions of `__main__` run with the engine's namespace as their globals.
    """
    _set(dumps)


def use_cloudpickle() -> None:
    """Pickle as cloudpickle does, in all of this process.

    Functions of `__main__` then carry the globals that they use, instead of running
    in the engine's namespace.
    """
    _set(_by_cloudpickle)


def use_dill() -> None:
    """Pickle as dill does, in all of this process.

    Functions of `__main__` then carry the globals that they use, instead of running
    in the engine's namespace.

    Raises
    ------
    ImportError
        dill is not installed here.
    """
    _dill()
    _set(_by_dill)


def _set(new: Way) -> None:
    global _way
    _way = new


def _by_cloudpickle(
    obj: Any, luggage: Luggage | None, buffer_callback: Callback | None
) -> bytes:
    with io.BytesIO() as file:
        ValuePickler(file, buffer_callback, luggage).dump(obj)
        return file.getvalue()


def _dill() -> Any:
    try:
        import dill
    except ImportError as error:
        raise ImportError(
            "dill is not installed here: `pip install dill`, here and where the "
            "engines run, or take use_cloudpickle()"
        ) from error
    return dill


@lru_cache(1)
def _dill_pickler() -> Any:
    class DillPickler(_dill().Pickler):  # type: ignore[misc]
        """dill's, which also knows what users registered, and references."""

        def __init__(self, luggage: Luggage, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._luggage = luggage
            self._canned: set[int] = set()

        def reducer_override(self, obj: Any) -> Any:
            if type(obj) is ModuleType and sys.modules.get(obj.__name__) is obj:
                # dill would send all that is in a module that is not installed.
                return import_module, (obj.__name__,)
            return reduce_value(obj, self._luggage, self._canned)

    return DillPickler


def _by_dill(
    obj: Any, luggage: Luggage | None, buffer_callback: Callback | None
) -> bytes:
    buffers: list[Any] = []
    with io.BytesIO() as file:
        _dill_pickler()(
            luggage or Luggage(), file, 5, buffer_callback=buffers.append, recurse=True
        ).dump(obj)
        nested = Nested(_load_dill, file.getvalue(), buffers)
    with io.BytesIO() as file:
        pickle.Pickler(file, 5, buffer_callback=buffer_callback).dump(nested)
        return file.getvalue()


def _load_dill(payload: Any, *buffers: Any) -> Any:
    return _dill().loads(payload, buffers=buffers)
