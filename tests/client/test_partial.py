"""What has come of results under way is a dict, and tells where else to look."""

from __future__ import annotations

import pytest

from parallel.client.partial import Partial


def test_an_entry_is_there_as_long_as_its_result_is_under_way() -> None:
    under_way = [{"a_1": 5}, {"a_2": 6}]
    entries = Partial(lambda: under_way, dict)
    assert entries == {"a_1": 5, "a_2": 6}
    assert entries["a_2"] == 6
    under_way.pop()
    assert "a_2" not in entries


def test_who_looks_for_what_is_not_there_is_told_where_to_ask() -> None:
    entries = Partial(list, dict)
    assert "nope_1" not in entries
    assert entries.get("nope_1") is None
    with pytest.raises(KeyError, match=r"'nope_1': .* get_result\(msg_id\) asks"):
        entries["nope_1"]
