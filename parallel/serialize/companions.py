"""What comes along with a function from its session: imports, helpers, small values.

What a user defined on the engine always wins over what came along; what came along is
renewed when it changes in the session.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

from .names import ATOMS, Cached, runs_in_namespace, used_globals

__all__ = ["COMPANION_NBYTES", "Dumps", "Luggage", "companions"]

#: A companion value larger than this stays at home: pushing it is the user's
#: decision. An engine that misses it says so.
COMPANION_NBYTES = 1 << 20


class Luggage:
    """What comes along with one thing that is packed: each global only once.

    Without it, two objects whose class uses both would be packed into one another
    without end.
    """

    def __init__(self) -> None:
        #: Names and identities of the globals that are packed, or being packed.
        self.brought: set[tuple[str, int]] = set()
        #: Why others are not.
        self.left: dict[tuple[str, int], str] = {}
        #: The functions whose globals came along with those of another.
        self.told: set[int] = set()
        #: Whether there is a `Reference` in it.
        self.late = False


#: Packs a value that comes along, as a part of some luggage.
Dumps: TypeAlias = Callable[[Any, Luggage], bytes]


class Companion:
    """A value that comes along, already packed: see `companions`."""

    def __init__(self, packed: bytes) -> None:
        self.packed = packed

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.loads, (self.packed,)


def companions(
    f: FunctionType, luggage: Luggage, dumps: Dumps
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what comes along with a function, and what cannot, with the reason.

    What its helpers use is among it, and theirs, however long the chain: packed
    inside one another, some two hundred would end in a RecursionError.
    """
    values: dict[str, Any] = {}
    absent: dict[str, str] = {}
    waiting = [f]
    for helper in waiting:  # grows as it is read
        if id(helper) in luggage.told:
            continue
        luggage.told.add(id(helper))
        for name, value in used_globals(helper):
            if name not in values:
                _bring(name, value, values, absent, luggage, dumps)
            if type(value) is FunctionType and runs_in_namespace(value):
                waiting.append(value)
    return values, absent


def _bring(
    name: str,
    value: Any,
    values: dict[str, Any],
    absent: dict[str, str],
    luggage: Luggage,
    dumps: Dumps,
) -> None:
    item = name, id(value)
    small = type(value) in ATOMS and sys.getsizeof(value) <= COMPANION_NBYTES
    if small or isinstance(value, (FunctionType, type, ModuleType, Cached)):
        values[name] = value
    elif item not in luggage.brought:
        if item not in luggage.left:
            _try_to_bring(name, value, values, luggage, dumps)
        if item in luggage.left:
            absent[name] = luggage.left[item]


def _try_to_bring(
    name: str,
    value: Any,
    values: dict[str, Any],
    luggage: Luggage,
    dumps: Dumps,
) -> None:
    item = name, id(value)
    before = set(luggage.brought), set(luggage.told)
    luggage.brought.add(item)
    try:
        packed = dumps(value, luggage)
    except Exception as error:
        reason = f"it cannot be pickled ({type(error).__name__}: {error})"
    else:
        if len(packed) <= COMPANION_NBYTES:
            values[name] = Companion(packed)
            return
        reason = f"its {len(packed):,} bytes travel only if you push them"
    # What it would have brought stays here with it.
    luggage.brought, luggage.told = before
    luggage.left[item] = reason
