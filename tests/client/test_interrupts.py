"""An interrupt waits until nothing is in hand, and not a moment longer."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from parallel.client.interrupts import Interrupts


@pytest.fixture(autouse=True)
def handler_is_put_back() -> Iterator[None]:
    """See that whatever happens, Ctrl-C is what it was before."""
    before = signal.getsignal(signal.SIGINT)
    assert before is signal.default_int_handler
    yield
    after = signal.signal(signal.SIGINT, before)
    assert after is before


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


@contextmanager
def interrupted(interrupts: Interrupts) -> Iterator[list[str]]:
    """Run a block in which an interrupt is noted, that is raised at its end."""
    done: list[str] = []
    try:
        with interrupts:
            yield done
            done.append("all")
    except KeyboardInterrupt:
        done.append("interrupted")
    assert done[-2:] == ["all", "interrupted"]


def test_it_is_raised_at_the_end_of_the_block() -> None:
    with interrupted(Interrupts()):
        interrupt()


def test_it_is_raised_where_it_may_be_and_once() -> None:
    interrupts = Interrupts()
    with interrupts:
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupts.check(bool)
        interrupts.check(bool)


def test_of_blocks_within_blocks_only_the_outermost_raises() -> None:
    interrupts = Interrupts()
    with interrupted(interrupts), interrupts:
        interrupt()
        interrupts.check(bool)


def test_a_second_one_is_raised_at_once() -> None:
    with interrupted(Interrupts()):
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupt()


def test_who_sleeps_is_woken() -> None:
    interrupts = Interrupts()
    with interrupted(interrupts) as done:
        interrupts.check(lambda: done.append("woken"))
        interrupt()
        assert done == ["woken"]


def test_nothing_of_one_block_is_left_to_the_next() -> None:
    interrupts = Interrupts()
    with pytest.raises(KeyboardInterrupt), interrupts:
        interrupt()
    with interrupts:
        interrupts.check(bool)


def test_an_error_of_the_block_comes_with_it() -> None:
    def fail() -> None:
        with Interrupts():
            interrupt()
            raise ValueError("too")

    with pytest.raises(KeyboardInterrupt) as told:
        fail()
    assert isinstance(told.value.__context__, ValueError)


def test_other_threads_are_none_of_its_business() -> None:
    interrupts, seen = Interrupts(), []

    def work() -> None:
        with interrupts:
            seen.append(signal.getsignal(signal.SIGINT))
            interrupts.check(bool)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_a_handler_of_ones_own_stays() -> None:
    called: list[int] = []
    before = signal.signal(signal.SIGINT, lambda *_: called.append(1))
    try:
        with Interrupts():
            interrupt()
            assert called == [1]
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_is_put_within_the_block_stays() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        with Interrupts():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
