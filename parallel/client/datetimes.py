"""Times: datetimes to users, and seconds since the epoch to the controller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, time, timezone
from typing import Any

__all__ = ["as_datetime", "as_datetimes", "as_seconds"]

#: The keys of a record that are times, on their own or in dicts under other keys.
TIMES = ("submitted", "started", "completed", "received")
TIMES_WITHIN = {
    "header": ("date",),
    "result_header": ("date",),
    "result_metadata": ("started",),
}


def as_datetime(seconds: float) -> datetime | None:
    """Return an aware datetime for seconds since the epoch; None for 0."""
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None


def as_seconds(value: Any) -> Any:
    """Return a query with seconds in the place of times, and lists of sequences."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, Mapping):
        return {key: as_seconds(each) for key, each in value.items()}
    if isinstance(value, date):  # its beginning here, as of a naive datetime
        return datetime.combine(value, time.min).timestamp()
    if isinstance(value, (Sequence, Set)) and not isinstance(value, (str, bytes)):
        return [as_seconds(each) for each in value]
    return value


def as_datetimes(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with aware datetimes."""
    for key in TIMES:
        if record.get(key) is not None:
            record[key] = as_datetime(record[key])
    for key, names in TIMES_WITHIN.items():
        within = record.get(key) or {}
        for name in names:
            if within.get(name) is not None:
                within[name] = as_datetime(within[name])
    return record
