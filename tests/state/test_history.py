"""Of the last clients it is known how their newest tasks ended."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from parallel.state import history
from parallel.state.history import CANCELLED, FAILED, OK, History
from parallel.state.naming import TaskKey

FEW = 8


@pytest.fixture(autouse=True)
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "REMEMBERED", FEW)
    monkeypatch.setattr(history, "CLIENTS", 3)


def key(seq: int, client: int = 0) -> TaskKey:
    return TaskKey(b"client %d" % client, seq)


ends = st.tuples(
    st.integers(0, 60), st.sampled_from([OK, FAILED, CANCELLED]), st.integers(-1, 3)
)


def test_what_was_never_noted_is_unknown() -> None:
    past = History()
    past.note(key(3), OK, 0)
    assert past.find(key(3)) == (OK, 0)
    for seq in (-1, 2, 4, 10**12):
        assert past.find(key(seq)) is None
    assert past.find(key(3, 1)) is None


@given(st.lists(ends))
def test_what_is_remembered_is_true_and_the_newest_are(
    noted: list[tuple[int, int, int]],
) -> None:
    history.REMEMBERED = FEW
    past = History()
    table: dict[int, tuple[int, int]] = {}
    highest = -1
    for seq, how, engine_id in noted:
        past.note(key(seq), how, engine_id)
        highest = max(highest, seq)
        if past.find(key(seq)) is not None or seq > highest - FEW:
            table[seq] = how, engine_id
        for each, end in table.items():
            found = past.find(key(each))
            assert found == end or (found is None and each <= highest - FEW)
        known = [each for each in range(61) if past.find(key(each)) is not None]
        assert set(known) <= set(table)
        assert len(past._past.ends) == len(past._past.engines) <= 2 * FEW


def test_of_any_number_in_their_order_the_newest_are_kept() -> None:
    past = History()
    for seq in range(1_000):
        past.note(key(seq), 1 + seq % 3, seq % 4)
        assert len(past._past.ends) == len(past._past.engines) <= 2 * FEW
    for seq in range(1_000 - FEW, 1_000):
        assert past.find(key(seq)) == (1 + seq % 3, seq % 4)
    assert past.find(key(1_000 - 2 * FEW - 1)) is None


def test_a_number_far_ahead_costs_no_more_than_others() -> None:
    past = History()
    past.note(key(1), OK, 2)
    past.note(key(2**62), FAILED, 3)
    assert past.find(key(2**62)) == (FAILED, 3)
    assert past.find(key(1)) is None
    assert len(past._past.ends) <= 2 * FEW
    past.note(key(1), OK, 2)  # too old: not kept, and no harm done
    past.note(key(-1), OK, 2)
    assert past.find(key(1)) is past.find(key(-1)) is None


def test_the_clients_are_remembered_whose_tasks_ended_last() -> None:
    past = History()
    for client in (0, 1, 2, 0, 3):
        past.note(key(client + 5, client), OK, client)
    assert past.find(key(6, 1)) is None
    for client in (0, 2, 3):
        assert past.find(key(client + 5, client)) == (OK, client)
    past.note(key(7, 1), FAILED, 1)
    assert past.find(key(7, 2)) is None
    assert len(past._pasts) == 3


def test_many_clients_with_few_tasks_are_all_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "CLIENTS", 1_000)
    monkeypatch.setattr(history, "TASKS", 100)
    past = History()
    for client in range(90):
        past.note(key(0, client), OK, 1)
    assert all(past.find(key(0, client)) for client in range(90))


def test_of_many_tasks_those_of_the_last_clients_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "CLIENTS", 1_000)
    monkeypatch.setattr(history, "TASKS", 5 * FEW)
    past = History()
    for client in range(200):
        for seq in range(FEW):
            past.note(key(seq, client), OK, 1)
    known = [client for client in range(200) if past.find(key(0, client))]
    assert known == list(range(200 - len(known), 200))
    assert 5 <= len(known) <= 6
    assert past._total <= 6 * FEW
