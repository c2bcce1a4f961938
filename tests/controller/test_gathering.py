"""Records are packed one by one, and joined in any order, into one bounded answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from parallel.controller import gathering
from parallel.controller.gathering import Gathering


@pytest.fixture
def gathered() -> Iterator[Gathering]:
    made = Gathering()
    yield made
    made.close()


def decoded(raw: msgspec.Raw) -> Any:
    return msgspec.msgpack.decode(raw)


@pytest.mark.parametrize("in_memory", [10, 1 << 20])
def test_records_come_in_the_order_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    monkeypatch.setattr(gathering, "IN_MEMORY", in_memory)
    made = Gathering()
    records = [{"seq": seq, "text": "x" * seq} for seq in range(50)]
    places = [made.put(record) for record in records]
    assert decoded(made.join(places)) == records
    assert decoded(made.join(places[::-1])) == records[::-1]
    assert decoded(made.join([places[3], places[7], places[8]])) == [
        records[3], records[7], records[8]
    ]  # fmt: skip
    made.close()


def test_none_are_an_empty_list(gathered: Gathering) -> None:
    assert decoded(gathered.join([])) == []


def test_too_many_are_refused_in_words(
    gathered: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MOST_NBYTES", 100)
    gathered.put({"text": "x" * 80})
    with pytest.raises(ValueError, match=r"more than 100 bytes: ask for fewer of them"):
        gathered.put({"text": "x" * 80})
