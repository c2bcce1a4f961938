"""What an engine tells the next controller of its tasks."""

from __future__ import annotations

from time import monotonic

from parallel.engine.stock import Batch, take_stock
from parallel.engine.turns import LEAP, Started, Turns
from parallel.protocol.kinds import Stage, Status
from parallel.protocol.messages import Result


def test_it_says_how_long_tasks_have_run() -> None:
    now = monotonic()
    started = [Started(3, b"3" * 24, now - 100), Started(5, b"5" * 24, now - 7)]
    held, results = take_stock(9, started, [], [])
    below, on_top = held.tasks
    assert (below.ordinal, below.stage) == (3, Stage.SUSPENDED)
    assert (on_top.ordinal, on_top.stage) == (5, Stage.RUNNING)
    assert 100 <= below.ran < 200
    assert 7 <= on_top.ran < 100
    assert (held.reach, results) == (9, [])


def test_what_has_ended_is_told_as_ended() -> None:
    result = Result(4, Status.OK, b"", 0, 0, 1, task=b"4" * 24)
    held, results = take_stock(9, [], [], [Batch([result], ()), Batch([result], ())])
    (task,) = held.tasks
    assert (task.task, task.ordinal, task.stage) == (b"4" * 24, 4, Stage.ENDED)
    assert [batch.messages for batch in results] == [[result]] * 2


def test_what_started_is_known_by_when_it_did() -> None:
    turns, before = Turns(), monotonic()
    for ordinal in (1, 2):
        assert turns.begin(ordinal, bytes([ordinal]))
    turns.end(2)
    assert turns.begin(3, b"3")
    reach, started = turns.close()
    assert reach == 3 + LEAP
    assert [each[:2] for each in started] == [(1, b"\x01"), (3, b"3")]
    assert before <= started[0].since <= started[1].since <= monotonic()
