"""What a query asks of each record, as tests in Python.

A query is a dict of keys and what they must equal, or of keys and operators:
``{"label": "sweep", "completed": {"$gt": 1.7e9, "$lt": 1.8e9}}``. All must hold.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from .entry import Entry
from .fields import FIELDS

__all__ = ["OPERATORS", "Condition", "holds", "matches", "parse"]


class Condition(NamedTuple):
    """One test of one key."""

    key: str
    operator: str
    operand: Any


def parse(query: Mapping[str, Any] | None) -> list[Condition]:
    """Return the conditions of a query.

    Raises
    ------
    ValueError
        A key or an operator does not exist, or an operand does not suit it.
    """
    conditions = []
    if not isinstance(query, Mapping) and query is not None:
        raise ValueError(f"a query is a dict of keys and conditions, not {query!r}")
    for key, wanted in (query or {}).items():
        if key not in FIELDS:
            raise ValueError(
                f"a record has no key {key!r}; its keys are {', '.join(FIELDS)}"
            )
        if not isinstance(wanted, dict) or not any(map(_is_operator, wanted)):
            wanted = {"$eq": wanted}
        for name, operand in wanted.items():
            if name in _MEMBERSHIP and isinstance(operand, str):
                operand = [operand]  # programs give one label bare
            _check(key, name, operand)
            if name in _MEMBERSHIP:
                operand = _members(operand)
            conditions.append(Condition(key, name, operand))
    return conditions


def _members(operand: Sequence[Any]) -> Collection[Any]:
    """Return a list as a set if it can be one: it may have an id for each record."""
    try:
        return frozenset(operand)
    except TypeError:
        return operand


def _is_operator(name: Any) -> bool:
    return isinstance(name, str) and name.startswith("$")


def _check(key: str, name: Any, operand: Any) -> None:
    """Raise unless an operator is known and can do with its operand."""
    if name not in OPERATORS:
        raise ValueError(
            f"the query for {key!r} has an unknown operator {name!r}; there are "
            f"{' '.join(OPERATORS)}"
        )
    fits, needs = _OPERANDS.get(name, (lambda _: True, ""))
    if not fits(operand):
        raise ValueError(f"{name} needs {needs}, not {operand!r} (for {key!r})")


def matches(conditions: Sequence[Condition], entry: Entry) -> bool:
    """Tell whether a task's record meets all conditions."""
    return all(holds(each, FIELDS[each.key](entry)) for each in conditions)


def holds(condition: Condition, value: Any) -> bool:
    """Tell whether a value, None for a missing one, meets a condition."""
    return bool(OPERATORS[condition.operator](value, condition.operand))


def _ordered(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    def test(value: Any, operand: Any) -> bool:
        if value is None:
            return False
        try:
            return bool(compare(value, operand))
        except TypeError:  # of different kinds: neither is before the other
            return False

    return test


def _in(value: Any, operand: Collection[Any]) -> bool:
    try:
        return value in operand
    except TypeError:  # a set has no dicts
        return False


def _glob(value: Any, pattern: str) -> bool:
    return value is not None and fnmatchcase(str(value), pattern)


def _all(value: Any, operand: Sequence[Any]) -> bool:
    if value is None:
        return False
    members = value if isinstance(value, (list, tuple, dict)) else [value]
    return all(each in members for each in operand)


def _mod(value: Any, operand: Sequence[Any]) -> bool:
    if not isinstance(value, (int, float)):
        return False
    divisor, rest = operand
    return bool(value % divisor == rest)


def _exists(value: Any, wanted: bool) -> bool:
    return (value is not None) == bool(wanted)


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$in": _in,
    "$nin": lambda value, operand: not _in(value, operand),
    "$eq": operator.eq,
    "$ne": operator.ne,
    "$lt": _ordered(operator.lt),
    "$lte": _ordered(operator.le),
    "$gt": _ordered(operator.gt),
    "$gte": _ordered(operator.ge),
    "$glob": _glob,
    "$all": _all,
    "$mod": _mod,
    "$exists": _exists,
}


_MEMBERSHIP = frozenset({"$in", "$nin"})


def _is_list(operand: Any) -> bool:
    return isinstance(operand, (list, tuple))


def _is_division(operand: Any) -> bool:
    return (
        _is_list(operand)
        and len(operand) == 2
        and all(isinstance(each, (int, float)) for each in operand)
        and operand[0] != 0
    )


_OPERANDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "$in": (_is_list, "a list"),
    "$nin": (_is_list, "a list"),
    "$all": (_is_list, "a list"),
    "$glob": (lambda operand: isinstance(operand, str), "a pattern"),
    "$mod": (_is_division, "a list of a divisor, not 0, and a remainder"),
    "$exists": (lambda operand: operand in (True, False), "True or False"),
}
