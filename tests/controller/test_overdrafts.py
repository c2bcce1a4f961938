"""Who submits without an end is told, and then let go: the controller stays bounded."""

from __future__ import annotations

from typing import Any

import pytest

from parallel.controller.functions import FunctionStore
from parallel.controller.limits import Holdings
from parallel.controller.overdrafts import EVERY, SPARED, TIMES, Overdrafts
from parallel.controller.peer import Peer
from parallel.controller.peers import Peers
from parallel.controller.work import Work
from parallel.errors import ProtocolError
from parallel.protocol.messages import FREE, Hello, Method, Submit, Trouble
from parallel.state.naming import TaskKey
from parallel.state.tasks import Task

TASKS, NBYTES = FREE.tasks, FREE.nbytes
MOST = TIMES * TASKS


class Tasks(dict[TaskKey, Task]):
    """All tasks, and how often all of them were looked at."""

    looks = 0

    def items(self) -> Any:
        self.looks += 1
        return super().items()


class Ledger:
    """What is under way, and what was given up."""

    def __init__(self) -> None:
        self.tasks = Tasks()
        self.kept: list[Work] = []
        self.given_up: list[int] = []
        self.functions = FunctionStore()
        self.overdrafts = Overdrafts(
            Peers(lambda _: True),
            Holdings(tasks=TASKS, nbytes=NBYTES),
            self.tasks,
            lambda _: self.kept,
            self.functions,
            lambda client, seqs, now: self.given_up.extend(seqs),
        )

    def submit(self, peer: Peer, count: int, payload: bytes = b"", seq: int = 0) -> Any:
        for number in range(seq, seq + count):
            work = Work(Submit(number, Method.APPLY, b"", payload), ())
            key = TaskKey(peer.uuid, number)
            self.tasks[key] = Task(key, work)
        peer.submitted = seq + count - 1
        return work


def client(name: bytes = b"a") -> Peer:
    return Peer(Hello("client", "work", name * 16, "secret", "host", 1), b"route", -1)


def test_who_keeps_to_its_credit_hears_nothing() -> None:
    ledger, peer = Ledger(), client()
    ledger.submit(peer, TASKS, bytes(NBYTES // TASKS))
    ledger.overdrafts.judge(peer, 0.0)
    assert not peer.messages
    assert not ledger.overdrafts.is_due


def test_who_has_far_more_is_told_once_and_then_let_go() -> None:
    ledger, peer = Ledger(), client()
    ledger.submit(peer, MOST // 2 + 1)
    for _ in range(2):
        ledger.overdrafts.judge(peer, 0.0)
    (told,) = peer.messages
    assert isinstance(told, Trouble)
    assert "submits too much: it has 4,097 tasks with 0 MiB" in told.text
    assert "At 8,192 tasks" in told.text
    ledger.submit(peer, MOST + 1)
    with pytest.raises(ProtocolError, match=r"has 8,193 tasks .* may have 8,192 tasks"):
        ledger.overdrafts.look(peer, EVERY * 2)
    assert ledger.given_up == list(range(MOST + 1))


def test_who_submits_all_of_it_within_a_moment_is_let_go_as_well() -> None:
    ledger, peer = Ledger(), client()
    ledger.submit(peer, MOST // 2 + 1)
    ledger.overdrafts.look(peer, EVERY * 2)
    ledger.submit(peer, MOST // 2, seq=MOST // 2 + 1)
    with pytest.raises(ProtocolError, match="8,193 tasks with 0 MiB under way"):
        ledger.overdrafts.look(peer, EVERY * 2)


def test_bytes_count_too_but_for_the_largest_and_what_is_shared_once() -> None:
    ledger, peer = Ledger(), client()
    work = ledger.submit(peer, 1, bytes(NBYTES))
    for number in range(1, 60):
        key = TaskKey(peer.uuid, number)
        ledger.tasks[key] = Task(key, work)
    assert ledger.overdrafts.held(peer.uuid) == (60, 0)
    small = bytes(NBYTES // 8)
    for number in range(60, 60 + SPARED**2 - 1 + TIMES * 8):
        ledger.submit(peer, 1, small, seq=number)
    ledger.overdrafts.judge(peer, 0.0)
    ledger.submit(peer, 1, small, seq=1000)
    with pytest.raises(ProtocolError, match="with 16 MiB under way"):
        ledger.overdrafts.judge(peer, 0.0)


def test_what_waits_elsewhere_counts_as_well() -> None:
    ledger, peer = Ledger(), client()
    submit = Submit(5, Method.APPLY, b"", b"", targets=list(range(MOST + 1)))
    ledger.kept.append(Work(submit, ()))
    with pytest.raises(ProtocolError, match="8,193 tasks"):
        ledger.overdrafts.judge(peer, 0.0)
    assert ledger.given_up == list(range(5, 5 + MOST + 1))


def test_while_others_have_left_too_much_more_than_a_little_is_too_much() -> None:
    ledger, gone, peer = Ledger(), client(b"g"), client()
    ledger.submit(gone, MOST)
    ledger.submit(peer, TASKS + 1)
    ledger.overdrafts.look(peer, EVERY * 2)  # it keeps to its credit
    ledger.submit(peer, 2 * TASKS + 1)
    ledger.overdrafts.look(peer, EVERY * 2.5)  # not so soon again
    with pytest.raises(ProtocolError, match="4,097 tasks"):
        ledger.overdrafts.look(peer, EVERY * 4)


def test_what_is_under_way_leaves_less_room() -> None:
    ledger, peer = Ledger(), client()
    before = ledger.overdrafts.room(peer.uuid)
    assert (before.tasks, before.nbytes) == (MOST, TIMES * NBYTES)
    ledger.submit(peer, 2 * SPARED * SPARED, bytes(1000))
    after = ledger.overdrafts.room(peer.uuid)
    assert before.tasks - after.tasks == 2 * SPARED * SPARED
    assert after.nbytes < before.nbytes


def test_who_is_back_with_more_than_it_may_have_is_let_go() -> None:
    ledger = Ledger()
    ledger.overdrafts.check_open(MOST)
    with pytest.raises(ProtocolError, match="tasks have not ended, and may have"):
        ledger.overdrafts.check_open(MOST + 1)


def test_all_tasks_are_looked_at_only_for_one_that_may_have_too_much() -> None:
    ledger, peer = Ledger(), client()
    ledger.submit(client(b"o"), TASKS)
    for i in range(100):  # of these, each has ended when the next one comes
        for seq in range(20 * i, 20 * (i + 1)):
            ledger.tasks.pop(TaskKey(peer.uuid, seq - 20), None)
            ledger.submit(peer, 1, seq=seq)
        ledger.overdrafts.judge(peer, 0.0)
    assert ledger.tasks.looks == 1
    ledger.submit(peer, MOST // 2, seq=2000)
    ledger.overdrafts.judge(peer, 0.0)
    assert ledger.tasks.looks == 2


def test_so_are_they_for_one_that_may_have_too_many_bytes() -> None:
    ledger, peer = Ledger(), client()
    for nbytes, looks in ((0, 1), (TIMES * NBYTES // 2, 1), (1, 2)):
        ledger.overdrafts.hear(peer, nbytes, 0.0)
        ledger.overdrafts.judge(peer, 0.0)
        assert ledger.tasks.looks == looks


def test_whose_tasks_cannot_be_counted_by_their_numbers_is_looked_at() -> None:
    ledger, peer = Ledger(), client()
    ledger.overdrafts.judge(peer, 0.0)
    ledger.submit(peer, MOST + 1)
    peer.submitted, peer.counted = 0, None
    with pytest.raises(ProtocolError, match="8,193 tasks"):
        ledger.overdrafts.judge(peer, 0.0)
