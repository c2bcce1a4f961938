"""Times are datetimes to users, and seconds to the controller."""

from __future__ import annotations

from datetime import date, datetime, timezone

from parallel.client.datetimes import as_datetime, as_datetimes, as_seconds


def test_times_are_aware() -> None:
    assert as_datetime(0.5) == datetime(1970, 1, 1, 0, 0, 0, 500_000, timezone.utc)
    assert as_datetime(0) is None


def test_times_anywhere_in_a_query_are_seconds() -> None:
    noon = datetime(1970, 1, 1, 12, tzinfo=timezone.utc)
    query = {"started": {"$in": (noon, 5)}, "completed": noon, "label": "noon"}
    assert as_seconds(query) == {
        "started": {"$in": [43200.0, 5]}, "completed": 43200.0, "label": "noon",
    }  # fmt: skip


def test_a_day_in_a_query_is_its_beginning_here() -> None:
    assert as_seconds(date(2020, 5, 1)) == datetime(2020, 5, 1).timestamp()


def test_the_times_of_a_record_are_datetimes() -> None:
    record = {"started": 0.5, "completed": None, "n": 1, "header": {"date": 0.5}}
    begin = as_datetime(0.5)
    assert as_datetimes(record) == {
        "started": begin, "completed": None, "n": 1, "header": {"date": begin},
    }  # fmt: skip
