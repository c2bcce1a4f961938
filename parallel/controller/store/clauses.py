"""Conditions on tasks as conditions on blocks of them: no block with a match is missed.

What is left is looked at task by task, by `conditions.matches`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ...state.naming import TaskKey, task_key
from .blocks import HIGHEST, label_mark
from .conditions import Condition

__all__ = ["of_keys", "where"]

#: So many alternatives at most in one clause.
MOST = 200
#: And so many clients: SQLite has no more than 32,766 variables.
MOST_CLIENTS = 10_000
#: Tasks are told to have begun up to so much before or after, seconds: see `fields`.
SLACK = 1e-6
_BOUNDS = {
    "$gt": ("until > ?", -SLACK),
    "$gte": ("until >= ?", -SLACK),
    "$lt": ("since < ?", SLACK),
    "$lte": ("since <= ?", SLACK),
}

Clause = tuple[str, Sequence[Any]]


def where(conditions: Iterable[Condition]) -> Clause:
    """Return a WHERE clause, and its parameters."""
    found = [clause for each in conditions if (clause := _clause(each)) is not None]
    parameters = [value for _, values in found for value in values]
    return " AND ".join(["1", *(clause for clause, _ in found)]), parameters


def _clause(condition: Condition) -> Clause | None:
    key, name, operand = condition
    if name in ("$eq", "$in") and key in ("msg_id", "label", "client_uuid"):
        wanted = list(operand) if name == "$in" else [operand]
        if len(wanted) <= MOST and all(isinstance(each, str) for each in wanted):
            return _any([_MEMBERS[key](each) for each in wanted])
    if key == "submitted" and name in _BOUNDS and _is_number(operand):
        clause, slack = _BOUNDS[name]
        return clause, [operand + slack]
    return None


def _any(clauses: Sequence[Clause]) -> Clause:
    text = " OR ".join(["0", *(clause for clause, _ in clauses)])
    return f"({text})", [value for _, values in clauses for value in values]


def of_keys(keys: Sequence[TaskKey]) -> Clause:
    """Return a clause for the blocks that may have one of these tasks."""
    if len(keys) <= MOST:
        return _any([_of_key(key) for key in keys])
    clients = list({key.client for key in keys})
    if len(clients) > MOST_CLIENTS:
        return "1", []
    if len(clients) == 1:
        numbers = [min(key.seq, HIGHEST) for key in keys]
        return _of_range(clients[0], min(numbers), max(numbers))
    return f"client IN ({','.join('?' * len(clients))})", clients


def _of_key(key: TaskKey) -> Clause:
    seq = min(key.seq, HIGHEST)
    return "(client = ? AND first <= ? AND last >= ?)", [key.client, seq, seq]


def _of_range(client: bytes, first: int, last: int) -> Clause:
    return "(client = ? AND first <= ? AND last >= ?)", [client, last, first]


def _of_client(client: bytes) -> Clause:
    return "client = ?", [client]


def _of_msg_id(msg_id: str) -> Clause:
    key = task_key(msg_id)
    return ("0", []) if key is None else _of_key(key)


def _of_client_uuid(text: str) -> Clause:
    try:
        return _of_client(bytes.fromhex(text))
    except ValueError:
        return "0", []


_MEMBERS = {
    "msg_id": _of_msg_id,
    "label": lambda label: ("instr(labels, ?)", [label_mark(label)]),
    "client_uuid": _of_client_uuid,
}


def _is_number(operand: Any) -> bool:
    if isinstance(operand, float):
        return not math.isnan(operand)
    return isinstance(operand, int) and -HIGHEST <= operand <= HIGHEST
