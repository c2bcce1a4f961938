"""Waiting for several results at once."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable
from concurrent.futures import Future
from time import monotonic
from typing import Any

from .connection import Connection
from .results import AsyncResult

__all__ = ["wait_for"]


def wait_for(connection: Connection, jobs: Any, timeout: float | None) -> bool:
    """Wait for results; tell whether all of them have come.

    Parameters
    ----------
    jobs
        A result or future, several of them, or None for all that is outstanding.
    timeout
        Seconds; a negative number or None waits for ever.

    Raises
    ------
    TypeError
        A job is no result.
    """
    if timeout is not None and timeout < 0:
        timeout = None
    deadline = None if timeout is None else monotonic() + timeout
    if jobs is None:
        return _wait_all(connection, timeout)
    for job in _as_futures(jobs):
        left = None if deadline is None else max(0.0, deadline - monotonic())
        if not _wait_one(connection, job, left):
            return False
    return True


def _as_futures(jobs: Any) -> list[Future[Any]]:
    if isinstance(jobs, Future):
        return [jobs]
    if not isinstance(jobs, Iterable):
        raise TypeError(f"cannot wait for {jobs!r}: it is no result")
    futures = list(jobs)
    for job in futures:
        if not isinstance(job, Future):
            raise TypeError(f"cannot wait for {job!r}: it is no result")
    return futures


def _wait_one(connection: Connection, job: Any, timeout: float | None) -> bool:
    if isinstance(job, AsyncResult):
        return job.wait(timeout)
    return not concurrent.futures.wait([job], timeout).not_done


def _wait_all(connection: Connection, timeout: float | None) -> bool:
    waited = connection.outstanding

    def done() -> bool:
        while waited and not connection.is_open(waited[-1]):
            waited.pop()  # looked at once: not all of them at each turn
        return not waited

    return connection.wait(done, None, timeout)
