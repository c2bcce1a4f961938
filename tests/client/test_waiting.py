"""Futures of any kind are yielded as they come."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from parallel.client.waiting import as_completed
from tests.waiting import wait_until


def test_plain_futures_wake_who_waits_for_them() -> None:
    first: Future[Any] = Future()
    second: Future[Any] = Future()
    second.set_result(2)
    found = as_completed([first, second])
    assert next(found) is second
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, found)
        wait_until(lambda: vars(found._changed)["_waiters"], what="thread that waits")
        first.set_result(1)
        assert waiting.result(30) is first
    assert list(found) == []
