"""What users mean by jobs: results, futures, ids, places in a history, or several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

__all__ = ["futures_and_ids", "ids_of"]


def futures_and_ids(
    jobs: Any, history: Sequence[str]
) -> tuple[list[Future[Any]], list[str]]:
    """Return the futures among some jobs, and the ids of the rest.

    Raises
    ------
    TypeError
        A job is none.
    IndexError
        A place is not in the history.
    """
    futures: list[Future[Any]] = []
    ids: list[str] = []
    for job in _flat(jobs, history):
        if isinstance(job, Future):
            futures.append(job)
        else:
            ids.append(job)
    return futures, ids


def ids_of(jobs: Any, history: Sequence[str]) -> list[str]:
    """Return the message ids of some jobs.

    Raises
    ------
    TypeError
        A job is none, or a future that has no ids.
    IndexError
        A place is not in the history.
    """
    ids: list[str] = []
    for job in _flat(jobs, history):
        if isinstance(job, str):
            ids.append(job)
        elif hasattr(job, "msg_ids"):
            ids += job.msg_ids
        else:
            raise TypeError(f"{job!r} is no result: it has no message ids")
    return ids


def _flat(jobs: Any, history: Sequence[str]) -> Iterator[Any]:
    """Yield futures, things with ids, and ids."""
    if isinstance(jobs, (str, Future)) or hasattr(jobs, "msg_ids"):
        yield jobs
    elif isinstance(jobs, int) and not isinstance(jobs, bool):
        yield history[jobs]
    elif isinstance(jobs, slice):
        yield from history[jobs]
    elif isinstance(jobs, Iterable) and not isinstance(jobs, (bytes, dict)):
        for job in jobs:
            yield from _flat(job, history)
    else:
        raise TypeError(
            f"a job is a result, a message id or its place in the history, not {jobs!r}"
        )
