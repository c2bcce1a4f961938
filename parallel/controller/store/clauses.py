"""Conditions as SQL, where SQL surely answers what `conditions` does.

SQLite orders values of different types, and ends a text at a NUL where it matches
patterns; Python does neither. So only operands of a column's own type go to SQL.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...state.tasks import task_key
from .conditions import Condition

__all__ = ["where"]

#: So many parameters at most in one clause.
MOST = 400
_COMPARE = {"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}
_NUMBERS = frozenset({"submitted", "started", "completed", "received"})
#: Keys whose text is made of columns, and cannot have a NUL in it.
_IDS = {
    "msg_id": "(lower(hex(client)) || '_' || seq)",
    "client_uuid": "lower(hex(client))",
}
_COLUMNS = {**_IDS, "label": "label", **{name: name for name in _NUMBERS}}


def where(conditions: Sequence[Condition]) -> tuple[str, list[Any], list[Condition]]:
    """Return a WHERE clause, its parameters, and the conditions that it leaves out."""
    clauses = ["1"]
    parameters: list[Any] = []
    left: list[Condition] = []
    for condition in conditions:
        found = _clause(condition)
        if found is None:
            left.append(condition)
        else:
            clauses.append(found[0])
            parameters.extend(found[1])
    return " AND ".join(clauses), parameters, left


def _clause(condition: Condition) -> tuple[str, Sequence[Any]] | None:
    key, name, operand = condition
    column = _COLUMNS.get(key)
    if column is None:
        return None
    if name == "$exists":
        return f"{column} IS {'NOT ' if operand else ''}NULL", ()
    if name in ("$eq", "$ne") and operand is None:
        return f"{column} IS {'NOT ' if name == '$ne' else ''}NULL", ()
    if name == "$glob":
        simple = key in _IDS and "[" not in operand and len(operand) < MOST
        return (
            (f"{column} GLOB ?", [operand]) if simple and _fits(key, operand) else None
        )
    if name in ("$in", "$nin"):
        return _membership(key, column, name, list(operand))
    if name not in ("$eq", "$ne", *_COMPARE) or not _fits(key, operand):
        return None
    if key == "msg_id" and name == "$eq":
        return _membership(key, column, "$in", [operand])
    sign = {"$eq": "=", "$ne": "IS NOT", **_COMPARE}[name]
    return f"{column} {sign} ?", [operand]


def _membership(
    key: str, column: str, name: str, operand: list[Any]
) -> tuple[str, Sequence[Any]] | None:
    values = [each for each in operand if each is not None]
    if len(values) > MOST or not all(_fits(key, each) for each in values):
        return None
    if key == "msg_id" and name == "$in":
        return _keys(values)
    missing = len(values) < len(operand)
    marks = f"({','.join('?' * len(values))})"
    if name == "$in":
        also = f" OR {column} IS NULL" if missing else ""
        return f"({column} IN {marks}{also})", values
    also = f"{column} IS NOT NULL AND" if missing else f"{column} IS NULL OR"
    return f"({also} {column} NOT IN {marks})", values


def _keys(msg_ids: list[str]) -> tuple[str, Sequence[Any]]:
    """Return a clause that the index of the columns of a msg_id serves."""
    found = [(m, task_key(m)) for m in msg_ids]
    keys = [k for m, k in found if k is not None and m == f"{k.client.hex()}_{k.seq}"]
    keys = [key for key in keys if key.seq < 1 << 63]
    if not keys:
        return "0", ()
    marks = ",".join(["(?,?)"] * len(keys))
    return f"(client, seq) IN (VALUES {marks})", [part for key in keys for part in key]


def _fits(key: str, operand: Any) -> bool:
    """Tell whether SQL compares an operand with a key's values as Python does."""
    if key in _NUMBERS:
        if isinstance(operand, float):
            return not math.isnan(operand)
        return isinstance(operand, int) and -(1 << 63) <= operand < 1 << 63
    if not isinstance(operand, str) or "\0" in operand:
        return False
    try:
        operand.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
