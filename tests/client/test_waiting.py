"""Futures of any kind are yielded as they come."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from parallel.client.waiting import as_completed


def test_plain_futures_wake_who_waits_for_them() -> None:
    first: Future[Any] = Future()
    second: Future[Any] = Future()
    second.set_result(2)
    found = as_completed([first, second])
    assert next(found) is second
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, found)
        setter = threading.Timer(0.05, first.set_result, [1])
        setter.start()
        assert waiting.result(10) is first
        setter.join()
    assert list(found) == []
