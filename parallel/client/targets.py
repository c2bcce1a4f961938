"""Which engines a user means: ids, slices of them, or all that are there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..aliases import EngineId, Targets
from ..errors import NoEnginesRegistered
from .connection import Connection

__all__ = ["checked_targets", "is_id", "nobody", "resolve", "resolve_all"]


def is_id(target: Any) -> bool:
    """Tell whether something can be one engine's id: True, False and arrays cannot."""
    return (
        hasattr(target, "__index__")
        and not hasattr(target, "__iter__")
        and not isinstance(target, bool)
    )


def checked_targets(name: str, targets: Any) -> Any:
    """Return targets, in a list if they are several, whoever is there.

    Raises
    ------
    TypeError
        They can be no targets.
    """
    if targets is None or isinstance(targets, slice) or is_id(targets):
        return targets
    if isinstance(targets, str) and targets == "all":
        return targets
    if isinstance(targets, (str, bytes)) or not isinstance(targets, Iterable):
        raise TypeError(f"{name} are ids, a slice of them or 'all', not {targets!r}")
    several = list(targets)
    for target in several:
        if not is_id(target):
            raise TypeError(f"an engine's id is an int, not {target!r}")
    return several


def resolve(connection: Connection, targets: Targets) -> list[EngineId]:
    """Return the ids that some targets mean.

    Negative numbers and slices count in the list of ids.

    Raises
    ------
    IndexError
        There is no such engine; the error tells how it died, if it did.
    NoEnginesRegistered, TransportError
        There is none at all: see `resolve_all`.
    TypeError
        They are no targets.
    """
    engines = connection.engines
    if (
        targets
        and isinstance(targets, list)
        and all(type(each) is int and each in engines for each in targets)
    ):
        return targets
    chosen = checked_targets("targets", targets)
    ids = resolve_all(connection)
    if chosen is None or isinstance(chosen, str):
        return ids
    if isinstance(chosen, slice):
        return ids[chosen]
    several = [chosen] if is_id(chosen) else chosen
    return [_one(connection, target, ids) for target in several]


def resolve_all(connection: Connection) -> list[EngineId]:
    """Return the ids of all engines that are there.

    Raises
    ------
    NoEnginesRegistered
        There is none.
    TransportError
        There is none, and the connection has ended, for this reason.
    """
    ids = sorted(connection.engines)
    if not ids:
        connection.look()
        ids = sorted(connection.engines)
    if not ids:
        if connection.closed is not None:  # none will ever come
            raise connection.closed
        raise NoEnginesRegistered(
            "no engine is registered: wait_for_engines(n) waits for them"
        )
    return ids


def nobody(view: Any) -> NoEnginesRegistered:
    """Return what is raised for a call to a view of no engines, such as `rc[4:]`."""
    return NoEnginesRegistered(
        f"{view!r} has no engines: nobody can be asked for anything"
    )


def _one(connection: Connection, target: Any, ids: list[EngineId]) -> EngineId:
    index = int(target)
    if index < 0 and -index <= len(ids):
        return ids[index]
    if index in ids:
        return index
    died = connection.departed.get(index)
    told = f"there is no engine {index}{' any more' * bool(died)}; engines are {ids}"
    if died:
        told += f". It {died}; rc[:] is a view of those that there are now"
    raise IndexError(told)
