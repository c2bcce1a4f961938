"""An interrupt meets the task that it is for, or none."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel.engine.turns import CALL, Order, Turns, cut_handler_off
from parallel.protocol.messages import Status


@pytest.fixture
def turns() -> Iterator[Turns]:
    found = Turns()
    before = signal.signal(signal.SIGINT, found.on_signal)
    called_before = signal.signal(CALL, found.on_call)
    yield found
    signal.signal(signal.SIGINT, before)
    signal.signal(CALL, called_before)


def begin(turns: Turns, *ordinals: int) -> None:
    """Start tasks, each on top of the one before, and run the users' code."""
    for ordinal in ordinals:
        assert turns.begin(ordinal)
    turns.run()


def raise_pending() -> None:
    """Let a signal's handler run, should one be due."""
    time.sleep(0)


# Started, or given back


def test_what_was_given_back_does_not_start(turns: Turns) -> None:
    assert turns.begin(1)
    assert turns.revoke([1, 2, 3]) == [2, 3]
    assert not turns.begin(2)
    assert not turns.begin(3)
    assert turns.begin(4)


def test_to_interrupt_what_has_not_started_gives_it_back(turns: Turns) -> None:
    begin(turns, 1)
    assert turns.interrupt(2)
    assert not turns.begin(2)


# Interrupted


def test_the_running_task_is_interrupted_once(turns: Turns) -> None:
    begin(turns, 1)
    with pytest.raises(KeyboardInterrupt):
        turns.interrupt(1)
    raise_pending()
    turns.run()


def test_from_another_thread_it_ends_a_call_that_blocks(turns: Turns) -> None:
    begin(turns, 1)
    thread = threading.Timer(0.01, turns.interrupt, [1])
    began = time.monotonic()

    def block() -> None:
        thread.start()
        time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        block()
    assert time.monotonic() - began < 5
    thread.join()


def test_one_that_came_before_a_call_that_blocks_is_repeated(turns: Turns) -> None:
    begin(turns, 1)
    before = signal.signal(CALL, signal.SIG_IGN)
    assert not turns.interrupt(1)  # nobody hears it
    signal.signal(CALL, before)
    raise_pending()
    with pytest.raises(KeyboardInterrupt):
        turns.insist()
    assert not turns.insist()


def test_a_handler_of_the_users_is_called_once(turns: Turns) -> None:
    begin(turns, 1)
    called = []
    before = signal.signal(signal.SIGINT, lambda *_: called.append("here"))
    turns.interrupt(1)
    raise_pending()
    assert not turns.insist()
    signal.signal(signal.SIGINT, before)
    assert called == ["here"]


def test_what_has_ended_is_left_alone_and_so_is_the_next(turns: Turns) -> None:
    begin(turns, 1)
    turns.running = False
    turns.interrupt(1)  # as its result is packed
    turns.end(1)
    assert not turns.interrupt(1)
    begin(turns, 2)
    raise_pending()
    turns.end(2)


def test_one_that_comes_late_meets_nobody(turns: Turns) -> None:
    begin(turns, 1)
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {CALL})
    turns.interrupt(1)
    turns.running = False
    turns.end(1)
    begin(turns, 2)
    signal.pthread_sigmask(signal.SIG_SETMASK, held)
    raise_pending()
    turns.run()


def test_before_the_users_code_runs_it_waits_for_that(turns: Turns) -> None:
    assert turns.begin(1)
    turns.interrupt(1)
    raise_pending()
    with pytest.raises(KeyboardInterrupt):
        turns.run()


# On top of one another


def test_a_task_below_is_interrupted_when_it_goes_on(turns: Turns) -> None:
    def wait() -> None:
        with turns.apart():
            begin(turns, 2)
            assert not turns.interrupt(1)
            raise_pending()
            turns.running = False
            turns.end(2)

    begin(turns, 1)
    with pytest.raises(KeyboardInterrupt):
        wait()
    assert turns.running


def test_the_one_on_top_is_interrupted_alone(turns: Turns) -> None:
    begin(turns, 1)
    with turns.apart():
        begin(turns, 2)
        with pytest.raises(KeyboardInterrupt):
            turns.interrupt(2)
        turns.running = False
        turns.end(2)
    raise_pending()
    turns.end(1)


def test_what_is_ours_is_not_interrupted(turns: Turns) -> None:
    done = []

    def send() -> None:
        with turns.apart():
            signal.raise_signal(signal.SIGINT)
            done.append("sent")

    begin(turns, 1)
    with pytest.raises(KeyboardInterrupt):
        send()
    assert done == ["sent"]


# From outside


def test_a_signal_from_outside_is_for_the_innermost(turns: Turns) -> None:
    begin(turns, 1, 2)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    turns.end(2)
    turns.run()


def test_its_traceback_ends_where_it_came(turns: Turns) -> None:
    begin(turns, 1)
    with pytest.raises(KeyboardInterrupt) as caught:
        signal.raise_signal(signal.SIGINT)
    cut_handler_off(caught.value)
    assert caught.traceback[-1].path == Path(__file__)


def test_while_idle_it_is_ignored_and_told(
    turns: Turns, caplog: pytest.LogCaptureFixture
) -> None:
    signal.raise_signal(signal.SIGINT)
    assert "SIGINT while idle is ignored" in caplog.text
    begin(turns, 1)
    raise_pending()


def test_how_a_task_was_told_to_end_is_known_until_it_has(turns: Turns) -> None:
    assert turns.begin(1)
    order = Order(Status.TIMEOUT, "it took too long")
    turns.interrupt(1, order)
    assert turns.order(1) == order
    turns.end(1)
    assert turns.order(1) is None
