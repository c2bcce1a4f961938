"""The package's own way to pickle: what makes of any object bytes that can travel.

A function of an importable module travels by its name, and must be importable
where it runs. A function of `__main__`, or one marked with `interactive`, travels
by value, taken apart by `functions`. For all else there is cloudpickle.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cached_property, singledispatchmethod
from types import FunctionType
from typing import IO, Any

import cloudpickle

from .canning import can_map, reduce_canned
from .companions import Luggage
from .dispatchers import (
    is_dispatcher,
    reduce_dispatcher,
    reduce_dispatching_method,
)
from .functions import (
    fill,
    make_cached,
    make_cached_property,
    make_function,
    state_of,
)
from .names import Cached, found_by_name, runs_in_namespace
from .references import Reference

__all__ = ["FunctionPickler", "ValuePickler", "dumps", "reduce_value"]

#: What a pickler looks at before it leaves the rest to cloudpickle.
_SPECIAL = frozenset(
    {FunctionType, Reference, Cached, cached_property, singledispatchmethod}
)


class ValuePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """A cloudpickle pickler that knows what users registered, and references.

    Parameters
    ----------
    luggage
        Of the whole that this pickle is a part of.
    """

    def __init__(
        self,
        file: IO[bytes],
        buffer_callback: Callable[[Any], Any] | None = None,
        luggage: Luggage | None = None,
    ) -> None:
        super().__init__(file, 5, buffer_callback)
        self._luggage = luggage or Luggage()
        self._canned: set[int] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Reduce what cloudpickle does not know; leave the rest to it."""
        if type(obj) in _SPECIAL or can_map:
            reduced = self.reduce(obj)
            if reduced is not NotImplemented:
                return reduced
        return super().reducer_override(obj)

    def reduce(self, obj: Any) -> Any:
        """Return how to pickle what cloudpickle does not know; else NotImplemented."""
        return reduce_value(obj, self._luggage, self._canned)


def reduce_value(obj: Any, luggage: Luggage, canned: set[int]) -> Any:
    """Return how to pickle what no other pickler knows; else NotImplemented."""
    kind = type(obj)
    if kind is Reference:
        luggage.late = True
    elif kind is FunctionType and is_dispatcher(obj) and not found_by_name(obj):
        return reduce_dispatcher(obj)
    elif kind is Cached and not found_by_name(obj):
        return make_cached, (obj.__wrapped__, obj.cache_parameters())
    elif kind is singledispatchmethod:
        return reduce_dispatching_method(obj)
    elif kind is cached_property:  # it has a lock before Python 3.12
        return make_cached_property, (obj.func, obj.attrname)
    elif can_map:
        return reduce_canned(obj, canned)
    return NotImplemented


class FunctionPickler(ValuePickler):
    """A pickler that sends the functions of `__main__` our way."""

    def reduce(self, obj: Any) -> Any:
        """Return how to pickle functions of the session, and what else is ours."""
        if type(obj) is FunctionType and runs_in_namespace(obj):
            cells = len(obj.__closure__ or ())
            state = state_of(obj, self._luggage, dumps)
            return make_function, (obj.__code__, cells), state, None, None, fill
        return super().reduce(obj)


def dumps(
    obj: Any,
    luggage: Luggage | None = None,
    buffer_callback: Callable[[Any], Any] | None = None,
) -> bytes:
    """Return the bytes of any object, functions and classes of `__main__` included."""
    with io.BytesIO() as file:
        FunctionPickler(file, buffer_callback, luggage).dump(obj)
        return file.getvalue()
