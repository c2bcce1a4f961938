"""Histories list every id, and take no more room than what was submitted in a row."""

from __future__ import annotations

import signal
import sys
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel.client.history import Counted, MsgIds, Outstanding, Spans

S = "abc"


def ids(*seqs: int) -> list[str]:
    return [f"{S}_{seq}" for seq in seqs]


def spans(*ranges: tuple[int, int]) -> Spans:
    made = Spans()
    for seq, count in ranges:
        made.add(seq, count)
    return made


def test_a_million_in_a_row_take_no_room() -> None:
    made = Spans()
    for seq in range(100_000):
        made.add(seq)
    made.add(100_000, 900_000)
    assert len(made) == 1_000_000
    assert sum(map(sys.getsizeof, (made._begins, made._ends))) < 1000


def test_they_are_numbered_from_both_ends() -> None:
    history = MsgIds(S, spans((3, 2), (10, 1)))
    assert list(history) == ids(3, 4, 10)
    assert [history[0], history[-1], history[2]] == ids(3, 10, 10)
    assert history[-2:] == ids(4, 10)
    assert history[::-1] == ids(10, 4, 3)
    with pytest.raises(IndexError, match="3 so far"):
        history[3]
    with pytest.raises(IndexError):
        history[-4]


def test_it_compares_as_a_list() -> None:
    history = MsgIds(S, spans((3, 2)))
    assert history == ids(3, 4)
    assert history != ids(3)
    assert history == MsgIds(S, spans((3, 1), (4, 1)))
    assert history != tuple(ids(3, 4))


def test_it_knows_its_own_ids() -> None:
    history = MsgIds(S, spans((3, 2)))
    assert f"{S}_4" in history
    assert f"{S}_5" not in history
    assert "other_4" not in history
    assert 4 not in history


def test_what_comes_late_finds_its_place() -> None:
    made = spans((5, 1), (9, 1), (2, 1), (6, 2))
    assert list(MsgIds(S, made)) == ids(2, 5, 6, 7, 9)


@given(st.sets(st.integers(0, 60)), st.randoms(use_true_random=False))
def test_any_order_gives_the_same(seqs: set[int], chance: object) -> None:
    order = list(seqs)
    chance.shuffle(order)  # type: ignore[attr-defined]
    made = Spans()
    for seq in order:
        made.add(seq)
    assert list(MsgIds(S, made)) == ids(*sorted(seqs))
    assert all((seq in made) == (seq in seqs) for seq in range(61))


def test_a_clients_history_is_all_that_was_counted() -> None:
    total = 3
    counted = Counted(lambda: total)
    history = MsgIds(S, counted)
    assert history == ids(0, 1, 2)
    history.clear()
    assert history == []
    total = 5
    assert history == ids(3, 4)
    assert 2 not in counted


@given(st.integers(0, 20), st.sets(st.integers(0, 19)), st.integers(0, 20))
def test_what_is_unlisted_does_not_count(
    total: int, others: set[int], cleared: int
) -> None:
    known: list[int] = []
    count = 0
    counted = Counted(lambda: count, known)
    history = MsgIds(S, counted)
    listed: list[int] = []
    for seq in range(total):
        if seq == cleared:
            history.clear()
            listed.clear()
        count += 1
        if seq in others:
            known.append(seq)
        else:
            listed.append(seq)
    assert list(history) == ids(*listed)
    assert [seq for seq in range(-1, 21) if seq in counted] == listed


def test_cleared_spans_begin_anew() -> None:
    made = spans((0, 4))
    MsgIds(S, made).clear()
    made.add(4)
    assert list(MsgIds(S, made)) == ids(4)


def test_outstanding_is_a_set_that_changes() -> None:
    unfinished = [1, 2, 7]
    outstanding = Outstanding(S, lambda: unfinished, spans((0, 3)))
    assert outstanding == set(ids(1, 2))
    assert len(outstanding) == 2
    assert outstanding - {f"{S}_1"} == set(ids(2))
    unfinished.remove(1)
    assert f"{S}_1" not in outstanding
    assert "other_2" not in outstanding
    assert None not in outstanding


def test_a_long_history_is_not_printed_whole() -> None:
    assert repr(MsgIds(S, spans((0, 2)))) == repr(ids(0, 1))
    assert repr(MsgIds(S, spans((0, 99)))) == "<99 ids, the last 'abc_98'>"


def test_an_interrupt_leaves_it_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(array):  # type: ignore[type-arg]
        """Begins during whose change Ctrl-C is pressed."""

        def insert(self, at: int, value: int) -> None:
            super().insert(at, value)
            signal.raise_signal(signal.SIGINT)

    made = spans((3, 1))
    made._begins = Interrupted("q", made._begins)
    with pytest.raises(KeyboardInterrupt):
        made.add(7, 2)
    assert list(MsgIds(S, made)) == ids(3, 7, 8)
